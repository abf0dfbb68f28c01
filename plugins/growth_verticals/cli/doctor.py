"""Check the configured account: credentials, landing bucket, table bucket, catalog, and a temporary test table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.output import print_text

if TYPE_CHECKING:
    import argparse

EXAMPLE = "example: AWS_PROFILE=data ./gv doctor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no arguments: the command takes none."""


def run(_: argparse.Namespace) -> int:
    """Print one line per check. Return 1 if any check failed, else 0."""
    from growth_verticals.bucket.probe import probe_account

    account = Account.from_environment()
    print_text(
        f"account   {account.table_bucket_arn}, landing {account.landing_uri}, catalog {account.catalog_uri}", indent=10
    )
    failed = 0
    for check in probe_account(account):
        failed += not check.ok
        print_text(f"{'ok' if check.ok else 'FAILED':<8}  {check.name}: {check.detail}", indent=10)
    return 1 if failed else 0
