"""Every mutant of `make mutants` still fits the library, and the test that must fail with it exists."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.mutants.mutant import Edit, Mutant, MutantError, copy_library
from tests.faults.mutants.wrong_loaders import MUTANTS
from tests.unit.core.named_tests import is_test


@pytest.fixture
def library(tmp_path: Path) -> Path:
    return copy_library(tmp_path / "plugins")


@pytest.mark.parametrize("mutant", MUTANTS, ids=[mutant.name for mutant in MUTANTS])
def test_a_mutant_fits_the_library(library: Path, mutant: Mutant):
    mutant.apply(library)
    assert is_test(mutant.test)


@pytest.mark.parametrize("text", ["no such text", "import "], ids=["nowhere", "more than once"])
def test_a_mutant_that_no_longer_fits_is_an_error(library: Path, text: str):
    with pytest.raises(MutantError, match=r"commit\.py has this text \d+ times"):
        Mutant("", "", (Edit("tables/commit.py", text, ""),)).apply(library)


def test_a_mutant_that_is_no_python_is_an_error(library: Path):
    with pytest.raises(MutantError, match="is no Python"):
        Mutant("", "", (Edit("tables/commit.py", "def commit_delivery(", "def ("),)).apply(library)
