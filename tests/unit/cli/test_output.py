"""The output of the commands: aligned and plain when piped, colored on a terminal, never truncated."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from growth_verticals.cli.output import ago, number, print_json, print_table, size, until

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HEADER, ROWS = ("table", "rows", "job"), [("aiq.household", "1,200", "Failed: no key"), ("b", "7", "Successful")]


def test_columns_are_aligned_and_numbers_are_right_aligned(capsys: pytest.CaptureFixture[str]):
    print_table(HEADER, ROWS, right=("rows",))
    assert capsys.readouterr().out.splitlines() == [
        "table           rows  job",
        "aiq.household  1,200  Failed: no key",
        "b                  7  Successful",
    ]


def test_a_terminal_shows_the_same_text_in_colors(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    print_table(HEADER, ROWS, right=("rows",))
    out = capsys.readouterr().out
    assert "\x1b[1;31mFailed: no key" in out
    assert "\x1b[32mSuccessful" in out


@pytest.mark.parametrize(
    ("count", "text"),
    [(None, "-"), (0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1536 * 2**20, "1.5 GiB"), (2**50, "1,024.0 TiB")],
)
def test_a_size_is_shown_in_a_readable_unit(count: int | None, text: str):
    assert size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_600, "1 h 0 min"), (86_399, "23 h 59 min"), (432_000, "5 d 0 h")],
)
def test_a_time_span_is_shown_in_at_most_two_units(seconds: int, text: str):
    span = timedelta(seconds=seconds)
    assert ago(NOW - span, NOW) == f"{text} ago"
    assert until(NOW + span, NOW) == (f"in {text}" if seconds else "now")


def test_a_past_time_is_now_and_an_unknown_value_is_a_dash():
    assert until(NOW - timedelta(days=1), NOW) == "now"
    assert (ago(None), number(None), number(1234567)) == ("-", "-", "1,234,567")


def test_json_contains_dataclasses_and_times_and_rejects_other_types(capsys: pytest.CaptureFixture[str]):
    @dataclass
    class Event:
        at: datetime

    print_json([Event(NOW)])
    assert '"at": "2026-11-22T12:00:00+00:00"' in capsys.readouterr().out
    with pytest.raises(TypeError):
        print_json(object())
