"""Errors do not contain the row values that a library quotes."""

from __future__ import annotations

import traceback

import pyarrow as pa
import pytest

from growth_verticals.errors import FileRefusedError, ServiceError
from growth_verticals.landed_copies import NamingReader, hide_row_values
from growth_verticals.reader import NO_SUMS, Block

ARROW_MESSAGE = "CSV conversion error to int32: invalid value 'Willow'"


def test_an_arrow_error_does_not_show_the_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GV_DEBUG", raising=False)
    with (
        pytest.raises(FileRefusedError, match=r"probe: f\.csv: Arrow cannot .* found ArrowInvalid") as caught,
        hide_row_values("probe", "f.csv"),
    ):
        raise pa.ArrowInvalid(ARROW_MESSAGE)
    assert "Willow" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("error", [ValueError("Willow"), KeyError("Willow"), RecursionError("Willow")])
def test_an_error_that_a_record_causes_does_not_show_the_cell(monkeypatch: pytest.MonkeyPatch, error: Exception):
    monkeypatch.delenv("GV_DEBUG", raising=False)
    with (
        pytest.raises(
            FileRefusedError, match=rf"this program cannot .* found {type(error).__name__} in \w+ \(\w+\.py:"
        ) as caught,
        hide_row_values("probe", None),
    ):
        raise error
    assert "Willow" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("error", [ServiceError("away"), ConnectionError("away"), MemoryError()])
def test_an_error_that_no_record_causes_is_not_a_refusal(error: Exception):
    with pytest.raises(type(error)) as caught, hide_row_values("probe", "f.csv"):
        raise error
    assert caught.value is error


def test_with_gv_debug_an_error_shows_the_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GV_DEBUG", "1")
    with pytest.raises(FileRefusedError) as caught, hide_row_values("probe", "f.csv"):
        raise pa.ArrowInvalid(ARROW_MESSAGE)
    assert "Willow" in "".join(traceback.format_exception(caught.value))


def test_a_block_that_another_thread_parses_is_refused_with_its_file(monkeypatch: pytest.MonkeyPatch):
    """Files of a batch are parsed outside the place where they are opened."""
    monkeypatch.delenv("GV_DEBUG", raising=False)

    class Failing:
        stated_sums = NO_SUMS

        def blocks(self):
            yield Block(data=None, first_row=2)

        def parse(self, block: Block):
            raise ValueError("Willow")

    reader = NamingReader(Failing(), "probe", "f.csv")
    [block] = reader.blocks()
    with pytest.raises(FileRefusedError, match=r"probe: f\.csv: ") as caught:
        reader.parse(block)
    assert caught.value.file == "f.csv"
    assert "Willow" not in "".join(traceback.format_exception(caught.value))
