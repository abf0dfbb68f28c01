"""The step before the commit: check the delivery as a whole, and ask a person where the declaration says so."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Param

from growth_verticals import steps
from growth_verticals.delivery import Answer, RestatedFile, Restatement
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.run import load_request
from growth_verticals.operators.answers import answer_within, answered_by
from growth_verticals.operators.plan import staged_in
from growth_verticals.operators.source import SourceOperator

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from growth_verticals.quality.report import CheckReport
    from growth_verticals.source import Source

LOAD = "Load it: it is right as it is"
REPLACE = "Replace: the new files instead of the loaded ones"
ADD = "Add: keep the loaded files, and load the new ones too"
REFUSE = "Refuse: load nothing of this delivery"

_REASON_HELP = "Why. It is required, and kept in the table's history with your name."

#: XCom of this task, written before it asks: what the person is shown, and what the answer is about.
EVIDENCE = "evidence"


class CheckDelivery(SourceOperator, HITLOperator):  # type: ignore[misc] # the provider has no types
    """Check a staged delivery. If a check or a restatement asks, open a required action and wait for the answer.

    Returns `{"report": CheckReport, "answer": Answer or None}` as mappings, for `CommitDelivery`. The answer agrees to
    the evidence that the person saw: if the table has changed since, the commit refuses the delivery.

    :param units: the `StageUnit`s as mappings.
    :param staged: what each `StageFiles` returned.

    Environment variable: GV_ANSWER_WITHIN_S, in seconds, instead of the source's `answer_within_hours`.
    """

    template_fields = ("units", "staged")

    def __init__(
        self,
        *,
        source: Source,
        units: Iterable[Mapping[str, Any]] | XComArg,
        staged: Iterable[Sequence[Mapping[str, Any]]] | XComArg,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            source=source,
            subject=f"{source.name}: is this delivery right?",
            options=[LOAD, REPLACE, ADD, REFUSE],  # `execute` offers those that fit
            response_timeout=answer_within(source.answer_within_hours * 3600),
            **kwargs | {"params": {"reason": Param("", type="string", maxLength=500, description=_REASON_HELP)}},
        )
        self.units: Any = units  # both are resolved from XCom before `execute`
        self.staged: Any = staged

    def act(self, context: Context) -> dict[str, Any]:
        """Return the report if nobody must be asked; otherwise wait for the answer.

        Raises `DeliveryRefusedError` if a check refuses the delivery.
        """
        from growth_verticals.quality.evidence import to_markdown
        from growth_verticals.quality.report import require_approved

        request, account = load_request(context, self.source), account_from_connection()
        staged = steps.join_pieces(
            account, self.source, request.period, staged_in(self.source, self.units, self.staged)
        )
        is_whole = not request.files
        restatement = steps.find_restated(account, self.source, request.period, staged, is_whole=is_whole)
        leaving = {file.sha256 for file in restatement.leaves} if restatement else ()
        report = steps.check(account, self.source, request.period, staged, leaving=leaving, is_whole=is_whole)
        for finding in report.findings:
            self.log.info("%s: %s", finding.outcome, finding.sentence())
        must_choose = restatement is not None and restatement.asks
        if report.outcome == "refuse" or not (must_choose or report.outcome == "ask"):
            approved = Answer(action="load", by="", reason="")  # what asks is not decided here
            require_approved(report, staged, approved)
            return {"report": report.to_json(), "answer": None}
        self.options = [REPLACE, ADD, REFUSE] if must_choose else [LOAD, REFUSE]
        self.subject = f"{self.source.name} {request.period}: is this delivery right?"
        self.body = to_markdown(report, restatement)
        context["ti"].xcom_push(EVIDENCE, self._evidence(report, restatement))
        self.log.info("waiting for an answer in Required Actions, for at most %s", self.response_timeout)
        HITLOperator.execute(self, context)
        raise AssertionError("unreachable: the task waits")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return the report and the answer.

        Raises `DeliveryRefusedError` if the answer is to refuse, has no reason, or did not come in time.
        """
        period = load_request(context, self.source).period
        try:
            response = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            raise DeliveryRefusedError(
                f"nobody answered within {self.response_timeout} whether the delivery for {period} is right",
                source=self.source.name,
                next_step="nothing was loaded. Clear the task check of this run to be asked again",
            ) from error
        who = answered_by(response)
        reason = str(response["params_input"].get("reason") or "").strip()
        if not reason:  # Airflow's API does not check it
            raise DeliveryRefusedError(
                f"{who} answered without a reason",
                source=self.source.name,
                next_step="nothing was loaded. Clear the task check of this run to be asked again",
            )
        evidence = context["ti"].xcom_pull(task_ids=self.task_id, key=EVIDENCE)
        return {
            "report": evidence["report"],
            "answer": asdict(self._answer(response["chosen_options"], who, reason, _restatement(evidence))),
        }

    def _answer(self, chosen: list[str], who: str, reason: str, restatement: Restatement | None) -> Answer:
        replaces = restatement.action if restatement else "replace"
        actions: dict[str, Any] = {LOAD: "load", REPLACE: replaces, ADD: "add"}
        if chosen == [REFUSE]:
            raise DeliveryRefusedError(
                f"{who} refused the delivery: {reason}",
                source=self.source.name,
                next_step="nothing was loaded. Ask the vendor for a corrected delivery, then clear the task await",
            )
        removes = [file.sha256 for file in restatement.leaves] if restatement and chosen == [REPLACE] else []
        self.log.info("%s answered: %s", who, chosen[0])
        return Answer(action=actions[chosen[0]], by=who, reason=reason, removes=removes)

    def _evidence(self, report: CheckReport, restatement: Restatement | None) -> dict[str, Any]:
        return {"report": report.to_json(), "restatement": asdict(restatement) if restatement else None}


def _restatement(evidence: Mapping[str, Any]) -> Restatement | None:
    values = evidence["restatement"]
    if values is None:
        return None
    files = {side: tuple(RestatedFile(**file) for file in values[side]) for side in ("comes", "leaves")}
    return Restatement(**{**values, **files})
