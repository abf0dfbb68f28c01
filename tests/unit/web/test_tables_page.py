"""The page of the tables. What `read_tables` reads from a real catalog is tested in tests/integration/web."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from fastapi import Request

from growth_verticals.bucket.history import Load
from growth_verticals.bucket.maintenance import Job
from growth_verticals.declarations import read_sources
from growth_verticals.errors import ServiceError
from growth_verticals.web.live_tables import LiveTable, ShownSetting
from growth_verticals.web.render import page
from tests.airflow_history import HOSTILE_NAMES

from .html import Page, assert_harmless

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from .conftest import Login

AT = datetime(2026, 11, 30, 17, tzinfo=UTC)
TABLE = LiveTable(
    name="aiq.household",
    exists=True,
    rows=265_000_000,
    files=312,
    bytes=48 * 2**30,
    snapshots=4,
    newest=Load(at=AT, period="2026Q3", source="aiq_household", files=2, by="ana", tool="gv", reason="a correction"),
    settings={
        "compaction": [ShownSetting(label="target file size", value="128 MB", declared="512 MB")],
        "snapshots": [ShownSetting(label="minimum snapshots", value="1", declared=None)],
    },
    jobs={
        "compaction": Job(status="Failed", message="KMS key is disabled", ran_at=AT),
        "snapshots": Job(status="Not_Yet_Run", message="", ran_at=None),
    },
    warnings=["the last job of compaction failed"],
)


def fragment(*tables: LiveTable, error: ServiceError | None = None) -> Page:
    request = Request(
        {
            "type": "http",
            "root_path": "/deliveries",
            "path": "/deliveries/tables/aiq_household",
            "query_string": b"",
            "headers": [],
        }
    )
    values = {"source": "aiq_household", "read_at": AT, "tables": tables, "error": error}
    return Page(bytes(page(request, "tables_of_source.html", **values).body).decode())


def test_each_table_and_rejects_table_is_listed_and_read_apart(web: TestClient) -> None:
    shown = Page(web.get("/deliveries/tables").text)
    assert_harmless(shown)
    for source in read_sources().values():
        assert source.table in shown.text
        assert source.rejects_table in shown.text
        [part] = shown.all("tbody", data_fragment=f"/deliveries/tables/{source.name}")
        assert part["aria-busy"] == "true"


def test_a_table_shows_content_newest_load_settings_jobs_and_warnings() -> None:
    text = fragment(TABLE).text
    assert text.startswith("aiq.householdaiq_household as of 12:00:00 EST The last job of compaction failed.")
    assert "265,000,000 312 48.0 GiB 4" in text
    assert "2026-11-30 12:00 EST 2026Q3, by ana, with ./gv a correction" in text
    assert "compaction target file size 128 MB declared 512 MB snapshots minimum snapshots 1" in text
    assert "compaction failed 11-30 12:00KMS key is disabled. snapshots not yet run" in text


def test_a_table_that_is_missing_or_was_never_loaded_says_so() -> None:
    assert "It does not exist yet: the first load creates it." in fragment(replace(TABLE, exists=False)).text
    assert " never " in fragment(replace(TABLE, newest=None)).text


def test_a_table_that_cannot_be_read_has_one_sentence_and_the_rest() -> None:
    text = fragment(replace(TABLE, exists=None, rows=None, problems=["reading aiq.household was refused"])).text
    assert "Reading aiq.household was refused." in text
    assert "compaction failed" in text


def test_without_an_account_the_row_says_so_and_the_page_what_to_do(
    web: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GV_TABLE_BUCKET_ARN", raising=False)
    answer = web.get("/deliveries/tables/aiq_household")
    assert answer.status_code == 200
    shown = Page(answer.text)
    assert shown.text == "aiq_household It cannot be read: GV_TABLE_BUCKET_ARN is not set."
    assert shown.all("tbody")[0]["data-note"].startswith("Some tables cannot be read. Next: set it in the environment")


def test_names_of_people_and_messages_of_aws_are_only_text() -> None:
    hostile = HOSTILE_NAMES[1]
    newest = Load(at=AT, by=hostile, tool="airflow", reason=hostile)
    jobs = {"compaction": Job(status="Failed", message=hostile, ran_at=AT)}
    for shown in (
        fragment(replace(TABLE, newest=newest, jobs=jobs, warnings=[hostile], problems=[hostile])),
        fragment(error=ServiceError(hostile, next_step=hostile)),
    ):
        assert_harmless(shown)
        assert hostile in "".join(shown.words)


def test_a_user_sees_only_tables_of_sources_that_he_may_read(login: Login) -> None:
    assert "You see no source" in login("").get("/deliveries/tables").text
