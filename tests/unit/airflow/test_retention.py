"""The DAG `retention`: what its operator removes, and what it returns."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from growth_verticals import retention as library
from growth_verticals.account import Account
from growth_verticals.corrections import plan_correction
from growth_verticals.declarations import find_source
from growth_verticals.delivery import Actor
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.hooks import account as hooks
from growth_verticals.operators.retention import ApplyRetention
from growth_verticals.retention import RetentionResult
from growth_verticals.sensors.delivery import AwaitDelivery
from growth_verticals.source import Retention, Source
from tests.task_instance import TaskInstance


@pytest.mark.parametrize(("connection", "used"), [(None, "aws_default"), (object(), "aws_retention")])
@pytest.mark.parametrize("dry_run", [True, False])
def test_it_applies_what_the_source_declares_unless_it_is_a_dry_run(
    monkeypatch: pytest.MonkeyPatch, connection: object, used: str, dry_run: bool
) -> None:
    called: list[Any] = []

    def apply_retention(account: Account, source: Source, *, apply: bool, actor: Actor) -> RetentionResult:
        called.append((account, source.name, apply, actor))
        return RetentionResult(source=source.name, applied=apply, rejects={"2026-05-01": 7}, kept={"2026-05-02": 1})

    monkeypatch.setattr(hooks, "find_connection", lambda _: connection)
    monkeypatch.setattr(hooks, "account_from_connection", lambda name: name)
    monkeypatch.setattr(library, "apply_retention", apply_retention)
    run = SimpleNamespace(triggering_user_name=None)
    context: Any = {"params": {"dry_run": dry_run}, "dag_run": run, "ti": TaskInstance()}
    result = ApplyRetention(task_id="source", source_name="ls_corp").execute(context)
    assert called == [(used, "ls_corp", not dry_run, Actor(by="schedule", tool="airflow"))]
    assert (result["rejects"], result["applied"]) == ({"2026-05-01": 7}, not dry_run)


KEEPS_ONE = replace(find_source("aiq_b2b"), retention=Retention(keep_periods=1))
REFUSED = "2020Q1 is older than what is kept"


def test_a_run_for_a_period_that_is_not_kept_is_refused_before_it_waits() -> None:
    run = SimpleNamespace(partition_key="2020Q1", conf={})
    context: Any = {"params": {"files": None, "expected_rows": None}, "dag_run": run, "ti": TaskInstance()}
    with pytest.raises(DeliveryRefusedError, match=REFUSED):
        AwaitDelivery(task_id="await", source=KEEPS_ONE).execute(context)


@pytest.mark.parametrize("action", ["undo", "replay", "reload"])
def test_a_correction_of_such_a_period_is_refused_before_anything_is_read(action: Any) -> None:
    nowhere: Any = None
    with pytest.raises(DeliveryRefusedError, match=REFUSED):
        plan_correction(nowhere, KEEPS_ONE, KEEPS_ONE.cadence.parse("2020Q1"), action)


def test_the_log_has_one_line_for_each_source() -> None:
    result = RetentionResult(
        source="ls_corp",
        applied=False,
        rows={"2025-05-01": 1_200},
        rejects={"2025-05-01": 3, "2026-01-01": 4},
        copies={"2025-05-01": 2},
        bytes={"2025-05-01": 5_000},
        kept={"2025-04-01": 1},
    )
    assert result.summary() == (
        "ls_corp: would remove 1,200 rows, 7 rejects, 2 landed copies (5,000 bytes); 1 old landed copies were never "
        "loaded, and are kept"
    )
    assert result.periods == ["2025-04-01", "2025-05-01", "2026-01-01"]
