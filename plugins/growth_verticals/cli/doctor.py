"""Check the configured account for a role's work, and name each right that is missing, with what gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.output import print_text

if TYPE_CHECKING:
    import argparse

EXAMPLE = """example: AWS_PROFILE=data-admin ./gv doctor
         AWS_PROFILE=data-reader ./gv doctor --as reader"""
_INDENT = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--as",
        dest="role",
        choices=("reader", "loader", "maintainer", "admin"),
        default="admin",
        help="the role whose work is checked (default: admin, which checks everything)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one line per check, and one per missing right. Return 1 if any check failed, else 0."""
    from growth_verticals.bucket.probe import probe_account
    from growth_verticals.declarations import read_sources

    account = Account.from_environment()
    print_text(
        f"account   {account.table_bucket_arn}, landing {account.landing_uri}, catalog {account.catalog_uri}",
        indent=_INDENT,
    )
    # A reader of vendors' tables cannot read those of clients.
    tables = [source.table for source in sorted(read_sources().values(), key=lambda source: bool(source.client))]
    failed = 0
    for check in probe_account(account, arguments.role, tables):
        failed += not check.ok
        print_text(f"{'ok' if check.ok else 'FAILED':<8}  {check.name}: {check.detail}", indent=_INDENT)
        for right in check.missing:
            print_text(f"{'missing':<8}  {right}", indent=_INDENT)
    return 1 if failed else 0
