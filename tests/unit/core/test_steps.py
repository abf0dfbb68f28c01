"""Errors do not contain the row values that a library quotes."""

from __future__ import annotations

import traceback

import pyarrow as pa
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.steps import hide_row_values

ARROW_MESSAGE = "CSV conversion error to int32: invalid value 'Willow'"


def test_an_arrow_error_does_not_show_the_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GV_DEBUG", raising=False)
    with (
        pytest.raises(FileRefusedError, match=r"probe: f\.csv: Arrow cannot .* found ArrowInvalid") as caught,
        hide_row_values("probe", "f.csv"),
    ):
        raise pa.ArrowInvalid(ARROW_MESSAGE)
    assert "Willow" not in "".join(traceback.format_exception(caught.value))


def test_with_gv_debug_an_error_shows_the_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GV_DEBUG", "1")
    with pytest.raises(FileRefusedError) as caught, hide_row_values("probe", "f.csv"):
        raise pa.ArrowInvalid(ARROW_MESSAGE)
    assert "Willow" in "".join(traceback.format_exception(caught.value))
