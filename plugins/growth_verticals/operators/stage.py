"""The step that stages landed files. If the vendor changed its columns, it shows a patch and waits for a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.exceptions import HITLTimeoutError
from airflow.providers.standard.operators.hitl import HITLOperator

from growth_verticals import steps
from growth_verticals.delivery import StageUnit
from growth_verticals.errors import ColumnsRefusedError
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.pgp import key_finder_for
from growth_verticals.hooks.run import load_request
from growth_verticals.operators.answers import answer_within, answered_by
from growth_verticals.operators.load import say_what_to_clear
from growth_verticals.operators.source import SourceOperator

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from growth_verticals.source import Source

STAGE_AGAIN = "Stage again: the SQL file or the declaration fits now"
REFUSE = "Refuse: load nothing of this delivery"

#: XCom of this task, written before it asks: the fields of the refusal, its message, and the proposal.
REFUSAL = "refusal"


class StageFiles(SourceOperator, HITLOperator):  # type: ignore[misc] # the provider has no types
    """Write the rows of a unit's landed files as Parquet in the table's location. No snapshot refers to them yet.

    If the columns of one of the vendor's files do not fit, it opens a required action that names the file, with the
    proposed patch and what is left to decide, and waits. Nothing is applied by itself: a person changes the repository,
    deploys it, and answers. A file that a person named fails at once, because it may be the wrong one.

    :param unit: a `StageUnit` as a mapping. Its strings are never rendered as templates.

    Environment variable: GV_ANSWER_WITHIN_S, in seconds, instead of the source's `answer_within_hours`.
    """

    template_fields: Sequence[str] = ("unit",)

    def __init__(self, *, source: Source, unit: Mapping[str, Any] | XComArg, **kwargs: Any) -> None:
        super().__init__(
            source=source,
            subject=f"{source.name}: the vendor changed its columns",
            options=[STAGE_AGAIN, REFUSE],
            response_timeout=answer_within(source.answer_within_hours * 3600),
            **kwargs,
        )
        self.unit: Any = unit  # resolved from XCom before `execute`

    def pre_execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Limit the time to what the unit's files need: Airflow calls this before it starts the clock."""
        unit = StageUnit.from_json(self.unit)
        self.execution_timeout = self.source.time_limit(unit.size, len(unit.files))

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Return the `StagedFile`s in the order of the unit.

        A retry writes new data files; no snapshot ever refers to those of the failed attempt.
        """
        try:
            return self._stage(context)
        except ColumnsRefusedError as refusal:
            request = load_request(context, self.source)
            if request.files or not refusal.proposal:
                raise
            self.subject = f"{self.source.name} {request.period}: the vendor changed its columns"
            self.body = _evidence(refusal)
            shown = {"fields": refusal.fields(), "message": refusal.sentence, "proposal": refusal.proposal}
            context["ti"].xcom_push(REFUSAL, shown)
        self.log.info("waiting for an answer in Required Actions, for at most %s", self.response_timeout)
        HITLOperator.execute(self, context)
        raise AssertionError("unreachable: the task waits")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> list[dict[str, Any]]:
        """Stage the files again, or raise the `ColumnsRefusedError` that the person saw."""
        shown = context["ti"].xcom_pull(task_ids=self.task_id, key=REFUSAL, map_indexes=context["ti"].map_index)
        refusal = shown["fields"]
        try:
            response = super().execute_complete(context, event)
        except HITLTimeoutError as error:
            next_step = f"nobody answered within {self.response_timeout}. {_sentence(refusal['next_step'])}"
            raise ColumnsRefusedError(**{**refusal, "next_step": next_step}) from error
        self.log.info("%s answered: %s", answered_by(response), response["chosen_options"][0])
        if response["chosen_options"] == [STAGE_AGAIN]:
            return self._stage(context)
        next_step = f"{answered_by(response)} refused the file. {_sentence(refusal['next_step'])}"
        raise ColumnsRefusedError(**{**refusal, "next_step": next_step})

    def _stage(self, context: Context) -> list[dict[str, Any]]:
        period = load_request(context, self.source).period
        account, keys = account_from_connection(), key_finder_for(self.source.name)
        with say_what_to_clear():
            unit = StageUnit.from_json(self.unit)
            part: dict[str, Any] = {} if unit.piece is None else {"piece": unit.piece, "staged_at": unit.staged_at}
            staged = steps.stage(account, self.source, period, unit.files, keys, **part)
        return [asdict(file) for file in staged]


def _evidence(refusal: ColumnsRefusedError) -> str:
    """Return the refusal and the patch as Markdown. An indented block shows a vendor's names as they are."""
    from growth_verticals.quality.evidence import escape

    patch = "\n".join(f"    {line}" for line in refusal.proposal.splitlines())
    return (
        f"{escape(refusal.sentence)}\n\nThis patch is a proposal. Change the SQL file or the declaration, deploy them, "
        f"and then answer *Stage again*. Or ask the vendor for another file, and refuse this one.\n\n{patch}"
    )


def _sentence(text: str | None) -> str:
    return text[:1].upper() + text[1:] if text else ""
