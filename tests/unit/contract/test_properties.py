"""TBLPROPERTIES are ignored, with a warning for each property that users could rely on."""

from __future__ import annotations

import pytest

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.properties import warnings_of


def warnings(*keys: str) -> list[str]:
    pairs = ", ".join(f"'{key}' = '1'" for key in keys)
    return warnings_of(read_ddl(f"CREATE TABLE t (a int) TBLPROPERTIES ({pairs})"))


@pytest.mark.parametrize(
    ("key", "replacement"),
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
def test_a_warning_names_the_property_that_does_nothing_and_its_replacement(key: str, replacement: str):
    (warning,) = warnings(key)
    assert f"the property {key} does nothing" in warning
    assert replacement in warning


def test_an_exact_name_has_precedence_over_a_prefix():
    first, second = warnings("history.expire.max-ref-age-ms", "history.expire.max-snapshot-age-ms")
    assert "turns it off" in first
    assert "maxSnapshotAgeHours" in second


def test_other_properties_cause_no_warning():
    assert warnings("table_type", "owner", "location_of_office", "gc.enabled.not") == []
