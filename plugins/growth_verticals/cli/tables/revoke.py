"""Take back what `gv tables grant` gave, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.tables.common import account_of
from growth_verticals.cli.tables.grant import LEVELS, WHO, add_scope, carry_out, grant_of

if TYPE_CHECKING:
    import argparse

EXAMPLE = """examples: ./gv tables revoke aiq.household --as reader --from role/analyst
          ./gv tables revoke -n aiq --from 111122223333 --dry-run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    add_scope(parser)
    parser.add_argument("--as", dest="level", choices=LEVELS, help="only this level; default: each that was given")
    parser.add_argument("--from", dest="principal", required=True, metavar="WHO", help=WHO)


def run(arguments: argparse.Namespace) -> int:
    """Take the grant back; 0 also when it did not stand."""
    account = account_of(arguments)
    levels = [arguments.level] if arguments.level else LEVELS
    return carry_out(account, [grant_of(account, arguments, each) for each in levels], arguments, revoke=True)
