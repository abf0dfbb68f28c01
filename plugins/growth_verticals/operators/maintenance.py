"""Daily care of the table bucket: settings against the declarations, and whether AWS's own jobs did their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from growth_verticals.declarations import find_source, read_sources
from growth_verticals.errors import ServiceError
from growth_verticals.hooks.account import maintainer_account
from growth_verticals.source import Maintenance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, XComArg


class ApplyBucketMaintenance(BaseOperator):
    """Set how long files that no snapshot refers to are kept, where the table bucket's setting differs.

    :param unreferenced_days: ≥ 1. A delivery must be committed within this time after its files are staged.
    :param non_current_days: ≥ 1, between a file's removal and its end.
    """

    def __init__(self, *, unreferenced_days: int, non_current_days: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unreferenced_days = unreferenced_days
        self.non_current_days = non_current_days

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Return what was changed, in words."""
        from growth_verticals.tables.maintenance import BucketMaintenance, apply_bucket_maintenance

        declared = BucketMaintenance(unreferenced_days=self.unreferenced_days, non_current_days=self.non_current_days)
        changes = apply_bucket_maintenance(maintainer_account(), declared)
        self.log.info("; ".join(changes) or "the table bucket: as declared")
        return changes


class ListTables(BaseOperator):
    """List the declared tables, and their rejects tables, that exist by now."""

    def execute(self, context: Context) -> list[dict[str, str]]:  # noqa: ARG002 - Airflow's signature
        """Return `{"source": name, "table": namespace.table}` of each, by name."""
        live = _live_tables()
        tables = [
            {"source": source.name, "table": table}
            for source in read_sources().values()
            for table in (source.table, source.rejects_table)
            if table in live
        ]
        self.log.info("%s declared tables exist; %s others are left alone", len(tables), len(live) - len(tables))
        return tables


class MaintainTable(BaseOperator):
    """Apply a table's declared maintenance settings, and fail when one of its maintenance jobs has failed.

    A rejects table has AWS's default settings.

    :param table: `{"source": name, "table": namespace.table}`.
    """

    template_fields: Sequence[str] = ("table",)

    def __init__(self, *, table: Mapping[str, str] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table: Any = table  # resolved from XCom before `execute`

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's signature
        """Return the changes made and each job's status. Raises `ServiceError` that names the failed job."""
        from growth_verticals.tables.maintenance import apply_maintenance, job_status

        account, table = maintainer_account(), self.table["table"]
        source = find_source(self.table["source"])
        changes = apply_maintenance(account, table, source.maintenance if table == source.table else Maintenance())
        jobs = job_status(account, table)
        for kind, (status, message) in jobs.items():
            self.log.info("%s: %s is %s %s", table, kind, status, message)
        failed = [
            f"{kind} ({message or 'no message'})" for kind, (status, message) in jobs.items() if status == "Failed"
        ]
        if failed:
            raise ServiceError(
                f"maintenance of {table} failed: {'; '.join(failed)}",
                source=source.name,
                next_step="the runbook says what each message means; the table can be read all the same",
            )
        self.log.info("%s: %s", table, "; ".join(changes) or "settings as declared, no failed job")
        return {"changes": changes, "jobs": {kind: status for kind, (status, _) in jobs.items()}}


def _live_tables() -> set[str]:
    from growth_verticals.tables.failures import service_errors

    account = maintainer_account()
    pages = account.client("s3tables").get_paginator("list_tables").paginate(tableBucketARN=account.table_bucket_arn)
    with service_errors("listing the tables", account.s3tables_endpoint or f"S3 Tables in {account.region}"):
        return {f"{table['namespace'][0]}.{table['name']}" for page in pages for table in page["tables"]}
