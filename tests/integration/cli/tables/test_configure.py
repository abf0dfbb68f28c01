"""`gv tables configure`: by options at once, by questions after a yes, and never what the service would refuse."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import SortField, SortOrder
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import NestedField, StringType

from growth_verticals.account import Account
from growth_verticals.bucket.maintenance import BucketMaintenance, apply_bucket_maintenance
from growth_verticals.bucket.settings import COMPACTION, SNAPSHOTS, UNREFERENCED, read_settings

from .conftest import Gv

DEFAULTS = {"targetFileSizeMB": 512, "strategy": "auto"}


@pytest.fixture
def bucket_restored(account: Account) -> Iterator[None]:
    yield
    apply_bucket_maintenance(account, BucketMaintenance())


def values_of(account: Account, table: str | None) -> dict[str, object]:
    return {name: dict(live.values) | {"enabled": live.enabled} for name, live in read_settings(account, table).items()}


def test_options_are_set_at_once(gv: Gv, account: Account, census: str):
    ran = gv("configure", "--table", census, "--target-file-size-mb", 256, "--min-snapshots", 5,
             "--max-snapshot-age-hours", 168)  # fmt: skip
    assert (ran.code, ran.out.splitlines()) == (0, [
        f"{census}: icebergCompaction.targetFileSizeMB from 512 to 256",
        f"{census}: icebergSnapshotManagement.minSnapshotsToKeep from 1 to 5",
        f"{census}: icebergSnapshotManagement.maxSnapshotAgeHours from 120 to 168",
    ])  # fmt: skip
    assert values_of(account, census) == {
        COMPACTION.name: {"targetFileSizeMB": 256, "strategy": "auto", "enabled": True},
        SNAPSHOTS.name: {"minSnapshotsToKeep": 5, "maxSnapshotAgeHours": 168, "enabled": True},
    }


def test_what_is_not_named_stays(gv: Gv, account: Account, census: str):
    gv("configure", "--table", census, "--target-file-size-mb", 128)
    gv("configure", "--table", census, "--strategy", "binpack")
    assert read_settings(account, census)[COMPACTION.name].values == {"targetFileSizeMB": 128, "strategy": "binpack"}


def test_the_same_again_changes_nothing(gv: Gv, census: str):
    assert gv("configure", "--table", census, "--strategy", "auto").out == f"{census}: nothing to change\n"


def test_a_kind_is_disabled_and_enabled_and_keeps_its_values(gv: Gv, account: Account, census: str):
    ran = gv("configure", "--table", census, "--disable", "compaction", "--target-file-size-mb", 64)
    assert "icebergCompaction from enabled to disabled" in ran.out
    assert "note: compaction is disabled, so that its values do nothing" in ran.out
    assert not read_settings(account, census)[COMPACTION.name].enabled
    gv("configure", "--table", census, "--enable", "compaction")
    assert values_of(account, census)[COMPACTION.name] == DEFAULTS | {"targetFileSizeMB": 64, "enabled": True}


@pytest.mark.usefixtures("bucket_restored")
def test_the_buckets_settings_need_no_table(gv: Gv, account: Account):
    assert gv("configure", "--unreferenced-days", 5, "--noncurrent-days", 14).code == 0
    assert values_of(account, None)[UNREFERENCED.name] == {
        "unreferencedDays": 5, "nonCurrentDays": 14, "enabled": True,
    }  # fmt: skip
    assert gv("configure", "--disable", "unreferenced").code == 0
    assert not read_settings(account, None)[UNREFERENCED.name].enabled


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--target-file-size-mb", "256"], "--target-file-size-mb belongs to a table: compaction is set"),
        (["--disable", "snapshots"], "snapshots belongs to a table"),
        (["--table", "{table}", "--unreferenced-days", "5"], "--unreferenced-days belongs to the table bucket"),
        (["--table", "{table}", "--enable", "unreferenced"], "unreferenced belongs to the table bucket"),
        (["--table", "{table}", "--target-file-size-mb", "63"], "expected 64 to 512, found '63'"),
        (["--table", "{table}", "--target-file-size-mb", "513"], "expected 64 to 512"),
        (["--table", "{table}", "--min-snapshots", "0"], "expected 1 or more"),
        (["--table", "{table}", "--max-snapshot-age-hours", "-1"], "expected 1 or more"),
        (["--table", "{table}", "--max-snapshot-age-hours", "2147483648"], "expected 1 or more"),
        (["--table", "{table}", "--strategy", "zorder"], "expected auto, binpack, sort, z-order"),
        (["--unreferenced-days", "1.5"], "expected 1 or more"),
        (["--table", "{table}", "--enable", "compaction", "--disable", "compaction"], "not both"),
    ],
)  # fmt: skip
def test_what_the_service_would_refuse_is_wrong_usage_and_says_the_level(
    gv: Gv, account: Account, census: str, words: list[str], said: str
):
    ran = gv("configure", *(word.format(table=census) for word in words))
    assert ran.code == 2
    assert said in ran.err
    assert values_of(account, census)[COMPACTION.name] == DEFAULTS | {"enabled": True}


def test_sorting_needs_a_sort_order_which_the_table_is_asked_for_first(
    gv: Gv, account: Account, catalog: RestCatalog, namespace: str, census: str
):
    ran = gv("configure", "--table", census, "--strategy", "z-order")
    assert ran.code == 1
    assert "has no sort order, which the strategies sort and z-order need" in ran.err
    schema = Schema(NestedField(1, "state", StringType()))
    order = SortOrder(SortField(source_id=1, transform=IdentityTransform()))
    catalog.create_table(f"{namespace}.ordered", schema, sort_order=order)
    assert gv("configure", "--table", f"{namespace}.ordered", "--strategy", "sort").code == 0
    assert read_settings(account, f"{namespace}.ordered")[COMPACTION.name].values["strategy"] == "sort"


def test_a_table_is_named_short_where_that_is_clear(gv: Gv, catalog: RestCatalog, namespace: str, census: str):
    assert gv("configure", "-n", namespace, "-t", "census", "--json").code == 0
    unknown = gv("configure", "-n", namespace, "-t", "censsus", "--json")
    assert unknown.code == 1
    assert f"no table is called '{namespace}.censsus' in the table bucket; expected {census}" in unknown.err
    other = f"{namespace}x"
    catalog.create_namespace(other)
    catalog.create_table(f"{other}.census", pa.schema([pa.field("n", pa.int64())]))
    ran = gv("configure", "-t", "census", "--json")
    assert ran.code == 1
    assert "more than one table is called 'census'" in ran.err
    assert f"{other}.census" in ran.err


def test_without_an_option_json_says_what_stands(gv: Gv, census: str):
    assert gv("configure", "--table", census, "--json").json == {
        "about": census,
        "changes": [],
        "settings": {
            COMPACTION.name: {"enabled": True, "values": DEFAULTS},
            SNAPSHOTS.name: {"enabled": True, "values": {"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 120}},
        },
    }


def test_questions_show_what_stands_and_set_what_is_answered_after_a_yes(gv: Gv, account: Account, census: str):
    ran = gv("configure", answers=f"{census}\n\n256\n\ny\n3\n\ny\n")
    assert ran.code == 0
    assert ran.row("status", "compaction") == "compaction table status enabled enabled"
    assert ran.row("target file size (MB)") == "target file size (MB) 512 512 64 to 512"
    assert ran.row("maximum age (hours)") == "maximum age (hours) 120 120 1 or more"
    assert values_of(account, census) == {
        COMPACTION.name: {"targetFileSizeMB": 256, "strategy": "auto", "enabled": True},
        SNAPSHOTS.name: {"minSnapshotsToKeep": 3, "maxSnapshotAgeHours": 120, "enabled": True},
    }


def test_a_wrong_answer_is_asked_again(gv: Gv, account: Account, namespace: str, census: str):
    ran = gv("configure", "-n", namespace, answers="nothing\ncensus\ny\n1024\nmany\n512\n\nn\nperhaps\ny\n")
    assert ran.code == 0
    assert f"no table is called '{namespace}.nothing'" in ran.out
    assert ran.out.count("target file size cannot be that; expected 64 to 512") == 2
    assert not read_settings(account, census)[SNAPSHOTS.name].enabled


@pytest.mark.parametrize("answers", ["", "\n", "\n\n7\n", "\ny\n7\n20\nn\n", "\ny\n7\n20\n\n"])
def test_without_a_yes_nothing_is_changed(gv: Gv, account: Account, answers: str):
    ran = gv("configure", answers=answers)
    assert ran.code == 1
    assert "nothing was changed" in ran.out
    assert read_settings(account, None)[UNREFERENCED.name].values == {"unreferencedDays": 3, "nonCurrentDays": 10}


@pytest.mark.usefixtures("bucket_restored")
def test_enter_alone_asks_about_the_bucket(gv: Gv, account: Account):
    assert gv("configure", answers="\ny\n7\n20\ny\n").code == 0
    assert values_of(account, None)[UNREFERENCED.name] == {
        "unreferencedDays": 7, "nonCurrentDays": 20, "enabled": True,
    }  # fmt: skip


def test_yes_spares_the_last_question(gv: Gv, account: Account, census: str):
    assert gv("configure", "--table", census, "--yes", answers="y\n128\n\ny\n\n\n").code == 0
    assert read_settings(account, census)[COMPACTION.name].values["targetFileSizeMB"] == 128
