"""Make tables, maintenance settings and grants as they are declared; what would be lost must be allowed by name."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json
from growth_verticals.cli.tables.plan import as_json, planned, show

if TYPE_CHECKING:
    import argparse

EXAMPLE = """examples:
  ./gv tables apply
  ./gv tables apply aiq_household --allow drop:aiq.household.aiq_lor"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="*", help="only these sources (default: all, or those of --namespace)")
    parser.add_argument(
        "--allow",
        action="append",
        type=allowance,
        default=[],
        metavar="WORD",
        help="drop:NAMESPACE.TABLE.COLUMN lets a column be dropped, or replaced by one of a narrower type; "
        "revoke:PRINCIPAL takes back what no file grants; may be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Apply the plan; 0 if all is as declared afterwards, 1 if a change is refused. Then nothing was changed."""
    from growth_verticals.bucket.plan import refused_changes

    plan = planned(arguments)
    refused = refused_changes(plan, arguments.allow)
    if not arguments.json:
        show(plan, arguments.allow)
    for step in [] if refused else plan:
        step.make()
    if arguments.json:
        print_json({"made": not refused, "steps": [as_json(step) for step in plan]})
    elif refused:
        print("a change is refused, so nothing was changed. Next: mend the SQL file, or allow what may be lost")
    else:
        print("made" if plan else "everything is as declared")
    return 1 if refused else 0


def allowance(text: str) -> str:
    """Return `text` if it names a column to drop or a principal. Raises `ArgumentTypeError`."""
    if not re.fullmatch(r"drop:[a-z0-9_]+\.[a-z0-9_]+\.[^.]+|revoke:arn:\S+", text):
        raise ArgumentTypeError(f"{text[:80]!r} is neither drop:NAMESPACE.TABLE.COLUMN nor revoke:PRINCIPAL")
    return text
