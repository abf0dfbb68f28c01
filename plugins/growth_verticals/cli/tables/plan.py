"""Show how the table bucket differs from what is declared: settings, tables, tags, grants; exit code 2 if it does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_text
from growth_verticals.cli.tables.common import account_of
from growth_verticals.contract.declared import SCHEMAS, contract_of
from growth_verticals.declarations import named_sources
from growth_verticals.errors import UnknownSourceError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from growth_verticals.bucket.plan import Change, Step
    from growth_verticals.source import Source

EXAMPLE = """examples:
  ./gv tables plan
  ./gv tables plan aiq_household --json"""
POLICIES = SCHEMAS.parent / "policies"
SOURCES_HELP = "only these sources (default: the bucket, all sources and the grants, or the sources of --namespace)"
_EXIT_DIFFERENT = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", nargs="*", help=SOURCES_HELP)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; exit code 0 if there is nothing to apply, 2 if there is."""
    plan = build_plan(arguments)
    if arguments.json:
        print_json({"steps": [step_as_json(step) for step in plan]})
    else:
        print_plan(plan)
        print("Next: ./gv tables apply" if changes_of(plan) else "everything is as declared")
    return _EXIT_DIFFERENT if changes_of(plan) else 0


def changes_of(plan: Iterable[Step]) -> list[Change]:
    """Return all changes of a plan, which can have steps with warnings alone."""
    return [change for step in plan for change in step.changes]


def build_plan(arguments: argparse.Namespace) -> list[Step]:
    """Return the plan for the selected sources; if none is named, also for the table bucket and the declared grants."""
    from growth_verticals.bucket.declared import access_log_bucket, environment_name, read_declaration
    from growth_verticals.bucket.plan import check_bucket, check_grants, make_plan, table_checks
    from growth_verticals.bucket.policies import declared_grants
    from growth_verticals.catalog.rest import open_catalog

    account = account_of(arguments)
    declared = [(source, contract_of(source)) for source in selected_sources(arguments)]
    grants = declared_grants(POLICIES, account)
    catalog = open_catalog(account)
    environment = environment_name()
    checks = [
        check
        for source, contract in declared
        for check in table_checks(account, catalog, source, contract, environment)
    ]
    if not arguments.source and arguments.namespace is None:
        bucket = partial(check_bucket, account, read_declaration(), environment, access_log_bucket())
        checks = [bucket, *checks, partial(check_grants, account, grants)]
    return make_plan(checks)


def selected_sources(arguments: argparse.Namespace) -> list[Source]:
    """Return the sources that the arguments select. Raises `UnknownSourceError`, also if they select none."""
    sources = named_sources(arguments.source)
    selected = [source for source in sources if arguments.namespace in (None, source.namespace)]
    if not selected:
        raise UnknownSourceError(
            f"no source has its table in the namespace {str(arguments.namespace)[:60]!r}",
            expected=" or ".join(sorted({source.namespace for source in sources})),
            next_step="`./gv sources` lists the sources with their tables",
        )
    return selected


def print_plan(plan: Iterable[Step], allowed: Iterable[str] = ()) -> None:
    """Print the steps, one line per change: `+` is applied, `!` is refused, `~` warns of what no change removes."""
    for step in plan:
        print_text(step.target, style="bold")
        for change in step.changes:
            if change.refused and change.allow_flag not in allowed:
                print_text(f"  ! {change.description}{_reason(change)}", indent=4, style="red")
            else:
                print_text(f"  + {change.description}", indent=4, style="green")
        for warning in step.warnings:
            print_text(f"  ~ {warning}", indent=4, style="yellow")


def step_as_json(step: Step) -> dict[str, object]:
    """Return a step as JSON."""
    changes = [
        {"change": change.description, "refused": change.refused or None, "allow": change.allow_flag or None}
        for change in step.changes
    ]
    return {"target": step.target, "changes": changes, "warnings": list(step.warnings)}


def _reason(change: Change) -> str:
    return f" (refused: {change.refused}{f'; --allow {change.allow_flag}' if change.allow_flag else ''})"
