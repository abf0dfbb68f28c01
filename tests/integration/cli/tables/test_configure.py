"""`gv tables configure`: options set at once, prompts set after confirmation, and invalid values are never sent."""

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


def test_options_are_set_without_a_prompt(gv: Gv, account: Account, census: str):
    result = gv("configure", "--table", census, "--target-file-size-mb", 256, "--min-snapshots", 5,
             "--max-snapshot-age-hours", 168)  # fmt: skip
    assert (result.code, result.out.splitlines()) == (0, [
        f"{census}: icebergCompaction.targetFileSizeMB from 512 to 256",
        f"{census}: icebergSnapshotManagement.minSnapshotsToKeep from 1 to 5",
        f"{census}: icebergSnapshotManagement.maxSnapshotAgeHours from 120 to 168",
    ])  # fmt: skip
    assert values_of(account, census) == {
        COMPACTION.name: {"targetFileSizeMB": 256, "strategy": "auto", "enabled": True},
        SNAPSHOTS.name: {"minSnapshotsToKeep": 5, "maxSnapshotAgeHours": 168, "enabled": True},
    }


def test_settings_that_are_not_given_stay_unchanged(gv: Gv, account: Account, census: str):
    gv("configure", "--table", census, "--target-file-size-mb", 128)
    gv("configure", "--table", census, "--strategy", "binpack")
    assert read_settings(account, census)[COMPACTION.name].values == {"targetFileSizeMB": 128, "strategy": "binpack"}


def test_setting_the_same_value_changes_nothing(gv: Gv, census: str):
    assert gv("configure", "--table", census, "--strategy", "auto").out == f"{census}: nothing to change\n"


def test_disabled_maintenance_keeps_its_values(gv: Gv, account: Account, census: str):
    result = gv("configure", "--table", census, "--disable", "compaction", "--target-file-size-mb", 64)
    assert "icebergCompaction from enabled to disabled" in result.out
    assert "note: compaction is disabled; its values have no effect" in result.out
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
    ("arguments", "message"),
    [
        (["--target-file-size-mb", "256"], "--target-file-size-mb is a setting of a table: compaction is set"),
        (["--disable", "snapshots"], "snapshots is a setting of a table"),
        (["--table", "{table}", "--unreferenced-days", "5"], "--unreferenced-days is a setting of the table bucket"),
        (["--table", "{table}", "--enable", "unreferenced"], "unreferenced is a setting of the table bucket"),
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
def test_an_invalid_value_or_level_is_a_usage_error(
    gv: Gv, account: Account, census: str, arguments: list[str], message: str
):
    result = gv("configure", *(argument.format(table=census) for argument in arguments))
    assert result.code == 2
    assert message in result.err
    assert values_of(account, census)[COMPACTION.name] == DEFAULTS | {"enabled": True}


def test_a_sorting_strategy_is_refused_for_a_table_without_a_sort_order(
    gv: Gv, account: Account, catalog: RestCatalog, namespace: str, census: str
):
    result = gv("configure", "--table", census, "--strategy", "z-order")
    assert result.code == 1
    assert "has no sort order, which the strategies sort and z-order need" in result.err
    schema = Schema(NestedField(1, "state", StringType()))
    order = SortOrder(SortField(source_id=1, transform=IdentityTransform()))
    catalog.create_table(f"{namespace}.ordered", schema, sort_order=order)
    assert gv("configure", "--table", f"{namespace}.ordered", "--strategy", "sort").code == 0
    assert read_settings(account, f"{namespace}.ordered")[COMPACTION.name].values["strategy"] == "sort"


def test_a_bare_table_name_works_if_it_is_unique(gv: Gv, catalog: RestCatalog, namespace: str, census: str):
    assert gv("configure", "-n", namespace, "-t", "census", "--json").code == 0
    unknown = gv("configure", "-n", namespace, "-t", "censsus", "--json")
    assert unknown.code == 1
    assert f"no table is called '{namespace}.censsus' in the table bucket; expected {census}" in unknown.err
    other = f"{namespace}x"
    catalog.create_namespace(other)
    catalog.create_table(f"{other}.census", pa.schema([pa.field("n", pa.int64())]))
    result = gv("configure", "-t", "census", "--json")
    assert result.code == 1
    assert "more than one table is called 'census'" in result.err
    assert f"{other}.census" in result.err


def test_json_without_an_option_shows_the_current_settings(gv: Gv, census: str):
    assert gv("configure", "--table", census, "--json").json == {
        "target": census,
        "changes": [],
        "settings": {
            COMPACTION.name: {"enabled": True, "values": DEFAULTS},
            SNAPSHOTS.name: {"enabled": True, "values": {"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 120}},
        },
    }


def test_prompts_show_the_settings_and_set_the_answers_after_confirmation(gv: Gv, account: Account, census: str):
    result = gv("configure", answers=f"{census}\n\n256\n\ny\n3\n\ny\n")
    assert result.code == 0
    assert result.row("status", "compaction") == "compaction table status enabled enabled"
    assert result.row("target file size (MB)") == "target file size (MB) 512 512 64 to 512"
    assert result.row("maximum age (hours)") == "maximum age (hours) 120 120 1 or more"
    assert values_of(account, census) == {
        COMPACTION.name: {"targetFileSizeMB": 256, "strategy": "auto", "enabled": True},
        SNAPSHOTS.name: {"minSnapshotsToKeep": 3, "maxSnapshotAgeHours": 120, "enabled": True},
    }


def test_an_invalid_answer_is_prompted_again(gv: Gv, account: Account, namespace: str, census: str):
    result = gv("configure", "-n", namespace, answers="nothing\ncensus\ny\n1024\nmany\n512\n\nn\nperhaps\ny\n")
    assert result.code == 0
    assert f"no table is called '{namespace}.nothing'" in result.out
    assert result.out.count("invalid value for target file size; expected 64 to 512") == 2
    assert not read_settings(account, census)[SNAPSHOTS.name].enabled


@pytest.mark.parametrize("answers", ["", "\n", "\n\n7\n", "\ny\n7\n20\nn\n", "\ny\n7\n20\n\n"])
def test_without_confirmation_nothing_is_changed(gv: Gv, account: Account, answers: str):
    result = gv("configure", answers=answers)
    assert result.code == 1
    assert "nothing was changed" in result.out
    assert read_settings(account, None)[UNREFERENCED.name].values == {"unreferencedDays": 3, "nonCurrentDays": 10}


@pytest.mark.usefixtures("bucket_restored")
def test_enter_selects_the_buckets_settings(gv: Gv, account: Account):
    assert gv("configure", answers="\ny\n7\n20\ny\n").code == 0
    assert values_of(account, None)[UNREFERENCED.name] == {
        "unreferencedDays": 7, "nonCurrentDays": 20, "enabled": True,
    }  # fmt: skip


def test_the_option_yes_skips_the_confirmation(gv: Gv, account: Account, census: str):
    assert gv("configure", "--table", census, "--yes", answers="y\n128\n\ny\n\n\n").code == 0
    assert read_settings(account, census)[COMPACTION.name].values["targetFileSizeMB"] == 128
