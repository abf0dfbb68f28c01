"""What the operators share: the base class of a source's steps, the retry policy and the table's asset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import Asset, RetryDecision, RetryPolicy

from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.operators.failures import ExplainingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from growth_verticals.source import Source


def table_asset(source: Source) -> Asset:
    """Return the Airflow asset of the source's table. Each load is an asset event, with the period as partition key."""
    # No URI: a URI with a scheme makes Airflow import every provider that handles URIs, and with them boto3.
    return Asset(name=source.table, group="table")


def snapshot_text(snapshot_id: int | None) -> str | None:
    """Return a snapshot's id as text: Airflow's UI shows numbers above 2^53 rounded."""
    return None if snapshot_id is None else str(snapshot_id)


class SourceOperator(ExplainingOperator):
    """One step of a source's DAG.

    :param source: the source's declaration.
    """

    def __init__(self, *, source: Source, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source


class NamedSourceOperator(ExplainingOperator):
    """A step of an operation that runs once for each source.

    :param source_name: as in `ListSources`.
    """

    template_fields = ("source_name",)

    def __init__(self, *, source_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_name = source_name  # resolved from XCom before `execute`


class RetryTransientErrors(RetryPolicy):
    """Fail immediately on an error that needs human action. Retry all other errors."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return the decision, with a reason for the task's log."""
        if isinstance(exception, GrowthVerticalsError) and not exception.retryable:
            return RetryDecision.fail(f"a retry would raise {type(exception).__name__} again; a person must act first")
        return RetryDecision.default()
