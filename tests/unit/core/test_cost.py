"""What a source costs a month. The numbers are calculated by hand, with made-up prices that are easy to multiply."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from growth_verticals.cost import Cost, Usage, Writes, Written, by_client, cost_of, read_prices
from growth_verticals.errors import ConfigurationError

GB = 2**30
PRICES: dict[str, Any] = {
    "table_storage_gb": {"STANDARD": 2.0, "INTELLIGENT_TIERING": 1.5},
    "table_monitoring_per_1000_files": 10.0,
    "table_compaction_per_gb": 4.0,
    "table_compaction_per_1000_files": 6.0,
    "put_per_1000": 5.0,
    "object_storage_gb": {"STANDARD": 3.0, "GLACIER_IR": 0.5},
}


def test_each_part_of_the_costs_by_hand():
    usage = Usage(
        source="feed",
        client="acme",
        tables={"STANDARD": 10 * GB, "INTELLIGENT_TIERING": 4 * GB},
        files=200,
        written=Written(bytes=3 * GB, files=50, parts=400),
        landed={"STANDARD": 2 * GB, "GLACIER_IR": 8 * GB, "NEW_CLASS": GB},
        landed_written=Written(bytes=GB, files=4, parts=100),
    )
    cost = cost_of(usage, PRICES)
    assert (cost.gb, cost.files) == (14.0, 200)
    assert cost.storage == pytest.approx(26.0)  # 10 GB at 2.0, and 4 GB at 1.5
    assert cost.landing == pytest.approx(13.0)  # 2 GB at 3.0, 8 GB at 0.5, 1 GB of an unknown class at 3.0
    assert cost.monitoring == pytest.approx(2.0)  # 200 files at 10 for 1,000
    assert cost.compaction == pytest.approx(12.3)  # 3 GB at 4.0, and 50 files at 6 for 1,000
    assert cost.requests == pytest.approx(2.5)  # 500 requests at 5 for 1,000
    assert cost.total == pytest.approx(55.8)


def test_a_source_without_data_costs_nothing():
    assert cost_of(Usage(source="new", client="acme"), PRICES).total == 0


def test_totals_by_client_are_sums_with_the_largest_first():
    def cost(source: str, client: str, storage: float) -> Cost:
        zero = dict.fromkeys(("gb", "files", "landing", "monitoring", "compaction", "requests"), 0)
        return Cost(source=source, client=client, storage=storage, **zero)

    costs = [cost("a", "acme", 1.25), cost("b", "aiq", 7.0), cost("c", "acme", 2.5)]
    assert list(by_client(costs).items()) == [("aiq", 7.0), ("acme", 3.75)]


NOW = datetime(2026, 11, 30, tzinfo=UTC)
MONTH = timedelta(days=365.25 / 12)
MB = 2**20


def test_what_was_written_in_a_month_is_an_average_since_the_first_write():
    writes = Writes(NOW)
    writes.add(9 * MB, NOW - 4 * MONTH)  # in two parts of 8 MiB at most
    writes.add(3 * MB, NOW - 2 * MONTH)
    monthly = writes.monthly()
    assert (monthly.bytes, monthly.files, monthly.parts) == pytest.approx((3 * MB, 0.5, 0.75))


def test_writes_of_more_than_a_year_ago_are_stored_and_not_written_every_month():
    writes = Writes(NOW)
    writes.add(120 * MB, NOW - 13 * MONTH)
    writes.add(12 * MB, NOW - 11.5 * MONTH)
    assert writes.files == 2
    assert writes.monthly().bytes == pytest.approx(12 * MB / 11.5)


def test_the_first_load_counts_as_a_month_and_not_as_an_hour():
    writes = Writes(NOW)
    writes.add(8 * MB, NOW - timedelta(hours=1))
    assert writes.monthly() == Written(bytes=8 * MB, files=1, parts=1)


def test_the_price_file_is_dated_and_says_its_source_and_every_price_that_is_used():
    prices = read_prices()
    assert prices.keys() >= PRICES.keys() | {"region", "currency", "read_at", "source", "assumptions"}
    assert datetime.fromisoformat(prices["read_at"])
    assert prices["table_storage_gb"]["STANDARD"] > prices["object_storage_gb"]["STANDARD"]
    full = Usage(source="s", client="c", tables={"STANDARD": GB}, files=1, landed={"GLACIER_IR": GB})
    assert cost_of(full, prices).total == pytest.approx(0.0265 + 0.004 + 0.025 / 1_000)


def test_a_broken_price_file_is_named(tmp_path: Path):
    (tmp_path / "prices.json").write_text("{")
    with pytest.raises(ConfigurationError, match=r"prices\.json: the prices cannot be read"):
        read_prices(tmp_path / "prices.json")
