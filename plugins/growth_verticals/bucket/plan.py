"""The plan: how the table bucket differs from the declarations, and the steps that apply them.

A check compares the table bucket, a source's tables or the grants, and returns the steps that would remove the
differences. A plan is the steps of all checks. No step is applied while one of them is refused.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from growth_verticals.bucket.maintenance import (
    apply_bucket_maintenance,
    apply_maintenance,
    planned_bucket_maintenance,
    planned_maintenance,
)
from growth_verticals.bucket.policies import apply_grants, grant_differences
from growth_verticals.bucket.storage import (
    put_access_log,
    put_request_metrics,
    put_storage_class,
    read_bucket,
    read_table,
)
from growth_verticals.bucket.tags import bucket_tags, put_tags, table_tags, tag_changes
from growth_verticals.catalog.create import ensure_table, find_table
from growth_verticals.catalog.differences import alter, differences
from growth_verticals.contract.render import partition_in_sql
from growth_verticals.contract.table import rejects_contract
from growth_verticals.source import Maintenance

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.bucket.access import Grant
    from growth_verticals.bucket.declared import BucketDeclaration
    from growth_verticals.bucket.policies import GrantChange
    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source, StorageClass

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
    :param warnings: differences that no change removes. A step can have these alone.
    """

    target: str
    changes: tuple[Change, ...] = ()
    apply: Callable[[], object] = field(default=lambda: None, repr=False, compare=False)
    warnings: tuple[str, ...] = ()


def make_plan(checks: Iterable[Check]) -> list[Step]:
    """Run the checks and return their steps in order. Changes nothing."""
    return [step for check in checks for step in check()]


def refused_changes(plan: Iterable[Step], allowed: Iterable[str] = ()) -> list[Change]:
    """Return the plan's changes that are refused and not in `allowed`. If there is any, apply nothing of the plan."""
    flags = set(allowed)
    return [change for step in plan for change in step.changes if change.refused and change.allow_flag not in flags]


def check_bucket(
    account: Account, declared: BucketDeclaration, environment: str | None, log_bucket: str | None
) -> list[Step]:
    """Return the step that makes the table bucket's own settings equal to their declaration.

    :param environment, log_bucket: None if they are not managed.
    """
    live = read_bucket(account)
    tags = tag_changes(live.tags, bucket_tags(environment))
    planned: list[tuple[str, Callable[[], object]]] = [
        (f"set {setting}", partial(apply_bucket_maintenance, account, declared.maintenance))
        for setting in planned_bucket_maintenance(account, declared.maintenance)
    ]
    if live.storage_class != declared.storage_class:
        description = f"set the storage class of new tables from {live.storage_class} to {declared.storage_class}"
        planned.append((description, partial(put_storage_class, account, declared.storage_class)))
    if live.request_metrics != declared.request_metrics:
        description = f"turn request metrics {'on' if declared.request_metrics else 'off'}"
        planned.append((description, partial(put_request_metrics, account, enabled=declared.request_metrics)))
    if log_bucket is not None and live.log_bucket != log_bucket:
        description = f"write the access log to {log_bucket} instead of {live.log_bucket or 'nowhere'}"
        planned.append((description, partial(put_access_log, account, log_bucket)))
    planned += [
        (f"set the tag {key} to {value}", partial(put_tags, account, account.table_bucket_arn, {key: value}))
        for key, value in tags.items()
    ]
    warnings = []
    if live.encryption != declared.encryption:
        warnings.append(
            f"encryption is {live.encryption}, declared is {declared.encryption}; change it in the template of the "
            "table bucket: it is that of new tables only"
        )
    if not planned and not warnings:
        return []
    changes = tuple(Change(description=description) for description, _ in planned)
    applied = [apply for _, apply in planned]
    return [
        Step(
            target=f"table bucket {account.table_bucket_arn.rpartition('/')[2]}",
            changes=changes,
            apply=lambda: [apply() for apply in applied],
            warnings=tuple(warnings),
        )
    ]


def table_checks(
    account: Account, catalog: RestCatalog, source: Source, contract: TableContract, environment: str | None = None
) -> list[Check]:
    """Return the checks of a source's table and its rejects table: columns first, then maintenance, then tags.

    :param environment: value of the tag `environment`; None: it is not managed.
    """
    rejects = rejects_contract(contract)
    tags = [table_tags(source, each, environment) for each in (contract, with_columns_of(contract, rejects))]
    return [
        partial(check_table, account, catalog, contract, source.maintenance, tags[0], source.storage_class),
        partial(check_table, account, catalog, rejects, Maintenance(), tags[1], source.storage_class),
    ]


def with_columns_of(contract: TableContract, rejects: TableContract) -> TableContract:
    """Return the rejects table's contract with the columns of the table: raw records contain values of all of them."""
    return replace(rejects, columns=(*contract.columns, *rejects.columns))


def check_table(
    account: Account,
    catalog: RestCatalog,
    contract: TableContract,
    maintenance: Maintenance,
    tags: Mapping[str, str] | None = None,
    storage_class: StorageClass | None = None,
) -> list[Step]:
    """Return the steps that make the live table, its maintenance settings and its tags equal to their declarations.

    :param tags: None: they are not compared.
    :param storage_class: None: the table bucket's default, which is not compared.
    """
    name = contract.identifier
    table = find_table(catalog, name)
    steps = []
    if table is None:
        creation = (Change(description=_creation(contract, storage_class)),)
        create = partial(ensure_table, catalog, contract, storage_class)
        steps.append(Step(target=name, changes=creation, apply=create))
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
    if tags is not None:
        steps += _check_tags_and_class(account, name, tags, storage_class, exists=table is not None)
    return steps


def _check_tags_and_class(
    account: Account, name: str, tags: Mapping[str, str], storage_class: StorageClass | None, *, exists: bool
) -> list[Step]:
    live = read_table(account, name) if exists else None
    missing = tag_changes(live.tags if live else {}, tags)
    warnings = []
    if live is not None and storage_class not in (None, live.storage_class):
        warnings.append(
            f"its storage class is {live.storage_class}, declared is {storage_class}; AWS sets it only when a table is "
            "created"
        )
    if not missing and not warnings:
        return []
    return [
        Step(
            target=name,
            changes=tuple(Change(description=f"set the tag {key} to {value}") for key, value in missing.items()),
            apply=lambda: put_tags(account, read_table(account, name).arn, missing) if missing else None,
            warnings=tuple(warnings),
        )
    ]


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


def _creation(contract: TableContract, storage_class: StorageClass | None) -> str:
    fields = ", ".join(map(partition_in_sql, contract.partition_by))
    partitioning = f"partitioned by {fields}" if fields else "not partitioned"
    stored = f", storage class {storage_class}" if storage_class else ""
    if storage_class == "INTELLIGENT_TIERING":
        stored += " (compaction leaves files alone that nobody has read for 30 days)"
    return f"create the table with {len(contract.all_columns)} columns, {partitioning}{stored}"
