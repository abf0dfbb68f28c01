"""Tables and text on a terminal: they fit its width, and nothing is cut."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from growth_verticals.cli.output import print_table, print_text

#: Prints to a terminal of that width, and returns the lines.
Shown = Callable[..., list[str]]
DIGEST = "0123456789abcdef" * 4
NAME = "AIQ_HH_2026Q4_part-0001_of_0002.txt.gz"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shown:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")

    def show(width: int, call: Callable[[], None]) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        capsys.readouterr()
        call()
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return show


def table(terminal: Shown, width: int, header: Sequence[str], *rows: Sequence[str]) -> list[str]:
    return terminal(width, lambda: print_table(header, rows, right=("rows",)))


def test_a_table_that_fits_is_the_same_as_in_a_pipe(terminal: Shown):
    assert table(terminal, 80, ("table", "rows"), ("aiq.household", "1,200"), ("b", "7")) == [
        "table           rows",
        "aiq.household  1,200",
        "b                  7",
    ]


def test_the_widest_cells_are_folded_at_words_and_numbers_never(terminal: Shown):
    assert table(
        terminal, 40, ("source", "rows", "found"), ("aiq_household", "1,234,567", "none of 4 parts arrived")
    ) == [
        "source              rows  found",
        "aiq_household  1,234,567  none of 4",
        "                          parts arrived",
    ]


def test_a_name_that_does_not_fit_is_folded_after_one_of_its_parts(terminal: Shown):
    assert table(terminal, 40, ("file", "rows", "state"), (NAME, "265,000,000", "loaded")) == [
        "file                        rows  state",
        "AIQ_HH_2026Q4_part-  265,000,000  loaded",
        "0001_of_0002.txt.gz",
    ]


def test_the_lines_of_a_folded_cell_are_indented_like_its_first_one(terminal: Shown):
    lines = table(
        terminal, 40, ("table", "rows", "load"), ("    household_of_consumers_rejects", "1,200", "2026Q4, now")
    )
    assert lines[1:] == ["    household_of_         1,200  2026Q4,", "    consumers_rejects            now"]


def test_groups_of_rows_that_do_not_fit_get_headings(terminal: Shown):
    header = ("table", "maintenance", "job")
    rows = [("aiq.household", "compaction", "Failed"), ("", "snapshots", "-"), ("aiq.zip4", "compaction", "-")]
    assert table(terminal, 80, header, *rows)[1].split() == ["aiq.household", "compaction", "Failed"]
    assert table(terminal, 30, header, *rows) == [
        "  maintenance  job",
        "aiq.household",
        "  compaction   Failed",
        "  snapshots    -",
        "aiq.zip4",
        "  compaction   -",
    ]


def test_a_row_with_too_many_numbers_becomes_a_paragraph(terminal: Shown):
    header = ("snapshot", "added", "removed", "rows", "reason")
    row = ("7862446413588383600", "265,000,000", "1,000", "265,000,000", "")
    lines = terminal(40, lambda: print_table(header, [row], right=header[1:4]))
    assert lines == [
        "7862446413588383600",
        "  added 265,000,000  removed 1,000",
        "  rows 265,000,000",
    ]


def test_text_is_wrapped_at_words_and_indented_from_the_second_line_on(terminal: Shown):
    text = f"loaded  {NAME}  1,200 read = 1,190 loaded + 10 rejected"
    assert terminal(50, lambda: print_text(text, indent=8)) == [
        f"loaded  {NAME}",
        "        1,200 read = 1,190 loaded + 10 rejected",
    ]


def test_text_in_a_pipe_stays_on_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_text("word " * 30)
    print_table(("file", "sha256"), [(NAME * 3, DIGEST)])
    assert [len(line) for line in capsys.readouterr().out.splitlines()] == [150, 122, 180]


CELL = st.text(st.sampled_from("abc_.- 名é"), max_size=60).map(lambda text: " ".join(text.split()))


@given(
    width=st.integers(40, 120),
    rows=st.lists(st.tuples(CELL.filter(bool), CELL, st.integers(0, 10**12).map("{:,}".format), CELL), min_size=1),
)
@example(width=40, rows=[("a" * 60, DIGEST, "1,000,000,000,000", NAME)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_line_is_longer_than_the_terminal_and_no_character_is_lost(
    terminal: Shown, width: int, rows: list[tuple[str, ...]]
):
    lines = table(terminal, width, ("file", "at the vendor", "rows", "state"), *rows)
    assert max(map(cell_len, lines)) <= width
    assert all(any(row[2] in line.split() for line in lines) for row in rows)
    printed, given_ = Counter("".join("".join(lines).split())), Counter("".join("".join(map("".join, rows)).split()))
    assert given_ - printed == Counter()
