"""Operators for the steps after the wait. Each calls one function of `growth_verticals.steps`, which also logs.

XCom contains only ids, counts, names and URIs.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from growth_verticals import steps
from growth_verticals.delivery import Answer, LandUnit, to_json
from growth_verticals.errors import ColumnsRefusedError, DeliveryError
from growth_verticals.hooks.account import account_from_connection, maintainer_account
from growth_verticals.hooks.origin import open_origin
from growth_verticals.hooks.run import load_request, run_actor
from growth_verticals.operators.lineage import ReportsLineage, lineage_of_commit, lineage_of_landing
from growth_verticals.operators.plan import staged_in
from growth_verticals.operators.source import SourceOperator, snapshot_text
from growth_verticals.status.facts import LoadCounts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from growth_verticals.delivery import LandedFile, LoadResult
    from growth_verticals.quality.report import CheckReport


@contextmanager
def say_what_to_clear() -> Iterator[None]:
    """Add to the next step of a refused file which task to clear: tasks after `await` keep the copy that they have."""
    try:
        yield
    except DeliveryError as error:
        ways = ["await when a corrected file is there", "stage after a fix of the SQL file or the declaration"]
        if isinstance(error, ColumnsRefusedError):
            ways.reverse()
        next_step = error.next_step or "ask the vendor for a corrected file"
        error.next_step = f"{next_step}; then clear a task of this run: {', '.join(ways)}"
        raise


class LandFiles(ReportsLineage, SourceOperator):
    """Copy a unit's files byte for byte into the landing zone, each with a receipt that contains its sha256.

    :param unit: a `LandUnit` as a mapping. Its strings are never rendered as templates.
    """

    template_fields: Sequence[str] = ("unit",)

    def __init__(self, *, unit: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.unit: Any = unit  # resolved from XCom before `execute`

    def pre_execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Limit the time to what the unit's files need: Airflow calls this before it starts the clock."""
        unit = LandUnit.from_json(self.unit)
        self.execution_timeout = self.source.time_limit(unit.size, len(unit.files))

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Return the `LandedFile`s in the order of the unit. A retry finds identical copies and keeps them."""
        period = load_request(context, self.source).period
        account, files = account_from_connection(), LandUnit.from_json(self.unit).files
        landed: list[LandedFile] = []
        for _, of_origin in groupby(files, lambda file: urlsplit(file.uri)[:2]):
            group = tuple(of_origin)
            with say_what_to_clear(), open_origin(account, self.source, group[0].uri) as origin:
                landed += steps.land_all(account, origin, self.source, period, group)
        self.lineage = partial(lineage_of_landing, files, landed)
        return [to_json(file) for file in landed]


class CommitDelivery(ReportsLineage, SourceOperator):
    """Commit all files of the delivery to the table in one snapshot, each (period, sha256) exactly once.

    :param units: the `StageUnit`s as mappings.
    :param staged: what each `StageFiles` returned.
    :param check: what `CheckDelivery` returned.
    """

    template_fields: Sequence[str] = ("units", "staged", "check")

    def __init__(
        self,
        *,
        units: Iterable[Mapping[str, Any]] | XComArg,
        staged: Iterable[Sequence[Mapping[str, Any]]] | XComArg,
        check: Mapping[str, Any] | XComArg,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units: Any = units  # all are resolved from XCom before `execute`
        self.staged: Any = staged
        self.check: Any = check

    def act(self, context: Context) -> dict[str, Any]:
        """Return the `LoadResult`, and create an event of the table's asset with its counts and rejects.

        There is no event if the table held all files already.
        """
        from growth_verticals.quality.report import CheckReport

        request = load_request(context, self.source)
        report = CheckReport.from_json(self.check["report"])
        answer = Answer(**self.check["answer"]) if self.check["answer"] else None
        account = account_from_connection()
        staged = steps.join_pieces(
            account, self.source, request.period, staged_in(self.source, self.units, self.staged)
        )
        result = steps.commit(
            account,
            self.source,
            request.period,
            staged,
            request.expected_rows,
            report,
            answer,
            is_whole=not request.files,
            actor=run_actor(context),
        )
        self.lineage = partial(lineage_of_commit, self.source, staged, result)
        if all(file.status == "already_loaded" for file in result.files):
            self.outlets = []  # otherwise Airflow creates an event even if nothing is said about it
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = _event(result, report, answer)
            event.add_partitions(request.period.key)
        return asdict(result) | {
            "files": [asdict(file) for file in result.files],
            "snapshot_id": snapshot_text(result.snapshot_id),
        }


class ApplyMaintenance(SourceOperator):
    """Apply the source's maintenance settings to its table where the live ones differ."""

    def act(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Return a text for each change. Empty if all settings were as declared."""
        changes = steps.maintain(maintainer_account(), self.source)
        self.log.info("%s: %s", self.source.table, "; ".join(changes) or "maintenance is as declared")
        return changes


def _event(result: LoadResult, report: CheckReport, answer: Answer | None) -> dict[str, Any]:
    """Return what the asset's event says: `LoadCounts`, with the source and the period."""
    counts = LoadCounts(
        snapshot_id=snapshot_text(result.snapshot_id),
        files=len(result.files),
        rows_read=result.rows_read,
        rows_loaded=result.rows_loaded,
        rows_rejected=result.rows_rejected,
        files_replaced=result.files_replaced,
        rows_replaced=result.rows_replaced,
        files_without_rows=len(result.files_without_rows),
        by=answer.by if answer else None,
        reason=answer.reason if answer else None,
    )
    rejects = [asdict(each) for each in report.rejects]
    return {"source": result.source, "period": result.period, **asdict(counts), "rejects": rejects}
