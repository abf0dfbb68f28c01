"""How long a source keeps its data: which periods stay, and what a load of an older one says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.errors import DeclarationError, DeliveryRefusedError
from growth_verticals.source import Retention
from tests.unit.status.facts import source

NOW = datetime(2026, 11, 30, 17, tzinfo=UTC)


def keeping(cadence: Cadence, periods: int | None) -> Any:
    return source(cadence, retention=Retention(keep_periods=periods))


def test_by_default_only_rejects_leave_after_90_days():
    assert source(Daily()).retention == Retention(rejects_days=90, landing_days=None, keep_periods=None)


@pytest.mark.parametrize("name", ["rejects_days", "landing_days", "keep_periods"])
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_below_one_is_refused(name: str, value: int):
    with pytest.raises(DeclarationError, match=f"{name} is out of range; expected 1 or more"):
        Retention(**{name: value})


@pytest.mark.parametrize(
    ("cadence", "periods", "oldest"),
    [
        (Quarterly(), 1, "2026Q3"),  # 2026Q4 is not over
        (Quarterly(), 4, "2025Q4"),
        (Monthly(), 12, "2025-11"),
        (Daily(), 30, "2026-10-31"),
        (OnDemand(), 365, "2025-11-30"),
        (Daily(), None, None),
    ],
)
def test_the_newest_periods_that_have_opened_are_kept(cadence: Cadence, periods: int | None, oldest: str | None):
    declared = keeping(cadence, periods)
    kept = declared.oldest_kept(NOW)
    assert (kept.key if kept else None) == oldest
    if kept is not None:
        assert declared.keeps(kept, NOW)
        assert not declared.keeps(cadence.before(kept), NOW)
        assert declared.keeps(cadence.after(kept), NOW)


def test_a_load_of_an_older_period_is_refused_with_what_to_do():
    declared = keeping(Quarterly(), 4)
    declared.require_kept(declared.cadence.parse("2025Q4"), NOW)
    with pytest.raises(DeliveryRefusedError) as refused:
        declared.require_kept(declared.cadence.parse("2025Q3"), NOW)
    assert str(refused.value) == (
        "feed: 2025Q3 is older than what is kept: its rows, and their rejects, are removed by retention; expected "
        "2025Q4 or a newer period. Next: nothing; or raise keep_periods in the declaration, and load the files again."
    )


@pytest.mark.parametrize("values", [{"client": "Horace Mann"}, {"storage_class": "GLACIER"}])
def test_a_client_or_storage_class_that_no_tag_or_table_can_have_is_refused(values: dict[str, Any]):
    with pytest.raises(DeclarationError, match=next(iter(values)).replace("client", "client's name")):
        replace(source(Daily()), **values)
