"""./gv: parses the arguments, runs one command, and turns errors into one line and an exit code.

Exit codes: 0 success, 1 refused or failed, 2 usage error, 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback

from growth_verticals.cli import (
    audit,
    cost,
    doctor,
    drift,
    inbox,
    load,
    rejects,
    replay,
    retention,
    secrets,
    sources,
    sql,
    standin,
    status,
    tables,
    undo,
)
from growth_verticals.errors import GrowthVerticalsError, PeriodError, UnknownSourceError

COMMANDS = {
    "sources": sources, "status": status, "load": load, "rejects": rejects, "replay": replay, "undo": undo,
    "inbox": inbox, "drift": drift, "audit": audit, "retention": retention, "cost": cost, "doctor": doctor,
    "tables": tables, "sql": sql, "secrets": secrets,
}  # fmt: skip
_FAILED, _USAGE_ERROR, _INTERRUPTED = 1, 2, 130


def main(arguments: list[str]) -> int:
    """Run the command that `arguments` name and return the exit code."""
    if arguments[:1] == ["local"]:
        return standin.run(arguments[1:])
    parsed = parser().parse_args(arguments)
    try:
        standin.use_if_unconfigured()
        code: int = COMMANDS[parsed.command].run(parsed)
    except (UnknownSourceError, PeriodError) as error:
        return print_error(str(error), _USAGE_ERROR)
    except GrowthVerticalsError as error:
        if "GV_DEBUG" in os.environ:
            raise
        return print_error(str(error), _FAILED)
    except KeyboardInterrupt:
        return print_error("interrupted; run the command again to finish the rest", _INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except Exception as error:
        # A library's message can quote a row's value, so it is not printed.
        frame = traceback.extract_tb(error.__traceback__)[-1]
        if "GV_DEBUG" in os.environ:
            raise
        return print_error(
            f"unexpected {type(error).__name__} in {frame.name} ({frame.filename}:{frame.lineno}). Next: run it again "
            "(nothing is done twice); GV_DEBUG=1 shows the full traceback, which can contain row values",
            _FAILED,
        )
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(prog="gv", description="Load third-party data into S3 table buckets, exactly once.")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        first_line = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(
            name,
            help=first_line,
            description=first_line,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(command)
    commands.add_parser("local", help="Control the local stand-in for AWS and the vendors: up, down, status, env.")
    return root


def print_error(message: str, code: int) -> int:
    """Print `message` to standard error and return `code`."""
    print(f"gv: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
