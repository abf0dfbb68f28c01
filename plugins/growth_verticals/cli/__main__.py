"""./gv: reads the words, runs one command, and turns errors into a line and an exit code.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback

from growth_verticals.cli import doctor, load, rejects, replay, sources, standin, tables, undo
from growth_verticals.errors import GrowthVerticalsError, PeriodError, UnknownSourceError

COMMANDS = {
    "sources": sources, "load": load, "rejects": rejects, "replay": replay, "undo": undo, "doctor": doctor,
    "tables": tables,
}  # fmt: skip
_FAILED, _USAGE_ERROR, _INTERRUPTED = 1, 2, 130


def main(words: list[str]) -> int:
    """Run the command that `words` name and return the exit code."""
    if words[:1] == ["local"]:
        return standin.run(words[1:])
    arguments = parser().parse_args(words)
    try:
        standin.use_if_unconfigured()
        code: int = COMMANDS[arguments.command].run(arguments)
    except (UnknownSourceError, PeriodError) as error:
        return print_error(str(error), _USAGE_ERROR)
    except GrowthVerticalsError as error:
        if "GV_DEBUG" in os.environ:
            raise
        return print_error(str(error), _FAILED)
    except KeyboardInterrupt:
        return print_error("interrupted; running the command again finishes the rest", _INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _FAILED
    except Exception as error:
        # A library's own message may quote a row's value, and is not shown.
        place = traceback.extract_tb(error.__traceback__)[-1]
        if "GV_DEBUG" in os.environ:
            raise
        return print_error(
            f"unexpected {type(error).__name__} in {place.name} ({place.filename}:{place.lineno}). Next: run it again, "
            "which does nothing twice; with GV_DEBUG=1 it shows everything, a row's values too",
            _FAILED,
        )
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    root = argparse.ArgumentParser(prog="gv", description="Loads third-party data into S3 Table Buckets exactly once.")
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
    commands.add_parser("local", help="The stand-in account and vendors on this machine: up, down, status, env.")
    return root


def print_error(message: str, code: int) -> int:
    """Print `message` on standard error and return `code`."""
    print(f"gv: {message}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
