"""Operators for the steps after the wait. Each calls one function of `growth_verticals.steps`, which also logs.

XCom contains only ids, counts, names and URIs.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from growth_verticals import steps
from growth_verticals.delivery import Answer, LandedFile, RemoteFile, StagedFile
from growth_verticals.errors import DeliveryError
from growth_verticals.hooks.account import account_from_connection, maintainer_account
from growth_verticals.hooks.origin import open_origin
from growth_verticals.hooks.pgp import key_finder_for
from growth_verticals.hooks.run import load_request, run_actor
from growth_verticals.operators.source import SourceOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from growth_verticals.delivery import LoadResult


@contextmanager
def say_what_to_clear() -> Iterator[None]:
    """Add to the next step of a refused file which task to clear: tasks after `await` keep the copy that they have."""
    try:
        yield
    except DeliveryError as error:
        error.next_step = (
            f"{error.next_step or 'ask the vendor for a corrected file'}; then clear a task of this run: await when a "
            "corrected file is there, stage after a fix of the SQL file or the declaration"
        )
        raise


class LandFile(SourceOperator):
    """Copy one file byte for byte into the landing zone, with a receipt next to it that contains its sha256.

    :param file: a `RemoteFile` as a mapping. Its strings are never rendered as templates.
    """

    template_fields: Sequence[str] = ("file",)

    def __init__(self, *, file: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file: Any = file  # resolved from XCom before `execute`

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the `LandedFile`. A retry finds an identical copy and keeps it."""
        period = load_request(context, self.source).period
        account, file = account_from_connection(), RemoteFile(**self.file)
        with say_what_to_clear(), open_origin(account, self.source, file.uri) as origin:
            return asdict(steps.land(account, origin, self.source, period, file))


class StageFile(SourceOperator):
    """Write one landed file's rows as Parquet in the table's location. No snapshot refers to them yet.

    :param landed: a `LandedFile` as a mapping.
    """

    template_fields: Sequence[str] = ("landed",)

    def __init__(self, *, landed: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.landed: Any = landed  # resolved from XCom before `execute`

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the `StagedFile`. A retry writes new files; no snapshot ever refers to those of the failed attempt."""
        period = load_request(context, self.source).period
        account, keys = account_from_connection(), key_finder_for(self.source.name)
        with say_what_to_clear():
            [staged] = steps.stage(account, self.source, period, [LandedFile(**self.landed)], keys)
        return asdict(staged)


class CommitDelivery(SourceOperator):
    """Commit all files of the delivery to the table in one snapshot, each (period, sha256) exactly once.

    :param staged: the `StagedFile`s as mappings.
    :param check: what `CheckDelivery` returned.
    """

    template_fields: Sequence[str] = ("staged", "check")

    def __init__(
        self, *, staged: Iterable[Mapping[str, Any]] | XComArg, check: Mapping[str, Any] | XComArg, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.staged: Any = staged  # both are resolved from XCom before `execute`
        self.check: Any = check

    def execute(self, context: Context) -> dict[str, Any]:
        """Return the `LoadResult`, and add its counts to the table's asset event."""
        from growth_verticals.quality.report import CheckReport

        request = load_request(context, self.source)
        answer = Answer(**self.check["answer"]) if self.check["answer"] else None
        # If there is only one mapped task, Airflow passes its result itself, not a list of one.
        staged = [self.staged] if isinstance(self.staged, dict) else self.staged
        result = steps.commit(
            account_from_connection(),
            self.source,
            request.period,
            [StagedFile(**file) for file in staged],
            request.expected_rows,
            CheckReport.from_json(self.check["report"]),
            answer,
            is_whole=not request.files,
            actor=run_actor(context),
        )
        for asset in self.outlets:
            event = context["outlet_events"][asset]
            event.extra = _counts(result) | ({"by": answer.by, "reason": answer.reason} if answer else {})
            event.add_partitions(request.period.key)
        return asdict(result) | {"files": [asdict(file) for file in result.files]}


class ApplyMaintenance(SourceOperator):
    """Apply the source's maintenance settings to its table where the live ones differ."""

    def execute(self, context: Context) -> list[str]:  # noqa: ARG002 - Airflow's signature
        """Return a text for each change. Empty if all settings were as declared."""
        changes = steps.maintain(maintainer_account(), self.source)
        self.log.info("%s: %s", self.source.table, "; ".join(changes) or "maintenance is as declared")
        return changes


def _counts(result: LoadResult) -> dict[str, Any]:
    counts = {
        "source": result.source,
        "period": result.period,
        "snapshot_id": str(result.snapshot_id) if result.snapshot_id is not None else None,  # can exceed 2^53
        "files": len(result.files),
        "rows_read": result.rows_read,
        "rows_loaded": result.rows_loaded,
        "rows_rejected": result.rows_rejected,
    }
    if result.files_replaced:
        counts |= {"files_replaced": result.files_replaced, "rows_replaced": result.rows_replaced}
    return counts | ({"files_without_rows": len(result.files_without_rows)} if result.files_without_rows else {})
