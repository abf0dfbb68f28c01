"""A source's declaration in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from growth_verticals.checks import Check
from growth_verticals.completeness import Rule
from growth_verticals.declarations import find_source, read_sources
from growth_verticals.description import describe
from growth_verticals.source import (
    S3,
    ControlSum,
    Each,
    ExpectedRows,
    Files,
    KnownKeys,
    Manifest,
    Marker,
    NullShare,
    Parts,
    Quiet,
    Rows,
    RowsBand,
    Source,
    UniqueKey,
)

SOURCE = find_source("popsycle_campaign_ad_log")


def with_rules(*rules: Rule) -> Source:
    delivery = S3(conn_id="s3_acme", bucket="acme", prefix="{period}/", pattern="*.gz", complete=rules)
    return replace(SOURCE, delivery=delivery)


@pytest.mark.parametrize("name", read_sources())
def test_every_source_says_where_when_and_whom_to_ask(name: str) -> None:
    source, terms = find_source(name), dict(describe(find_source(name)))
    assert terms["Whom to ask"] == source.contact
    assert terms["Table"].startswith(f"{source.table},")
    assert terms["Owner"] == "data team"
    assert {"Place", "Files", "Cadence", "Restatement", "Rejects"} <= terms.keys()
    assert ("Created paused" in terms) is (source.paused is not None)


def test_an_on_demand_source_is_never_due_and_a_person_names_its_files() -> None:
    terms = dict(describe(find_source("ls_corp")))
    assert terms["Place"] == "inbox/ls_corp/ in the landing zone; a person names the files of each run"
    assert not {"Due", "Complete"} & terms.keys()
    assert terms["Columns that are not in the SQL file"] == "kept in the column extra"


def test_a_scheduled_source_says_when_it_is_due() -> None:
    terms = dict(describe(find_source("aiq_household")))
    assert terms["Due"] == "18:00 New York time on business day 15 after the period"
    assert terms["Place"] == "SFTP server of the connection sftp_aiq, folder /outgoing"
    assert terms["Restatement"] == "a delivery replaces all other files of its period"


@pytest.mark.parametrize(
    ("rules", "text"),
    [
        ((), "when two polls in a row have found the same files"),
        ((Marker("{period}.done"),), "when the marker {period}.done is there"),
        ((Manifest("{period}.txt", sums="md5"),), "when all files that the manifest {period}.txt lists are there"),
        ((Files(1),), "when exactly 1 file is there"),
        ((Files(3), Quiet(timedelta(minutes=90))),
         "when exactly 3 files are there and nothing has changed for 1.5 hours"),
        ((Each(("AK", "AL"), pattern="x_{value}.gz"),), "when there is a file for each of 2 values (AK, AL)"),
        ((Each(tuple("ABCDEF"), at_least=2, pattern="x_{value}.gz"), Quiet(timedelta(hours=1))),
         "when files for at least 2 of 6 values are there (A, B, C, D, E, …) and nothing has changed for 1 hour"),
        ((Parts("p{part}of{parts}.gz"),), "when all parts are there, as their names say"),
    ],
)  # fmt: skip
def test_when_a_delivery_is_complete(rules: tuple[Rule, ...], text: str) -> None:
    assert dict(describe(with_rules(*rules)))["Complete"] == text


@pytest.mark.parametrize(
    ("check", "text"),
    [
        (ExpectedRows(), "each file has as many records as the vendor's manifest says, or it is refused"),
        (ControlSum(column="cost"), "the sum of cost is that of the vendor's manifest, or it is refused"),
        (
            Rows(min=1, max=9),
            "the number of rows in the period is at least 1 and at most 9, or a person must approve it",
        ),
        (
            RowsBand(within=0.25, periods=1),
            "the rows are within 25 % of the period before, or a person must approve it",
        ),
        (
            NullShare(columns=("zip5",), periods=1),
            "the share of NULL of zip5 is within 10 percentage points of the period before, or a warning",
        ),
        (UniqueKey(columns=("a", "b")), "no key (a, b) is repeated, or a person must approve it"),
        (
            KnownKeys(columns=("a",), min=0.7, outcome="refuse"),
            "at least 70 % of the keys (a) were there in the period before, or it is refused",
        ),
    ],
)
def test_each_check_says_what_it_expects_and_what_happens_otherwise(check: Check, text: str) -> None:
    assert [each for term, each in describe(replace(SOURCE, checks=(check,))) if term == "Check"] == [text]
