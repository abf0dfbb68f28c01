"""Audit: compare what vendors have, what was landed and what the tables hold, and show what differs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.output import print_json, print_table, print_text, printable
from growth_verticals.declarations import named_sources

if TYPE_CHECKING:
    import argparse

    from growth_verticals.audit.report import AuditedPeriod
    from growth_verticals.source import Source

EXAMPLE = """example: ./gv audit
         ./gv audit aiq_household --period 2026Q4"""
_DIFFERS, _UNREACHABLE = 2, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="?", help="source name, as listed by `./gv sources` (default: all sources)")
    parser.add_argument("--period", help="only this period, with all its files (default: the newest ones)")
    parser.add_argument("--json", action="store_true", help="print every period and file as one JSON list")


def run(arguments: argparse.Namespace) -> int:
    """Print the periods. Return 0 if all agree, 2 if something differs, 1 if only a vendor did not answer."""
    if arguments.period and not arguments.source:
        print("gv: --period needs a source: ./gv audit SOURCE --period PERIOD", file=sys.stderr)
        return 2
    sources = named_sources([arguments.source] if arguments.source else [])
    account = Account.from_environment()
    audited = [period for source in sources for period in audit(account, source, arguments.period)]
    if arguments.json:
        print_json([period.to_json() for period in audited])
    else:
        show(audited, all_files=arguments.period is not None)
    if any(period.differs for period in audited):
        return _DIFFERS
    return _UNREACHABLE if any(period.state == "vendor unreachable" for period in audited) else 0


def audit(account: Account, source: Source, period_key: str | None) -> list[AuditedPeriod]:
    """Return the source's audited periods: one if it is named."""
    from dataclasses import replace

    from growth_verticals.audit.collect import audit_source
    from growth_verticals.audit.decide import without_older
    from growth_verticals.hooks.vendor import open_vendor_of_environment

    periods = [source.cadence.parse(period_key)] if period_key else None
    with open_vendor_of_environment(account, source) as vendor:
        audited = list(audit_source(account, source, vendor, periods=periods))
    if period_key is None:
        audited = without_older(source, audited)
    return [
        replace(each, state="paused", found=source.paused) if source.paused and each.is_empty else each
        for each in audited
    ]


def show(audited: list[AuditedPeriod], *, all_files: bool) -> None:
    """Print a line for each period, then one for each file that does not agree (`all_files`: for each file)."""
    print_table(
        ("source", "period", "state", "files", "at the vendor"),
        [(each.source, each.period, each.state, each.counts(), printable(each.found)) for each in audited],
    )
    files = [
        (each.source, each.period, printable(file.name), file.state, file.sha256 or "-")
        for each in audited
        for file in (each.files if all_files else each.unsettled)
    ]
    if files:
        print()
        print_table(("source", "period", "file", "state", "sha256"), files)
    print()
    print_text("runs are not known here: the DAG delivery_audit starts missing runs and says what no run explains")
