"""TBLPROPERTIES are ignored, and those that someone may count on are warned about by name."""

from __future__ import annotations

import pytest

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.properties import warnings_of


def warnings(*keys: str) -> list[str]:
    pairs = ", ".join(f"'{key}' = '1'" for key in keys)
    return warnings_of(read_ddl(f"CREATE TABLE t (a int) TBLPROPERTIES ({pairs})"))


@pytest.mark.parametrize(
    ("key", "instead"),
    [
        ("history.expire.max-snapshot-age-ms", "maxSnapshotAgeHours"),
        ("history.expire.min-snapshots-to-keep", "minSnapshotsToKeep"),
        ("history.expire.max-ref-age-ms", "icebergSnapshotManagement"),
        ("vacuum_max_snapshot_age_seconds", "maxSnapshotAgeHours"),
        ("write.target-file-size-bytes", "targetFileSizeMB"),
        ("optimize_rewrite_data_file_threshold", "icebergCompaction"),
        ("gc.enabled", "icebergUnreferencedFileRemoval"),
        ("write.data.path", "S3 Tables chooses"),
        ("location", "S3 Tables chooses"),
    ],
)
def test_a_property_that_does_nothing_is_named_with_what_does(key: str, instead: str):
    (warning,) = warnings(key)
    assert f"the property {key} does nothing" in warning
    assert instead in warning


def test_the_setting_of_a_longer_name_is_the_one_that_is_told():
    first, second = warnings("history.expire.max-ref-age-ms", "history.expire.max-snapshot-age-ms")
    assert "switches it off" in first
    assert "maxSnapshotAgeHours" in second


def test_other_properties_are_ignored_without_a_word():
    assert warnings("table_type", "owner", "location_of_office", "gc.enabled.not") == []
