"""The sources: the fourteen that the platform was made for, and what holds for each and for any new one."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.declared import SCHEMAS, contract_of
from growth_verticals.contract.table import PartitionField
from growth_verticals.declarations import SOURCES_FOLDER, read_sources
from growth_verticals.source import Inbox, Source, expand_tokens

SAMPLES = Path(__file__).parents[3] / "include" / "samples"
SOURCES = read_sources()
EXAMPLES = {"daily_sales", "user_events"}  # SQL files that people try create_table.py with; no source loads them

WHAT_THERE_IS = [
    ("aiq_household", "quarterly", "SFTP", "delimited", "aiq.household"),
    ("aiq_zip4", "quarterly", "SFTP", "delimited", "aiq.zip4"),
    ("aiq_b2b", "quarterly", "SFTP", "delimited", "aiq.b2b"),
    ("healthwise_consumer", "quarterly", "SFTP", "delimited", "healthwise.consumer"),
    ("statara_digital_campaign", "monthly", "S3", "delimited", "statara.digital_campaign"),
    ("statara_political", "monthly", "S3", "delimited", "statara.political"),
    ("stirista_digital_campaign", "monthly", "S3", "Parquet", "stirista.digital_campaign"),
    ("popsycle_intent_triggers", "daily", "S3", "JSON lines", "popsycle.intent_triggers"),
    ("popsycle_campaign_ad_log", "daily", "S3", "delimited", "popsycle.campaign_ad_log"),
    ("cml_nurse", "on demand", "inbox", "Excel", "cml.nurse"),
    ("ls_corp", "on demand", "inbox", "delimited", "ls_corp.contact"),
    ("causeway", "on demand", "inbox", "delimited", "causeway.person"),
    ("horace_mann", "on demand", "inbox", "delimited", "horace_mann.person"),
    ("platinum_dermatology", "on demand", "inbox", "delimited", "platinum_dermatology.patient"),
]
every_source = pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES.keys())


def test_these_sources_are_declared() -> None:
    declared = {(s.name, s.cadence.label, s.delivery.label, s.format.label, s.table) for s in SOURCES.values()}
    assert set(WHAT_THERE_IS) <= declared


def test_a_source_is_a_declaration_a_sql_file_and_a_sample() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.sql")} - EXAMPLES == SOURCES.keys()
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir()} == SOURCES.keys()
    assert json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8")).keys() == SOURCES.keys()


def test_only_the_source_that_nobody_uses_is_paused() -> None:
    assert [name for name, *_ in WHAT_THERE_IS if SOURCES[name].paused] == ["aiq_zip4"]


def test_vendor_deliveries_say_their_period_and_manual_ones_do_not() -> None:
    unnamed = {name for name, source in SOURCES.items() if not source.delivery.names_period}
    assert unnamed == {name for name, source in SOURCES.items() if isinstance(source.delivery, Inbox)}


def test_a_sample_file_belongs_to_its_own_source_and_to_no_other() -> None:
    for name, sample in json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8")).items():
        for file in sample["files"]:
            if file["drop"] == "inbox" or "marker" in file:
                continue
            takers = [source.name for source in SOURCES.values() if takes(source, sample["period"], file["drop"])]
            assert takers == [name], file["drop"]


def takes(source: Source, period: str, uri: str) -> bool:
    """Whether `uri` lies where `source` looks for the files of `period`."""
    if isinstance(source.delivery, Inbox) or not re.fullmatch(source.cadence.pattern, period):
        return False
    folder, _, name = uri.partition("://")[2].partition("/")[2].rpartition("/")
    parsed = source.cadence.parse(period)
    place = expand_tokens(source.delivery.place, parsed).strip("/")
    return folder == place and fnmatchcase(name, expand_tokens(source.delivery.pattern, parsed))


@every_source
def test_airflow_would_parse_the_file(source: Source) -> None:
    text = (SOURCES_FOLDER / f"{source.name}.py").read_text(encoding="utf-8")
    assert "airflow" in text, "Airflow skips a file without this word"
    assert "dag" in text


@every_source
def test_the_page_tells_a_person_what_to_do(source: Source) -> None:
    text = (SOURCES_FOLDER / f"{source.name}.py").read_text(encoding="utf-8")
    page = text.split('"""')[1]
    assert page.startswith("# ")
    for word in ("One row", "Late", "Refused"):
        assert f"**{word}**" in page
    assert "Sensitivity" in page or "PHI" in page


@every_source
def test_every_column_has_a_pii_class_and_a_description(source: Source) -> None:
    contract = contract_of(source)
    assert [column.name for column in contract.columns if column.pii is None or not column.doc] == []
    assert contract.doc


@every_source
def test_tables_are_partitioned_by_delivery_alone_and_sorted_by_compaction(source: Source) -> None:
    contract = contract_of(source)
    assert contract.partition_by == (PartitionField(column="delivery_period"),)
    assert (source.maintenance.strategy == "sort") == bool(contract.sort_by)


@every_source
def test_codes_that_may_start_with_a_zero_are_text(source: Source) -> None:
    codes = re.compile(r".*(zip[45]?(_code)?|postal_code|fips|county_code|npi|nces_id|license_number|_id|dist)")
    columns = [column for column in contract_of(source).columns if codes.fullmatch(column.name)]
    assert {column.type for column in columns} <= {"string"}


def test_direct_identifiers_are_classed_as_such() -> None:
    said = re.compile(r".*(last_name|email|phone|address_line_1|npi|device_ifa|maid)")
    allowed = {"business_address_line_1": "Q", "practice_address_line_1": "Q"}
    for source in SOURCES.values():
        for column in contract_of(source).columns:
            if said.fullmatch(column.name):
                assert column.pii == allowed.get(column.name, "D"), f"{source.name}.{column.name}"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_example_sql_files_are_tables(name: str) -> None:
    contract = read_ddl((SCHEMAS / f"{name}.sql").read_text(encoding="utf-8"), file=f"{name}.sql")
    assert contract.name == name
    assert contract.partition_by[0].transform in {"month", "day"}


@pytest.mark.parametrize("name", ["users-schema.json", "events-schema.json"])
def test_the_legacy_json_schemas_have_fields(name: str) -> None:
    fields = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))["fields"]
    assert fields
    assert all(field.keys() == {"name", "type", "required"} for field in fields)
