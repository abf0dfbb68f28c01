"""Apply what is declared: settings, tables, tags and grants; a change that loses data must be allowed by name."""

from __future__ import annotations

import re
from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_text
from growth_verticals.cli.tables.plan import SOURCES_HELP, build_plan, changes_of, print_plan, step_as_json

if TYPE_CHECKING:
    import argparse

EXAMPLE = """examples:
  ./gv tables apply
  ./gv tables apply aiq_household --allow drop:aiq.household.aiq_lor"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="*", help=SOURCES_HELP)
    parser.add_argument(
        "--allow",
        action="append",
        type=parse_allow,
        default=[],
        metavar="CHANGE",
        help="drop:NAMESPACE.TABLE.COLUMN allows dropping a column, or replacing it with one of a narrower type; "
        "revoke:PRINCIPAL allows revoking access that no file declares; can be repeated",
    )


def run(arguments: argparse.Namespace) -> int:
    """Apply the plan; exit code 0 if everything is as declared afterwards, 1 if a refused change left all unchanged."""
    from growth_verticals.bucket.plan import refused_changes

    plan = build_plan(arguments)
    refused = refused_changes(plan, arguments.allow)
    if not arguments.json:
        print_plan(plan, arguments.allow)
    for step in [] if refused else plan:
        step.apply()
    if arguments.json:
        print_json({"applied": not refused, "steps": [step_as_json(step) for step in plan]})
    elif refused:
        print_text(
            "a change is refused, so nothing was changed. Next: fix the declaration, or permit the change by --allow"
        )
    else:
        print("applied" if changes_of(plan) else "everything is as declared")
    return 1 if refused else 0


def parse_allow(text: str) -> str:
    """Return `text` if it is a valid value of `--allow`. Raises `ArgumentTypeError`."""
    if not re.fullmatch(r"drop:[a-z0-9_]+\.[a-z0-9_]+\.[^.]+|revoke:arn:\S+", text):
        raise ArgumentTypeError(f"{text[:80]!r} is neither drop:NAMESPACE.TABLE.COLUMN nor revoke:PRINCIPAL")
    return text
