"""Operators for daily table bucket maintenance: apply the declared settings, and check the results of AWS's jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.declarations import find_source, read_sources
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.hooks.account import maintainer_account
from growth_verticals.operators.failures import ExplainingOperator
from growth_verticals.source import Maintenance

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, XComArg


#: XCom of the task `table`, also if it fails: what `MaintainTable` returns, as far as it is known.
MAINTAINED = "maintained"


class ApplyBucketMaintenance(ExplainingOperator):
    """Set how long the table bucket keeps files that no snapshot refers to, as `include/bucket.json` declares it."""

    def act(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Return a text for each change."""
        from growth_verticals.bucket.declared import read_declaration
        from growth_verticals.bucket.maintenance import apply_bucket_maintenance

        changes = apply_bucket_maintenance(maintainer_account(), read_declaration().maintenance)
        self.log.info("; ".join(changes) or "the table bucket's settings are as declared")
        return changes


class ListTables(ExplainingOperator):
    """List all tables of the table bucket, each with the source that it belongs to."""

    def act(self, context: Context) -> list[dict[str, str | None]]:  # noqa: ARG002 - Airflow's signature
        """Return `{"source": name, "table": namespace.table}` for each table; the name is None without a source."""
        from growth_verticals.bucket.inventory import table_names

        source_by_table: dict[str, str | None] = {
            table: source.name for source in read_sources().values() for table in (source.table, source.rejects_table)
        }
        tables = [{"source": source_by_table.get(table), "table": table} for table in table_names(maintainer_account())]
        others = sum(table["source"] is None for table in tables)
        self.log.info("%s tables belong to sources, %s do not", len(tables) - others, others)
        return tables


class MaintainTable(ExplainingOperator):
    """Apply a table's declared maintenance settings, and fail if one of its maintenance jobs has failed.

    A rejects table gets AWS's default settings. The settings of a table that no source declares are not changed; its
    jobs are checked if this role has permission to read them.

    :param table: `{"source": name or None, "table": namespace.table}`.
    """

    template_fields: Sequence[str] = ("table",)

    def __init__(self, *, table: Mapping[str, str | None] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.table: Any = table  # resolved from XCom before `execute`

    def act(self, context: Context) -> dict[str, Any]:
        """Return the changes, and each job's status and message. Raises `ServiceError` that names the failed jobs.

        What is known when it fails is in XCom too, under `maintained`.
        """
        from growth_verticals.bucket.maintenance import apply_maintenance, maintenance_jobs

        account, table = maintainer_account(), self.table["table"]
        source = find_source(self.table["source"]) if self.table["source"] else None
        result: dict[str, Any] = {**self.table, "changes": [], "jobs": {}, "messages": {}}
        try:
            if source is not None:
                declared = source.maintenance if table == source.table else Maintenance()
                result["changes"] = apply_maintenance(account, table, declared)
            jobs = maintenance_jobs(account, table)
            result["jobs"] = {job_type: job.status for job_type, job in jobs.items()}
            result["messages"] = {job_type: job.message for job_type, job in jobs.items() if job.message}
        except ConfigurationError as error:
            if source is not None:
                raise
            self.log.warning("%s belongs to no source and is skipped: %s", table, error)
            return result
        finally:
            context["ti"].xcom_push(MAINTAINED, result)
        for job_type, job in jobs.items():
            self.log.info("%s: %s is %s %s", table, job_type, job.status, job.message)
        failed = [f"{name} ({job.message or 'no message'})" for name, job in jobs.items() if job.status == "Failed"]
        if failed:
            raise ServiceError(
                f"maintenance of {table} failed: {'; '.join(failed)}",
                source=source.name if source else None,
                next_step="look up the message in docs/runbook.md; the table can still be read",
            )
        self.log.info(
            "%s: %s",
            table,
            "; ".join(result["changes"])
            or f"settings {'are as declared' if source else 'were not changed'}, no failed job",
        )
        return result
