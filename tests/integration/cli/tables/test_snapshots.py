"""`gv tables snapshots`: what each snapshot contains, which load wrote it, and when it expires."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.bucket.history import snapshot_history
from growth_verticals.bucket.settings import LiveSettings

from .conftest import Gv

LOAD = {"gv.source": "census_bureau", "gv.period": "2026Q3", "gv.files": "2"}


@pytest.fixture
def loaded(catalog: RestCatalog, census: str, append: Callable[..., None]) -> str:
    """Three changes: an append by another tool, an append by a load, and a delete by a load."""
    append(census)
    rows = catalog.load_table(census).scan().to_arrow()
    catalog.load_table(census).append(rows, snapshot_properties=LOAD)
    catalog.load_table(census).delete("state = 'Ohio'", snapshot_properties=LOAD | {"gv.period": "2026Q4"})
    return census


def test_a_snapshot_shows_its_content_and_the_load_that_wrote_it(gv: Gv, loaded: str, catalog: RestCatalog):
    snapshots = gv("snapshots", loaded, "--json").json["snapshots"]
    assert [each["snapshot_id"] for each in snapshots] == [
        each.snapshot_id for each in reversed(catalog.load_table(loaded).metadata.snapshots)
    ]
    assert [each["operation"] for each in snapshots] == ["overwrite", "append", "append"]
    assert [(each["rows_added"], each["rows_removed"], each["rows"], each["files"]) for each in snapshots] == [
        (2, 4, 2, 2), (2, None, 4, 2), (2, None, 2, 1),
    ]  # fmt: skip
    assert all(each["bytes"] > 0 for each in snapshots)
    loads = [
        each["load"] and (each["load"]["source"], each["load"]["period"], each["load"]["files"]) for each in snapshots
    ]
    assert loads == [("census_bureau", "2026Q4", 2), ("census_bureau", "2026Q3", 2), None]


def test_the_text_output_is_a_table_with_the_settings_below(gv: Gv, loaded: str, namespace: str):
    result = gv("snapshots", "-n", namespace, "-t", "census")
    assert result.code == 0
    assert result.out.startswith(f"{loaded}: 3 snapshot(s)\n")
    assert "overwrite" in result.row("kept: newest")
    assert "census_bureau 2026Q3, 2 file(s) - in 4 d 23 h (" in result.row("2026Q3")
    assert result.out.index("Maintenance settings") < result.out.index("maximum age (hours)")


def test_the_settings_decide_which_snapshots_expire(gv: Gv, loaded: str):
    gv("configure", "--table", loaded, "--min-snapshots", 2, "--max-snapshot-age-hours", 48)
    newest, second, oldest = gv("snapshots", loaded, "--json").json["snapshots"]
    assert (newest["expires"], newest["kept"]) == (None, "one of the newest 2")
    assert (second["expires"], second["kept"]) == (None, "one of the newest 2")
    created, expires = (datetime.fromisoformat(oldest[key]) for key in ("made_at", "expires"))
    assert (expires - created, oldest["kept"]) == (timedelta(hours=48), None)
    gv("configure", "--table", loaded, "--disable", "snapshots")
    assert {each["kept"] for each in gv("snapshots", loaded, "--json").json["snapshots"]} == {
        "snapshot management is disabled"
    }


@pytest.mark.parametrize(
    ("retention", "warning"),
    [
        ({}, "snapshot management does not support branches and tags, but the table has audited"),
        ({"max_ref_age_ms": 1000}, "the branch or tag audited disables managed snapshot expiry"),
    ],
)
def test_a_tag_keeps_every_snapshot_and_gives_a_warning(
    gv: Gv, loaded: str, catalog: RestCatalog, retention: dict[str, int], warning: str
):
    table = catalog.load_table(loaded)
    table.manage_snapshots().create_tag(table.metadata.snapshots[0].snapshot_id, "audited", **retention).commit()
    result = gv("snapshots", loaded)
    assert result.out.count("kept: snapshot management does not support branches and tags") == 3
    assert warning in result.row("warning: ")


def test_gc_enabled_false_keeps_every_snapshot_and_gives_a_warning(gv: Gv, loaded: str, catalog: RestCatalog):
    with catalog.load_table(loaded).transaction() as transaction:
        transaction.set_properties({"gc.enabled": "false"})
    result = gv("snapshots", loaded)
    assert result.out.count("kept: gc.enabled is false") == 3
    assert "gc.enabled=false disables snapshot management" in result.row("warning: ")


def test_an_ignored_table_property_gives_a_warning(gv: Gv, loaded: str, catalog: RestCatalog):
    with catalog.load_table(loaded).transaction() as transaction:
        transaction.set_properties({"history.expire.max-snapshot-age-ms": "604800000"})
    assert "warning: " + loaded + ": the table property history.expire.max-snapshot-age-ms does nothing" in (
        gv("snapshots", loaded).out
    )


def test_a_snapshot_past_its_age_can_expire_now(loaded: str, catalog: RestCatalog):
    settings = LiveSettings(enabled=True, values={"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 1})
    expiries = [each.expires for each in snapshot_history(catalog.load_table(loaded), settings)]
    assert expiries[0] is None
    assert all(each and each < datetime.now(UTC) + timedelta(hours=1) for each in expiries[1:])


def test_an_empty_table_has_no_snapshots_and_an_unknown_table_is_an_error(gv: Gv, census: str):
    assert gv("snapshots", census).out.startswith(f"{census}: 0 snapshot(s)\n\nMaintenance settings\n")
    assert gv("snapshots", "no.where").code == 1
    assert gv("snapshots").code == 2
