"""Revoke access that `gv tables grant` gave; other statements of the policies are kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.tables.common import account_of
from growth_verticals.cli.tables.grant import LEVELS, PRINCIPAL_HELP, add_scope, grant_of, update_policies

if TYPE_CHECKING:
    import argparse

EXAMPLE = """examples: ./gv tables revoke aiq.household --as reader --from role/analyst
          ./gv tables revoke -n aiq --from 111122223333 --dry-run"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    add_scope(parser)
    parser.add_argument("--as", dest="level", choices=LEVELS, help="only this level (default: every level)")
    parser.add_argument("--from", dest="principal", required=True, metavar="PRINCIPAL", help=PRINCIPAL_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Revoke the grant; exit code 0, also if it does not exist."""
    account = account_of(arguments)
    levels = [arguments.level] if arguments.level else LEVELS
    return update_policies(account, [grant_of(account, arguments, each) for each in levels], arguments, revoke=True)
