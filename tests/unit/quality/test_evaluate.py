"""Each check at its edge: just within its limit it passes, just beyond it has its outcome."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.checks import Check, ControlSum, ExpectedRows, KnownKeys, NullShare, Rows, RowsBand, UniqueKey
from growth_verticals.delivery import StagedFile
from growth_verticals.quality.evaluate import Measured, evaluate
from growth_verticals.quality.keys import KeyCount
from growth_verticals.quality.profile import ColumnProfile, Profile
from growth_verticals.quality.report import Finding

KEY = ("household_id", "person_id")


def profile(rows: int, **nulls: int | None) -> Profile:
    columns = {name: ColumnProfile(nulls=count) for name, count in nulls.items()}
    return Profile(rows=rows, bytes=1, data_files=1, columns=columns)


def find(check: Check, period: Profile | None = None, *earlier: Profile, **measured: Any) -> Finding:
    [finding] = evaluate([check], Measured(period=period, earlier=earlier, **measured))
    assert finding.check == check.label
    return finding


@pytest.mark.parametrize(
    ("check", "rows", "outcome"),
    [
        (Rows(min=10), 10, "pass"),
        (Rows(min=10), 9, "ask"),
        (Rows(max=10, outcome="refuse"), 10, "pass"),
        (Rows(max=10, outcome="refuse"), 11, "refuse"),
        (Rows(min=0, max=0, outcome="warn"), 0, "pass"),
        (Rows(min=0, max=0, outcome="warn"), 1, "warn"),
    ],
)
def test_rows(check: Rows, rows: int, outcome: str):
    assert find(check, profile(rows)).outcome == outcome


@pytest.mark.parametrize(
    ("rows", "outcome"), [(70, "pass"), (69, "ask"), (130, "pass"), (131, "ask"), (0, "ask"), (100, "pass")]
)
def test_rows_against_the_median_of_earlier_periods(rows: int, outcome: str):
    finding = find(RowsBand(within=0.3, periods=3), profile(rows), profile(100), profile(1), profile(900))
    assert finding.outcome == outcome
    assert finding.expected.startswith("100 ± 30.0%")


def test_only_the_newest_periods_are_compared():
    older = [profile(1)] * 5
    assert find(RowsBand(periods=2), profile(100), profile(100), profile(100), *older).outcome == "pass"


def test_any_row_is_beyond_a_band_around_nothing():
    assert find(RowsBand(periods=1), profile(1), profile(0)).outcome == "ask"
    assert find(RowsBand(periods=1), profile(0), profile(0)).outcome == "pass"


@pytest.mark.parametrize("check", [RowsBand(periods=3, outcome="refuse"), NullShare(periods=3, outcome="refuse")])
def test_without_enough_earlier_periods_a_check_says_so_and_passes(check: Check):
    finding = find(check, profile(5), profile(5), profile(5))
    assert finding.outcome == "info"
    assert finding.found == "2: not enough history"


@pytest.mark.parametrize(("nulls", "outcome"), [(30, "pass"), (31, "ask"), (10, "pass"), (9, "ask"), (None, "info")])
def test_null_share_of_a_column(nulls: int | None, outcome: str):
    check = NullShare(columns=("email",), within=0.1, periods=1, outcome="ask")
    finding = find(check, profile(100, email=nulls), profile(100, email=20))
    assert (finding.outcome, finding.columns) == (outcome, () if outcome == "pass" else ("email",))


def test_null_share_of_all_columns_names_those_that_changed():
    now, before = profile(100, email=90, phone=50, city=5), profile(10, email=1, phone=1, city=0)
    finding = find(NullShare(periods=1), now, before, nullable=["email", "phone", "city"])
    assert (finding.outcome, finding.columns) == ("warn", ("email", "phone"))
    assert finding.found == "email 90.0% (usually 10.0%), phone 50.0% (usually 10.0%)"


def test_null_share_skips_columns_without_counts_unless_they_are_named():
    now, before = profile(100, email=10, extra=None), profile(100, email=10, extra=None)
    finding = find(NullShare(periods=1), now, before, nullable=["email", "extra"])
    assert (finding.outcome, finding.found) == ("pass", "1 column(s) within, without 1 column(s) that have no counts")
    assert find(NullShare(columns=("email", "extra"), periods=1), now, before).outcome == "info"


def test_null_share_of_a_delivery_without_rows_says_so():
    assert find(NullShare(periods=1), profile(0), profile(9, email=1), nullable=["email"]).outcome == "info"


def staged(read: int, expected: int | None, status: str = "staged") -> StagedFile:
    values: dict[str, Any] = {"name": f"{read}.csv", "sha256": "a" * 64, "status": status}
    return StagedFile(**values, rows_read=read, rows_valid=read, expected_rows=expected)


@pytest.mark.parametrize(
    ("files", "outcome"),
    [
        ([staged(5, 5), staged(0, 0)], "pass"),
        ([staged(5, 5), staged(6, 7)], "refuse"),
        ([staged(5, 5), staged(6, None)], "info"),
        ([staged(6, None), staged(5, 4)], "refuse"),
        ([staged(0, 5, status="already_loaded")], "pass"),
    ],
)
def test_expected_rows(files: list[StagedFile], outcome: str):
    assert find(ExpectedRows(), staged=files).outcome == outcome


@pytest.mark.parametrize(
    ("stated", "outcome"),
    [
        ("10.50", "pass"),
        (" 10.5 ", "pass"),
        ("10.51", "refuse"),
        ("-10.5", "refuse"),
        ("many", "refuse"),
        (None, "info"),
    ],
)
def test_control_sum(stated: str | None, outcome: str):
    sums = {} if stated is None else {"cost": stated}
    finding = find(ControlSum(column="cost"), expected_sums=sums, sums={"cost": Decimal("10.50")}, shown=["cost"])
    assert (finding.outcome, finding.columns) == (outcome, ("cost",))


@pytest.mark.parametrize("stated", ["987654", "987655"])
def test_a_sum_of_a_column_that_is_not_of_class_n_is_not_shown(stated: str):
    finding = find(ControlSum(column="income"), expected_sums={"income": stated}, sums={"income": Decimal(987654)})
    assert finding.outcome == ("pass" if stated == "987654" else "refuse")
    assert "98765" not in finding.sentence()


@given(total=st.decimals(allow_nan=False, allow_infinity=False, places=6), difference=st.integers(-2, 2))
def test_a_control_sum_is_compared_exactly(total: Decimal, difference: int):
    stated = total + Decimal(difference).scaleb(-6)
    finding = find(ControlSum(column="cost"), expected_sums={"cost": f"{stated:f}"}, sums={"cost": total})
    assert (finding.outcome == "pass") == (stated == total)


@pytest.mark.parametrize(("hits", "outcome"), [(0, "pass"), (1, "ask")])
def test_repeated_keys(hits: int, outcome: str):
    finding = find(UniqueKey(columns=KEY), profile(10), repeated={KEY: KeyCount(10, hits)})
    assert (finding.outcome, finding.found) == (outcome, f"{hits} of 10 rows repeat a key")


@pytest.mark.parametrize(
    ("hits", "outcome"), [(79, "ask"), (80, "pass"), (95, "pass"), (96, "ask"), (0, "ask"), (100, "ask")]
)
def test_known_keys(hits: int, outcome: str):
    check = KnownKeys(columns=KEY, min=0.8, max=0.95)
    finding = find(check, profile(100), profile(90), known={KEY: KeyCount(100, hits)})
    assert (finding.outcome, finding.found) == (outcome, f"{hits:.1f}%")


def test_known_keys_without_an_earlier_period_or_without_keys():
    check = KnownKeys(columns=KEY, min=0.8)
    assert find(check, profile(100)).found == "0: not enough history"
    assert find(check, profile(100), profile(90), known={KEY: KeyCount(0, 0)}).outcome == "info"


@pytest.mark.parametrize("check", [Rows(min=1), RowsBand(), NullShare()])
def test_a_period_that_cannot_be_told_from_what_leaves_is_not_judged(check: Check):
    assert find(check, None).outcome == "info"
