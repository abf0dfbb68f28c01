"""Which names are releases of one file."""

from __future__ import annotations

import pytest

from growth_verticals.errors import DeclarationError
from growth_verticals.patterns import identity_of, shell_pattern
from growth_verticals.source import Inbox

SAME = [
    ("log_{period}_{release}.csv", "log_2026Q4_v1.csv", "log_2026Q4_v22.csv"),
    ("log_{release}_??.csv", "log_1_NY.csv", "log_2_NY.csv"),
    ("part*_{release}.csv", "part_1_of_2_a.csv", "part_1_of_2_b.csv"),
    ("AIQ_B2B_{period}_V{release}.txt.gz", "AIQ_B2B_2026Q4_V105.txt.gz", "AIQ_B2B_2026Q4_V106.txt.gz"),
    ("x[!a-c].{release}", "xd.1", "xd.2"),
]
OTHER = [
    ("log_{period}_{release}.csv", "log_2026Q4_v1.csv", "log_2026Q3_v1.csv"),
    ("log_{release}_??.csv", "log_1_NY.csv", "log_1_OH.csv"),
    ("part*_{release}.csv", "part_1_a.csv", "part_2_a.csv"),
    ("log.{release}", "log.1", "logs1"),
    ("x[!a-c].{release}", "xa.1", "xa.2"),
    ("*", "a_v1.csv", "a_v2.csv"),
]


@pytest.mark.parametrize(("pattern", "first", "second"), SAME)
def test_names_that_differ_only_in_the_release_have_one_identity(pattern: str, first: str, second: str):
    assert identity_of(first, pattern) == identity_of(second, pattern)


@pytest.mark.parametrize(("pattern", "first", "second"), OTHER)
def test_names_that_differ_elsewhere_or_do_not_match_are_different_files(pattern: str, first: str, second: str):
    assert identity_of(first, pattern) != identity_of(second, pattern)


def test_a_release_matches_any_text_in_a_listing_and_may_be_declared_once():
    assert shell_pattern("a_{period}_{release}.csv", None) == "a_*_*.csv"
    with pytest.raises(DeclarationError, match="unknown token"):
        Inbox(pattern="{release}_{release}.csv")
