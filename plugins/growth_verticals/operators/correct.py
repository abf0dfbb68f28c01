"""Operators of the DAG `correct`: show what a correction would do, let a person approve it, and carry it out.

XCom contains only names, digests and counts.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator

from growth_verticals.declarations import find_source
from growth_verticals.delivery import Actor
from growth_verticals.errors import DeliveryError, DeliveryRefusedError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.pgp import key_finder_for
from growth_verticals.hooks.run import run_actor
from growth_verticals.operators.answers import answer_within, answered_by
from growth_verticals.operators.failures import ExplainingOperator
from growth_verticals.operators.source import snapshot_text, table_asset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, XComArg

DO_IT = "Do it"
REFUSE = "Refuse"
#: Shorter than the time for which the table bucket keeps staged files that no snapshot refers to (3 days).
ANSWER_WITHIN_S = 24 * 3600
#: XCom of the task `approve`, written before it asks: exactly what the person was shown.
SHOWN = "shown"


class PlanCorrection(ExplainingOperator):
    """Find out what the correction in the run's form would do. Changes nothing in the tables.

    For a reload, this stages the landed copies again under the declaration of today.
    """

    def act(self, context: Context) -> dict[str, Any]:
        """Return the `Correction` as a mapping. A retry makes a new plan."""
        from growth_verticals.corrections import plan_correction

        form = context["params"]
        source = find_source(form["source"])
        period = source.cadence.parse(form["period"])
        _reason(context)
        files, keys = form["files"] or (), key_finder_for(source.name)
        correction = plan_correction(account_from_connection(), source, period, form["action"], files, keys)
        self.log.info("%s %s: %s of %s file(s)", source.name, period, correction.action, len(correction.files))
        return correction.to_json()


class ApproveCorrection(ExplainingOperator, HITLOperator):  # type: ignore[misc] # the provider has no types
    """Open a required action with the evidence, and wait for the answer.

    Returns `{"correction": Correction as a mapping, "by": who asked and who approved}`. The correction is the one that
    the person was shown, also if an earlier task was cleared in the meantime.

    :param correction: what `PlanCorrection` returned.

    Environment variable: GV_ANSWER_WITHIN_S, in seconds, instead of a day.
    """

    template_fields: Sequence[str] = ("correction",)

    def __init__(self, *, correction: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(
            subject="Is this correction right?",
            options=[DO_IT, REFUSE],
            response_timeout=answer_within(ANSWER_WITHIN_S),
            **kwargs | {"params": {}},  # not the DAG's form
        )
        self.correction: Any = correction  # resolved from XCom before `execute`

    def act(self, context: Context) -> None:
        """Ask, and wait."""
        from growth_verticals.corrections import Correction

        correction = Correction.from_json(self.correction)
        self.subject = f"{correction.action} {correction.source} {correction.period}: is this right?"
        self.body = correction.describe(run_actor(context).by, _reason(context))
        context["ti"].xcom_push(SHOWN, self.correction)
        self.log.info("waiting for an answer in Required Actions, for at most %s", self.response_timeout)
        HITLOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what was approved. Raises `DeliveryRefusedError` if it was refused, or nobody answered in time."""
        shown = context["ti"].xcom_pull(task_ids=self.task_id, key=SHOWN)
        try:
            response = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            raise DeliveryRefusedError(
                f"nobody approved the correction within {self.response_timeout}",
                source=shown["source"],
                next_step="nothing was changed. Start a new run to be asked again",
            ) from error
        who = answered_by(response)
        if response["chosen_options"] != [DO_IT]:
            raise DeliveryRefusedError(
                f"{who} refused the correction", source=shown["source"], next_step="nothing was changed"
            )
        asked = run_actor(context).by
        self.log.info("%s approved the correction", who)
        return {"correction": shown, "by": asked if asked == who else f"{asked}, approved by {who}"}


class CarryOutCorrection(ExplainingOperator):
    """Do exactly what was approved, and add an event with its counts to the table's asset.

    :param approved: what `ApproveCorrection` returned.
    """

    template_fields: Sequence[str] = ("approved",)

    def __init__(self, *, approved: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.approved: Any = approved  # resolved from XCom before `execute`

    def act(self, context: Context) -> dict[str, Any]:
        """Return the `CorrectionResult`. A retry finishes what an earlier attempt has begun, with the same counts."""
        from growth_verticals.corrections import Correction, carry_out

        correction = Correction.from_json(self.approved["correction"])
        source = find_source(correction.source)
        actor = Actor(by=self.approved["by"], tool="airflow", reason=_reason(context))
        result = carry_out(account_from_connection(), source, correction, actor, key_finder_for(source.name))
        counts = asdict(result) | {"snapshot_id": snapshot_text(result.snapshot_id)}
        self.log.info("%s", counts)
        # Which table it is, only the form says. Assets that a DAG file declares would all get an event.
        asset = table_asset(source)
        self.outlets = [asset]
        event = context["outlet_events"][asset]
        event.extra = counts | {"by": actor.by, "reason": actor.reason}
        event.add_partitions(result.period)
        return counts


def _reason(context: Context) -> str:
    """Return the reason in the form. Raises `DeliveryError` if it is only blanks, which the form cannot refuse."""
    reason = str(context["params"]["reason"] or "").strip()
    if not reason:
        raise DeliveryError("a correction needs a reason", next_step="start a new run with a reason")
    return reason
