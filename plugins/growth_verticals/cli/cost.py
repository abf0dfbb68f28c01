"""Cost: estimate what each source costs a month, from the sizes and files of its tables and raw copies."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.cli.output import print_json, print_table
from growth_verticals.declarations import named_sources

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from growth_verticals.cost import Cost

EXAMPLE = """example: ./gv cost
         ./gv cost aiq_household --json"""
_HEADER = ("source", "GB", "files", "storage", "raw", "upkeep", "total")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="*", help="source name, as listed by `./gv sources` (default: all sources)")
    parser.add_argument("--json", action="store_true", help="print one JSON document, with each part of the costs")


def run(arguments: argparse.Namespace) -> int:
    """Print the estimate. Always return 0."""
    from growth_verticals.cost import by_client, cost_of, read_prices, usage_of

    sources = named_sources(arguments.source)
    prices, account = read_prices(), Account.from_environment()
    costs = [cost_of(usage_of(account, source), prices) for source in sources]
    costs.sort(key=lambda cost: cost.total, reverse=True)
    if arguments.json:
        print_json(
            {
                "sources": [asdict(cost) | {"total": cost.total} for cost in costs],
                "clients": by_client(costs),
                "prices": prices,
            }
        )
        return 0
    _print(costs, by_client(costs))
    print(f"{prices['currency']} a month, estimated with prices of {prices['region']} from {prices['read_at']}.")
    print("upkeep: monitoring, compaction, uploads. Left out: see include/prices.json")
    return 0


def _print(costs: Sequence[Cost], clients: dict[str, float]) -> None:
    rows = [
        (
            cost.source,
            f"{cost.gb:,.1f}" if cost.gb < 100 else f"{cost.gb:,.0f}",
            f"{cost.files:,}",
            f"{cost.storage:,.2f}",
            f"{cost.landing:,.2f}",
            f"{cost.monitoring + cost.compaction + cost.requests:,.2f}",
            f"{cost.total:,.2f}",
        )
        for cost in costs
    ]
    print_table(_HEADER, rows, right=_HEADER[1:])
    print()
    total = ("total", f"{sum(clients.values()):,.2f}")
    print_table(
        ("client", "total"), [*((client, f"{cost:,.2f}") for client, cost in clients.items()), total], right=("total",)
    )
    print()
