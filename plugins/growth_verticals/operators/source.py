"""What the operators of a source's DAG have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, RetryDecision, RetryPolicy

from growth_verticals.errors import GrowthVerticalsError

if TYPE_CHECKING:
    from airflow.sdk import Context

    from growth_verticals.source import Source


class SourceOperator(BaseOperator):
    """A step of one source's delivery.

    :param source: the declaration.
    """

    def __init__(self, *, source: Source, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source


class RetryTransientErrors(RetryPolicy):
    """Fail at once on an error that stays what it is until a person acts; retry everything else."""

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,  # noqa: ARG002 - Airflow's signature
        max_tries: int,  # noqa: ARG002
        context: Context | None = None,  # noqa: ARG002
    ) -> RetryDecision:
        """Return the decision, with a reason that the task's log shows."""
        if isinstance(exception, GrowthVerticalsError) and not exception.retryable:
            return RetryDecision.fail(f"{type(exception).__name__} would come again; a person must act first")
        return RetryDecision.default()
