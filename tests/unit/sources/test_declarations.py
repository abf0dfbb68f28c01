"""The declared sources: the fourteen that the platform was built for, and rules for every source."""

from __future__ import annotations

import json
import re
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from growth_verticals.cadence import Period
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.declared import SCHEMAS, contract_of
from growth_verticals.contract.table import PartitionField
from growth_verticals.declarations import SOURCES_FOLDER, read_sources
from growth_verticals.delivery import RemoteFile
from growth_verticals.landing.complete import Listing, Watch
from growth_verticals.patterns import expand_tokens, shell_pattern
from growth_verticals.source import Inbox, Marker, Quiet, Source

SAMPLES = Path(__file__).parents[3] / "include" / "samples"
SOURCES = read_sources()
EXAMPLES = {"daily_sales", "user_events"}  # sample SQL files for create_table.py; no source loads them

EXPECTED_SOURCES = [
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


def test_the_expected_sources_are_declared() -> None:
    declared = {(s.name, s.cadence.label, s.delivery.label, s.format.label, s.table) for s in SOURCES.values()}
    assert set(EXPECTED_SOURCES) <= declared


def test_every_source_has_a_declaration_a_sql_file_and_a_sample() -> None:
    assert {path.stem for path in SCHEMAS.glob("*.sql")} - EXAMPLES == SOURCES.keys()
    assert {path.name for path in SAMPLES.iterdir() if path.is_dir()} == SOURCES.keys()
    assert json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8")).keys() == SOURCES.keys()


def test_only_the_unused_source_is_paused() -> None:
    assert [name for name, *_ in EXPECTED_SOURCES if SOURCES[name].paused] == ["aiq_zip4"]


def test_only_deliveries_to_the_inbox_have_no_period_token() -> None:
    without_token = {name for name, source in SOURCES.items() if not source.delivery.has_period_token}
    assert without_token == {name for name, source in SOURCES.items() if isinstance(source.delivery, Inbox)}


def test_a_sample_file_matches_only_its_own_source() -> None:
    for name, sample in json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8")).items():
        for file in sample["files"]:
            if file["drop"] == "inbox" or "marker" in file:
                continue
            matching = [source.name for source in SOURCES.values() if matches(source, sample["period"], file["drop"])]
            assert matching == [name], file["drop"]


@every_source
def test_a_delivery_that_is_waited_for_declares_when_it_is_complete(source: Source) -> None:
    assert bool(source.delivery.rules) != isinstance(source.delivery, Inbox)


@every_source
def test_a_sample_is_complete_by_its_source_s_rules_and_without_any_one_file_it_is_not(source: Source) -> None:
    if isinstance(source.delivery, Inbox):
        return
    sample = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))[source.name]
    names = [file["drop"].rpartition("/")[2] for file in sample["files"]]
    period = source.cadence.parse(sample["period"])

    def is_complete(names: list[str]) -> bool:
        listing = listing_of(source, period, names)
        watch = Watch(source, period, max_quiet_s=1.0)
        return [watch.update(listing, now).complete for now in (0.0, 1.0)][-1]

    assert is_complete(names)
    needed = not any(isinstance(rule, Quiet) for rule in source.delivery.rules)  # the last resort counts nothing
    for name in names:
        assert is_complete([other for other in names if other != name]) != needed or len(names) == 1
    assert not is_complete([])


def listing_of(source: Source, period: Period, names: list[str]) -> Listing:
    """What a poll finds when files of these names are there."""
    markers = {expand_tokens(rule.name, period) for rule in source.delivery.rules if isinstance(rule, Marker)}
    files = [RemoteFile(name=name, uri=f"s3://v/{name}", size=1, modified=0.0) for name in names if name not in markers]
    return Listing(files=tuple(files), markers=frozenset(markers & set(names)))


def matches(source: Source, period: str, uri: str) -> bool:
    """Whether `uri` matches the folder and the pattern of `source` for `period`."""
    if isinstance(source.delivery, Inbox) or not re.fullmatch(source.cadence.pattern, period):
        return False
    folder, _, name = uri.partition("://")[2].partition("/")[2].rpartition("/")
    parsed = source.cadence.parse(period)
    declared_folder = expand_tokens(source.delivery.folder, parsed).strip("/")
    return folder == declared_folder and fnmatchcase(name, shell_pattern(source.delivery.pattern, parsed))


@every_source
def test_airflow_recognizes_the_file_as_a_dag_file(source: Source) -> None:
    text = (SOURCES_FOLDER / f"{source.name}.py").read_text(encoding="utf-8")
    assert "airflow" in text, "Airflow skips files that do not contain this word"
    assert "dag" in text


@every_source
def test_the_dag_s_page_has_the_required_sections(source: Source) -> None:
    text = (SOURCES_FOLDER / f"{source.name}.py").read_text(encoding="utf-8")
    page = text.split('"""')[1]
    assert page.startswith("# ")
    for heading in ("One row", "Late", "Refused"):
        assert f"**{heading}**" in page
    assert "Sensitivity" in page or "PHI" in page


@every_source
def test_every_column_has_a_pii_class_and_a_description(source: Source) -> None:
    contract = contract_of(source)
    assert [column.name for column in contract.columns if column.pii is None or not column.doc] == []
    assert contract.doc


@every_source
def test_tables_are_partitioned_only_by_delivery_period_and_sorted_by_compaction(source: Source) -> None:
    contract = contract_of(source)
    assert contract.partition_by == (PartitionField(column="delivery_period"),)
    assert (source.maintenance.strategy == "sort") == bool(contract.sort_by)


@every_source
def test_codes_that_can_start_with_a_zero_are_strings(source: Source) -> None:
    codes = re.compile(r".*(zip[45]?(_code)?|postal_code|fips|county_code|npi|nces_id|license_number|_id|dist)")
    columns = [column for column in contract_of(source).columns if codes.fullmatch(column.name)]
    assert {column.type for column in columns} <= {"string"}


def test_direct_identifiers_have_the_pii_class_d() -> None:
    direct = re.compile(r".*(last_name|email|phone|address_line_1|npi|device_ifa|maid)")
    exceptions = {"business_address_line_1": "Q", "practice_address_line_1": "Q"}
    for source in SOURCES.values():
        for column in contract_of(source).columns:
            if direct.fullmatch(column.name):
                assert column.pii == exceptions.get(column.name, "D"), f"{source.name}.{column.name}"


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_sample_sql_files_define_tables(name: str) -> None:
    contract = read_ddl((SCHEMAS / f"{name}.sql").read_text(encoding="utf-8"), file=f"{name}.sql")
    assert contract.name == name
    assert contract.partition_by[0].transform in {"month", "day"}


@pytest.mark.parametrize("name", ["users-schema.json", "events-schema.json"])
def test_the_legacy_json_schemas_have_fields(name: str) -> None:
    fields = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))["fields"]
    assert fields
    assert all(field.keys() == {"name", "type", "required"} for field in fields)
