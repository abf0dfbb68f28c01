"""What the commands print: aligned and plain when piped, coloured at a terminal, never cut."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from growth_verticals.cli.output import ago, number, print_json, print_table, size, until

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HEADER, ROWS = ("table", "rows", "job"), [("aiq.household", "1,200", "Failed: no key"), ("b", "7", "Successful")]


def test_columns_are_aligned_and_numbers_to_the_right(capsys: pytest.CaptureFixture[str]):
    print_table(HEADER, ROWS, right=("rows",))
    assert capsys.readouterr().out.splitlines() == [
        "table           rows  job",
        "aiq.household  1,200  Failed: no key",
        "b                  7  Successful",
    ]


def test_a_terminal_sees_the_same_words_in_colours(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(HEADER, ROWS, right=("rows",))
    out = capsys.readouterr().out
    assert "\x1b[1;31mFailed: no key" in out
    assert "\x1b[32mSuccessful" in out


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 2**20, "1.5 GiB"), (2**50, "1,024.0 TiB")],
)
def test_sizes(count: int | None, said: str):
    assert size(count) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h 0 min"), (86_399, "23 h 59 min"), (432_000, "5 d 0 h")],
)
def test_spans(seconds: int, said: str):
    span = timedelta(seconds=seconds)
    assert ago(NOW - span, NOW) == f"{said} ago"
    assert until(NOW + span, NOW) == (f"in {said}" if seconds else "now")


def test_what_is_past_or_unknown():
    assert until(NOW - timedelta(days=1), NOW) == "now"
    assert (ago(None), number(None), number(1234567)) == ("-", "-", "1,234,567")


def test_json_holds_dataclasses_and_times_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    @dataclass
    class Made:
        at: datetime

    print_json([Made(NOW)])
    assert '"at": "2026-11-22T12:00:00+00:00"' in capsys.readouterr().out
    with pytest.raises(TypeError):
        print_json(object())
