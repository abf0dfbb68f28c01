"""What a library quotes of a row stays out of errors."""

from __future__ import annotations

import traceback

import pyarrow as pa
import pytest

from growth_verticals.errors import FileRefusedError
from growth_verticals.steps import unquoted

QUOTE = "CSV conversion error to int32: invalid value 'Willow'"


def test_an_error_of_arrow_does_not_quote_a_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("GV_DEBUG", raising=False)
    with (
        pytest.raises(FileRefusedError, match=r"probe: f\.csv: Arrow cannot .* found ArrowInvalid") as caught,
        unquoted("probe", "f.csv"),
    ):
        raise pa.ArrowInvalid(QUOTE)
    assert "Willow" not in "".join(traceback.format_exception(caught.value))


def test_who_asks_for_it_sees_the_cell(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GV_DEBUG", "1")
    with pytest.raises(FileRefusedError) as caught, unquoted("probe", "f.csv"):
        raise pa.ArrowInvalid(QUOTE)
    assert "Willow" in "".join(traceback.format_exception(caught.value))
