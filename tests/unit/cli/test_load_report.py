"""What `./gv load` prints at its end about rejected records."""

from __future__ import annotations

import pytest

from growth_verticals.cli.load import report_rejects
from growth_verticals.quality.report import CheckReport, RejectedCount


def checked(reasons: int) -> CheckReport:
    rejects = [RejectedCount(column=f"c{n}", reason="not_a_date", records=1_000 - n) for n in range(reasons)]
    return CheckReport(
        source="acme",
        table="acme.person",
        period="2026-11-20",
        files=(),
        is_pending=True,
        rows=0,
        rows_rejected=1_000,
        rows_present=0,
        period_before=None,
        rows_before=None,
        columns=(),
        rejects=(RejectedCount(column=None, reason="too_few_columns", records=1_200), *rejects),
        findings=(),
    )


@pytest.mark.parametrize(("reasons", "shown", "more"), [(0, 1, []), (9, 10, []), (12, 10, ["and 3 more"])])
def test_the_ten_most_frequent_reasons_are_listed(
    reasons: int, shown: int, more: list[str], capsys: pytest.CaptureFixture[str]
):
    report_rejects(checked(reasons), are_stored=True)
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["column", "reason", "records"]
    assert lines[2].split() == ["(whole", "record)", "too_few_columns", "1,200"]
    assert lines[2 + shown : -2] == more
    assert lines[-2:] == [
        "show:    ./gv rejects acme --period 2026-11-20 --rows",
        "export:  ./gv rejects export acme --period 2026-11-20",
    ]


def test_no_command_is_named_for_records_that_were_not_stored(capsys: pytest.CaptureFixture[str]):
    report_rejects(checked(1), are_stored=False)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "the rejected records were not stored, because the delivery was refused for another reason"
    )
