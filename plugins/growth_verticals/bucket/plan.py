"""The plan: how the table bucket differs from the declarations, and the steps that apply them.

A check compares a source's tables or the grants, and returns the steps that would remove the differences. A plan is
the steps of all checks. No step is applied while one of them is refused.
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

    #: Compares the live state and returns the steps that remove its differences; an empty list if there are none.
    Check = Callable[[], "list[Step]"]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change in a step.

    :param description: what would be done, such as "add the column zip5, STRING".
    :param refused: why it is not applied; empty if it is.
    :param allow_flag: the value of `--allow` that permits it anyway; empty if nothing permits it.
    """

    description: str
    refused: str = ""
    allow_flag: str = ""


@dataclass(frozen=True, kw_only=True)
class Step:
    """Changes that are applied together: all or none.

    :param target: what they change, such as "aiq.household".
    :param apply: applies them. Calling it again changes nothing more.
    """

    target: str
    changes: tuple[Change, ...]
    apply: Callable[[], object] = field(repr=False, compare=False)


def make_plan(checks: Iterable[Check]) -> list[Step]:
    """Run the checks and return their steps in order. Changes nothing."""
    return [step for check in checks for step in check()]


def refused_changes(plan: Iterable[Step], allowed: Iterable[str] = ()) -> list[Change]:
    """Return the plan's changes that are refused and not in `allowed`. If there is any, apply nothing of the plan."""
    flags = set(allowed)
    return [change for step in plan for change in step.changes if change.refused and change.allow_flag not in flags]


def table_checks(account: Account, catalog: RestCatalog, source: Source, contract: TableContract) -> list[Check]:
    """Return the checks of a source's table and its rejects table: columns first, then maintenance."""
    tables = [(contract, source.maintenance), (rejects_contract(contract), Maintenance())]
    return [partial(check_table, account, catalog, each, maintenance) for each, maintenance in tables]


def check_table(
    account: Account, catalog: RestCatalog, contract: TableContract, maintenance: Maintenance
) -> list[Step]:
    """Return the steps that make the live table and its maintenance settings equal to their declarations."""
    name = contract.identifier
    table = find_table(catalog, name)
    steps = []
    if table is None:
        creation = (Change(description=_creation(contract)),)
        steps.append(Step(target=name, changes=creation, apply=partial(ensure_table, catalog, contract)))
    elif found := differences(table, contract):
        changes = tuple(
            Change(
                description=each.change,
                refused=each.refused,
                allow_flag=f"drop:{name}.{each.name}" if each.droppable else "",
            )
            for each in found
        )
        steps.append(Step(target=name, changes=changes, apply=partial(alter, catalog, table, contract, found)))
    settings = planned_maintenance(account, None if table is None else name, maintenance)
    if settings:
        changes = tuple(Change(description=f"set {setting}") for setting in settings)
        steps.append(Step(target=name, changes=changes, apply=partial(apply_maintenance, account, name, maintenance)))
    return steps


def check_grants(account: Account, grants: Collection[Grant]) -> list[Step]:
    """Return the steps after which the live policies have the declared grants, and no other grant that gv manages.

    A grant that no file declares is revoked only if a person allows it, because the principal can depend on it.
    """
    changes = tuple(
        Change(
            description=str(each),
            refused="no file declares it, and the principal would lose access" if each.action == "revoke" else "",
            allow_flag=f"revoke:{_principal(each)}" if each.action == "revoke" else "",
        )
        for each in grant_differences(account, grants)
    )
    if not changes:
        return []
    return [Step(target="grants", changes=changes, apply=partial(apply_grants, account, grants, revoke=True))]


def _principal(change: GrantChange) -> str:
    principal = change.statement["Principal"]["AWS"]
    return principal if isinstance(principal, str) else ",".join(principal)


def _creation(contract: TableContract) -> str:
    fields = ", ".join(map(partition_in_sql, contract.partition_by))
    partitioning = f"partitioned by {fields}" if fields else "not partitioned"
    return f"create the table with {len(contract.all_columns)} columns, {partitioning}"
