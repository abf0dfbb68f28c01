"""The operator of the DAG `retention`: remove what is older than a source declares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from growth_verticals.declarations import find_source
from growth_verticals.hooks.account import retention_account
from growth_verticals.hooks.run import run_actor
from growth_verticals.operators.source import NamedSourceOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApplyRetention(NamedSourceOperator):
    """Remove a source's rows, rejects and landed copies that are older than it declares. A retry removes what is left.

    With the run's parameter `dry_run`, only count them.
    """

    def act(self, context: Context) -> dict[str, Any]:
        """Return the `RetentionResult`: counts by period."""
        from growth_verticals.retention import apply_retention

        account, source = retention_account(), find_source(self.source_name)
        result = apply_retention(account, source, apply=not context["params"]["dry_run"], actor=run_actor(context))
        self.log.info("%s", result.summary())
        return result.to_json()
