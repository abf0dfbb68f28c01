"""A report says what is known, passes through JSON unchanged, and lets only an approved delivery be committed."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from growth_verticals.delivery import Answer, StagedFile
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.quality.report import (
    CheckedFile,
    CheckReport,
    ColumnChange,
    Finding,
    RejectedCount,
    require_approved,
)

FILE = StagedFile(
    name="a.csv", sha256="a" * 64, status="staged", rows_read=5, rows_valid=4, rows_rejected=1, staged_at=7
)
YES = Answer(action="load", by="dana", reason="the vendor said so")


def finding(outcome: Any) -> Finding:
    return Finding(check="rows", outcome=outcome, expected="at least 9", found="4", columns=("visits",))


def report(*outcomes: str) -> CheckReport:
    checked = CheckedFile(
        name="a.csv", sha256="a" * 64, status="staged", rows_read=5, rows_valid=4, rows_rejected=1, staged_at=7
    )
    return CheckReport(
        source="acme",
        table="acme.person",
        period="2026Q4",
        files=(checked,),
        is_pending=True,
        rows=4,
        rows_rejected=1,
        rows_present=0,
        period_before="2026Q3",
        rows_before=9,
        columns=(ColumnChange(column="visits", null_share=0.5, null_share_before=None),),
        rejects=(RejectedCount(column="visits", reason="not_an_integer", records=1),),
        findings=tuple(map(finding, outcomes)),
    )


@pytest.mark.parametrize(
    ("outcomes", "worst"),
    [
        ((), "pass"),
        (("pass", "info"), "info"),
        (("warn", "info"), "warn"),
        (("ask", "warn"), "ask"),
        (("refuse", "ask"), "refuse"),
    ],
)
def test_the_worst_finding_is_the_outcome_of_the_report(outcomes: tuple[str, ...], worst: str):
    assert report(*outcomes).outcome == worst
    assert report(*outcomes).to_json()["outcome"] == worst


def test_a_report_passes_through_json_unchanged():
    made = report("ask", "pass")
    assert CheckReport.from_json(json.loads(json.dumps(made.to_json()))) == made


@pytest.mark.parametrize(
    ("outcomes", "answer"), [(("pass", "info", "warn"), None), (("ask", "warn"), YES), ((), None), ((), YES)]
)
def test_an_approved_delivery_can_be_committed(outcomes: tuple[str, ...], answer: Answer | None):
    require_approved(report(*outcomes), [FILE], answer)


@pytest.mark.parametrize(
    ("outcomes", "answer", "message"),
    [
        (("refuse", "ask"), None, "the checks refuse the delivery for 2026Q4: rows: expected at least 9, found 4"),
        (("refuse",), YES, "the checks refuse"),
        (("ask",), None, "ask for an approval of the delivery for 2026Q4: rows: expected at least 9, found 4"),
        (("ask",), Answer(action="refuse", by="dana", reason="wrong file"), "dana refused the delivery"),
        ((), Answer(action="refuse", by="dana", reason="wrong file"), "dana refused the delivery"),
    ],
)
def test_other_deliveries_are_refused(outcomes: tuple[str, ...], answer: Answer | None, message: str):
    with pytest.raises(DeliveryRefusedError, match=message):
        require_approved(report(*outcomes), [FILE], answer)


def test_a_refusal_by_a_check_has_the_delivery_s_counts():
    with pytest.raises(DeliveryRefusedError) as raised:
        require_approved(report("refuse"), [FILE], None)
    assert raised.value.counts == {"rows_read": FILE.rows_read, "rows_rejected": FILE.rows_rejected}


@pytest.mark.parametrize("changes", [{"staged_at": 8}, {"sha256": "b" * 64}])
def test_a_report_about_other_files_or_another_staging_approves_nothing(changes: dict[str, Any]):
    with pytest.raises(DeliveryRefusedError, match="clear the task check"):
        require_approved(report(), [replace(FILE, **changes)], None)
    with pytest.raises(DeliveryRefusedError, match="clear the task check"):
        require_approved(report(), [FILE, replace(FILE, **changes)], None)
