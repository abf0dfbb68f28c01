"""Names are the same words only if nothing else is possible."""

from __future__ import annotations

import pytest

from growth_verticals.drift.names import same_letters, same_words, similarity

SAME = [
    ("first_nm", "first_name"), ("FirstName", "first_name"), ("addr1", "address_1"), ("Zip 5", "zip5"),
    ("dob", "date_of_birth"), ("num_of_sources", "number_of_sources"), ("home_ph", "home_phone"),
    ("licence_number", "license_nbr"), ("fname", "first_name"), ("birth_year", "year_birth"),
    ("trnt_score", "turnout_score"),
]  # fmt: skip
DIFFERENT = [
    ("county", "country"), ("county", "county_code"), ("home_phone", "cell_phone"), ("addr1", "addr2"),
    ("house_id", "household_id"), ("state", "status"), ("phone", "phone_2"), ("home", "homeowner"),
    ("score_v2", "score_v3"),
    ("line_1_of_2", "line_2_of_1"), ("a_1_2", "a_12"), ("days_to_ship", "ship_to_days"), ("first_name", "last_name"),
    ("segment_code", "segment_codes"), ("st", "state"), ("age", "wage"), ("max_score", "min_score"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_spellings_of_the_same_words(one: str, other: str) -> None:
    assert same_words(one, other)
    assert same_words(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_similar_names_of_different_things(one: str, other: str) -> None:
    assert not same_words(one, other)
    assert not same_words(other, one)
    assert not same_letters(one, other)


def test_similarity_does_not_depend_on_case_or_punctuation() -> None:
    assert similarity("First Name", "first_name") == 1
    assert 0.5 < similarity("county", "country") < 1
