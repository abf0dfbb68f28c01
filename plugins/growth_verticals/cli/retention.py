"""Retention: show what is older than the sources declare and, with --apply, remove it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.output import number, operator, print_json, print_table, print_text, size
from growth_verticals.declarations import named_sources

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from growth_verticals.retention import RetentionResult

EXAMPLE = """example: ./gv retention
         ./gv retention ls_corp --apply"""
_HEADER = ("source", "period", "rows", "rejects", "copies", "size", "kept")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="*", help="source name, as listed by `./gv sources` (default: all sources)")
    parser.add_argument("--apply", action="store_true", help="remove it; without it, nothing is changed")
    parser.add_argument("--json", action="store_true", help="print a JSON list with one object per source")


def run(arguments: argparse.Namespace) -> int:
    """Print what is old, or remove it and print what left. Always return 0. A retry removes what is left."""
    from growth_verticals.retention import apply_retention

    sources = named_sources(arguments.source)
    account, actor = Account.from_environment(), operator(None)
    results = [apply_retention(account, source, apply=arguments.apply, actor=actor) for source in sources]
    if arguments.json:
        print_json([result.to_json() for result in results])
        return 0
    rows = [row for result in results for row in _rows(result)]
    if rows:
        print_table(_HEADER, rows, right=_HEADER[2:])
    if any(result.kept for result in results):
        print_text("kept: old landed copies whose rows were never loaded; load them, or delete them by hand")
    if not rows:
        print("nothing is older than declared")
    elif arguments.apply:
        print_text("removed; the bytes of rows are deleted when maintenance has removed the older snapshots")
    else:
        print("nothing was removed; --apply removes it")
    return 0


def _rows(result: RetentionResult) -> Iterator[tuple[str, ...]]:
    for period in result.periods:
        counts = (number(each.get(period, 0)) for each in (result.rows, result.rejects, result.copies))
        yield (result.source, period, *counts, size(result.bytes.get(period, 0)), number(result.kept.get(period, 0)))
