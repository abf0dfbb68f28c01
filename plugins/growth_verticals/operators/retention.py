"""The operator of the DAG `retention`: remove what is older than a source declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.declarations import find_source
from growth_verticals.hooks.account import account_from_connection, find_connection
from growth_verticals.hooks.run import run_actor
from growth_verticals.operators.failures import ExplainingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

#: The connection with the credentials of the role `retention`. Without it, `aws_default` is used.
CONNECTION = "aws_retention"


class ApplyRetention(ExplainingOperator):
    """Remove a source's rows, rejects and landed copies that are older than it declares. A retry removes what is left.

    With the run's parameter `dry_run`, only count them.

    :param source_name: as in `ListSources`.
    """

    template_fields = ("source_name",)

    def __init__(self, *, source_name: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source_name = source_name

    def act(self, context: Context) -> dict[str, Any]:
        """Return the `RetentionResult`: counts by period."""
        from growth_verticals.retention import apply_retention

        account = account_from_connection(CONNECTION if find_connection(CONNECTION) else "aws_default")
        source = find_source(self.source_name)
        result = apply_retention(account, source, apply=not context["params"]["dry_run"], actor=run_actor(context))
        self.log.info("%s", result.summary())
        return result.to_json()
