"""What differs between the declared state and the table bucket, in words, and how to make it so.

A check looks at one thing (a source's tables, the grants) and returns the steps that would set it right. A plan is
the steps of all checks; nothing is done before each of them may be done.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from growth_verticals.bucket.maintenance import apply_maintenance, planned_maintenance
from growth_verticals.bucket.policies import apply_grants, grant_differences
from growth_verticals.catalog.create import ensure_table, find_table
from growth_verticals.catalog.differences import alter, differences
from growth_verticals.contract.render import partition_in_sql
from growth_verticals.contract.table import rejects_contract
from growth_verticals.source import Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.bucket.access import Grant
    from growth_verticals.bucket.policies import GrantChange
    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

    #: Looks at the live state and returns what would set it right; the empty list where nothing differs.
    Check = Callable[[], "list[Step]"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One thing that a step changes.

    :param words: what would be done, as "add the column zip5, STRING".
    :param refused: why it is not done; empty if it is.
    :param allow: the word by which a person allows it all the same; empty if it cannot be allowed.
    """

    words: str
    refused: str = ""
    allow: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Changes that are made together: all of them or none.

    :param about: what they change, as "aiq.household".
    :param make: makes them. Doing it again changes nothing more.
    """

    about: str
    changes: tuple[Change, ...]
    make: Callable[[], object] = field(repr=False, compare=False)


def make_plan(checks: Iterable[Check]) -> list[Step]:
    """Run the checks and return their steps in order. Changes nothing."""
    return [step for check in checks for step in check()]


def refused_changes(plan: Iterable[Step], allowed: Iterable[str] = ()) -> list[Change]:
    """Return the changes of the plan that may not be made. While there is one, none of the plan should be."""
    words = set(allowed)
    return [change for step in plan for change in step.changes if change.refused and change.allow not in words]


def table_checks(account: Account, catalog: RestCatalog, source: Source, contract: TableContract) -> list[Check]:
    """Return the checks of a source's table and its rejects table: columns first, then maintenance."""
    kept = [(contract, source.maintenance), (rejects_contract(contract), Maintenance())]
    return [partial(check_table, account, catalog, each, maintenance) for each, maintenance in kept]


def check_table(
    account: Account, catalog: RestCatalog, contract: TableContract, maintenance: Maintenance
) -> list[Step]:
    """Return what would make the live table, and its maintenance settings, what they are declared to be."""
    name = contract.identifier
    table = find_table(catalog, name)
    steps = []
    if table is None:
        creation = (Change(words=_creation(contract)),)
        steps.append(Step(about=name, changes=creation, make=partial(ensure_table, catalog, contract)))
    elif found := differences(table, contract):
        changes = tuple(
            Change(words=each.change, refused=each.refused, allow=f"drop:{name}.{each.name}" if each.droppable else "")
            for each in found
        )
        steps.append(Step(about=name, changes=changes, make=partial(alter, catalog, table, contract, found)))
    settings = planned_maintenance(account, None if table is None else name, maintenance)
    if settings:
        changes = tuple(Change(words=f"set {setting}") for setting in settings)
        steps.append(Step(about=name, changes=changes, make=partial(apply_maintenance, account, name, maintenance)))
    return steps


def check_grants(account: Account, grants: Collection[Grant]) -> list[Step]:
    """Return what would make the live policies hold the declared grants, and no other that `gv` made.

    A grant that no file declares is taken back only if a person allows it, for the principal's work may hang on it.
    """
    changes = tuple(
        Change(
            words=str(found),
            refused="no file declares it, and the principal would lose it" if found.action == "revoke" else "",
            allow=f"revoke:{_principal(found)}" if found.action == "revoke" else "",
        )
        for found in grant_differences(account, grants)
    )
    if not changes:
        return []
    return [Step(about="grants", changes=changes, make=partial(apply_grants, account, grants, revoke=True))]


def _principal(change: GrantChange) -> str:
    named = change.statement["Principal"]["AWS"]
    return named if isinstance(named, str) else ",".join(named)


def _creation(contract: TableContract) -> str:
    parts = ", ".join(map(partition_in_sql, contract.partition_by)) or "nothing"
    return f"create the table with {len(contract.all_columns)} columns, partitioned by {parts}"
