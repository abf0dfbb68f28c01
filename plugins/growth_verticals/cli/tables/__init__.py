"""Create, inspect, configure and share the tables of a table bucket: `gv tables COMMAND`.

One module per command, each with `EXAMPLE`, `add_arguments` and `run`; `common.py` has the options that all share.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from pkgutil import iter_modules

from growth_verticals.cli.tables.common import add_common_arguments

EXAMPLE = "example: ./gv tables list"
COMMANDS = tuple(sorted(module.name for module in iter_modules(__path__) if module.name != "common"))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands, each with the common options."""
    commands = parser.add_subparsers(dest="tables_command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        module = import_module(f"{__name__}.{name}")
        first_line = (module.__doc__ or "").splitlines()[0]
        command = commands.add_parser(
            name,
            help=first_line,
            description=first_line,
            epilog=module.EXAMPLE,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        add_common_arguments(command)
        module.add_arguments(command)
        command.set_defaults(run=module.run)


def run(arguments: argparse.Namespace) -> int:
    """Run the selected command and return its exit code."""
    code: int = arguments.run(arguments)
    return code
