"""The task stage, when a vendor changed its columns: whom it asks what, and what each answer does."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskAwaitingInput

from growth_verticals import steps
from growth_verticals.delivery import LandedFile, StagedFile, StageUnit
from growth_verticals.errors import ColumnsRefusedError
from growth_verticals.operators import stage
from growth_verticals.operators.stage import REFUSE, STAGE_AGAIN, StageFiles
from growth_verticals.source import S3, Delimited, Monthly, Source
from tests.task_instance import TaskInstance

SOURCE = Source(
    name="acme_person",
    table="acme.person",
    cadence=Monthly(),
    delivery=S3(conn_id="s3_acme", bucket="vendor-acme", prefix="{period}/", pattern="*.csv"),
    format=Delimited(),
)
LANDED = LandedFile(name="a.csv", uri="s3://l/a.csv", size=3, sha256="a" * 64, origin="s3://v/a.csv", etag="e")
OTHER = replace(LANDED, name="b.csv", uri="s3://l/b.csv", sha256="b" * 64)
STAGED = [
    StagedFile(name=file.name, sha256=file.sha256, status="staged", rows_read=3, rows_valid=3)
    for file in (LANDED, OTHER)
]
PATCH = '+++ b/dags/sources/acme_person.py\n+        aliases=(Alias("<b>zip</b>", "zip5", since="2026-10"),),'


class Steps:
    """The step that the task calls: it refuses the file until a person has changed the declaration."""

    def __init__(self, proposal: str) -> None:
        self.proposal, self.fits, self.calls = proposal, False, 0

    def stage(self, _account: object, _source: Source, _period: object, files: Any, _keys: object) -> list[StagedFile]:
        assert files == (LANDED, OTHER)
        self.calls += 1
        if self.fits:
            return STAGED
        error = ColumnsRefusedError("a column is missing", source=SOURCE.name, file="a.csv", next_step="ask the vendor")
        error.proposal = self.proposal
        raise error


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The required actions that were opened."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(stage, "account_from_connection", lambda: None)
    monkeypatch.setattr(
        "airflow.providers.standard.operators.hitl.upsert_hitl_detail", lambda **values: asked.append(values)
    )
    return asked


def context(*files: str) -> Any:
    run = SimpleNamespace(partition_key="2026-10", conf=None)
    return {"dag_run": run, "params": {"files": list(files)}, "ti": (ti := TaskInstance()), "task_instance": ti}


def task(monkeypatch: pytest.MonkeyPatch, proposal: str = PATCH) -> tuple[StageFiles, Steps]:
    stand_in = Steps(proposal)
    monkeypatch.setattr(steps, "stage", stand_in.stage)
    unit = StageUnit(title="files 1-2 of 2", files=(LANDED, OTHER))
    return StageFiles(task_id="stage", source=SOURCE, unit=unit.to_json()), stand_in


def answer(operator: StageFiles, at: Any, option: str) -> Any:
    response = {"responded_at": datetime.now(UTC), "responded_by_user": {"id": "1", "name": "maple"}}
    return operator.execute_complete(at, {"chosen_options": [option], "params_input": {}, **response})


def test_it_shows_the_proposed_patch_and_stages_again_when_a_person_says_so(
    monkeypatch: pytest.MonkeyPatch, asked: list[dict[str, Any]]
) -> None:
    operator, stand_in = task(monkeypatch)
    at = context()
    with pytest.raises(TaskAwaitingInput) as waits:
        operator.execute(at)
    assert waits.value.timeout is not None
    [action] = asked
    assert action["options"] == [STAGE_AGAIN, REFUSE]
    assert action["subject"] == "acme_person 2026-10: the vendor changed its columns"
    assert r"a\.csv\: a column is missing" in action["body"]
    assert all(f"\n    {line}" in action["body"] for line in PATCH.splitlines())
    stand_in.fits = True
    assert answer(operator, at, STAGE_AGAIN) == [asdict(file) for file in STAGED]


def test_a_file_that_still_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    operator, stand_in = task(monkeypatch)
    at = context()
    with pytest.raises(TaskAwaitingInput):
        operator.execute(at)
    with pytest.raises(ColumnsRefusedError, match="a column is missing"):
        answer(operator, at, STAGE_AGAIN)
    assert (stand_in.calls, len(asked)) == (2, 1)


def test_a_refusal_keeps_the_cause_and_names_who_refused(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    operator, stand_in = task(monkeypatch)
    at = context()
    with pytest.raises(TaskAwaitingInput):
        operator.execute(at)
    with pytest.raises(ColumnsRefusedError, match=r"a\.csv: a column is missing\. Next: maple refused the file\. Ask"):
        answer(operator, at, REFUSE)
    assert stand_in.calls == 1


def test_without_an_answer_in_time_the_file_is_refused(monkeypatch: pytest.MonkeyPatch, asked: list[Any]) -> None:
    operator, _ = task(monkeypatch)
    at = context()
    with pytest.raises(TaskAwaitingInput):
        operator.execute(at)
    with pytest.raises(ColumnsRefusedError, match="nobody answered within 3 days"):
        operator.execute_complete(at, {"error": "too late", "error_type": "timeout"})


@pytest.mark.parametrize(("files", "proposal"), [(("a.csv",), PATCH), ((), "")], ids=["named", "nothing to propose"])
def test_a_file_that_a_person_named_or_that_no_patch_would_fit_fails_at_once(
    monkeypatch: pytest.MonkeyPatch, asked: list[Any], files: tuple[str, ...], proposal: str
) -> None:
    operator, _ = task(monkeypatch, proposal)
    with pytest.raises(ColumnsRefusedError):
        operator.execute(context(*files))
    assert not asked
