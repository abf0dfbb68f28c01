"""Which state a file and a period have, by what the vendor has, what was landed and what the table holds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from growth_verticals.audit.reconcile import Lists, audited_period, period_state, reconcile
from growth_verticals.audit.report import AuditedFile, FileState
from growth_verticals.cadence import Quarterly
from growth_verticals.delivery import RemoteFile
from growth_verticals.landing.complete import Verdict
from growth_verticals.landing.receipts import Receipt
from growth_verticals.source import Delimited, Sftp, Source

SOURCE = Source(
    name="acme",
    table="acme.person",
    cadence=Quarterly(),
    delivery=Sftp(conn_id="sftp_acme", directory="/out", pattern="people_*.csv"),
    format=Delimited(),
)
RELEASES = replace(SOURCE, delivery=replace(SOURCE.delivery, pattern="people_{release}.csv"))
WHOLE = replace(SOURCE, restated="replace_period")


def remote(name: str = "people_1.csv", **changes: Any) -> RemoteFile:
    return replace(RemoteFile(name=name, uri=f"sftp://sftp_acme/out/{name}", size=3, modified=10.0), **changes)


def receipt(name: str = "people_1.csv", sha256: str = "one", landed_at: str = "2026-11-01", **changes: Any) -> Receipt:
    file = remote(name)
    landed = Receipt(
        name=name, sha256=sha256, size=3, origin=file.uri, version=None, modified=10.0, etag="e", version_id=None,
        landed_at=landed_at,
    )  # fmt: skip
    return replace(landed, **changes)


def states(lists: Lists, source: Source = SOURCE) -> list[tuple[str, FileState]]:
    return [(file.name, file.state) for file in reconcile(source, lists)]


OLD = receipt(sha256="old", landed_at="2026-11-01")
NEW = receipt(sha256="new", landed_at="2026-11-02", modified=20.0)
CASES: dict[str, tuple[Lists, list[FileState]]] = {
    "in all three lists": (Lists(vendor=[remote()], receipts=[receipt()], loaded={"one": "n"}), ["loaded"]),
    "landed and loaded, and nobody asked the vendor": (Lists(receipts=[receipt()], loaded={"one": "n"}), ["loaded"]),
    "landed and loaded, and no longer at the vendor": (
        Lists(vendor=[], receipts=[receipt()], loaded={"one": "n"}),
        ["loaded, vendor has removed it"],
    ),
    "loaded by a person, and never at the vendor": (
        Lists(vendor=[], receipts=[receipt(origin="file:///home/people_1.csv")], loaded={"one": "n"}),
        ["loaded"],
    ),
    "at the vendor only": (Lists(vendor=[remote()]), ["not landed"]),
    "at the vendor with another size": (
        Lists(vendor=[remote(size=4)], receipts=[receipt()], loaded={"one": "n"}),
        ["restated", "loaded"],
    ),
    "at the vendor with another time": (
        Lists(vendor=[remote(modified=11.0)], receipts=[receipt()], loaded={"one": "n"}),
        ["restated", "loaded"],
    ),
    "at the vendor again with the same bytes": (
        Lists(
            vendor=[remote(modified=11.0)], receipts=[receipt().also_lists(remote(modified=11.0))], loaded={"one": "n"}
        ),
        ["loaded"],
    ),
    "landed and refused": (Lists(vendor=[remote()], receipts=[receipt()]), ["landed, not loaded"]),
    "only rejects": (Lists(vendor=[remote()], receipts=[receipt()], rejected={"one": "n"}), ["rejects only"]),
    "no records": (Lists(vendor=[remote()], receipts=[receipt()], committed={"one": 0}), ["empty"]),
    "committed and taken back": (Lists(vendor=[remote()], receipts=[receipt()], committed={"one": 7}), ["undone"]),
    "only rejects, which retention has removed": (
        Lists(vendor=[remote()], receipts=[receipt()], committed={"one": 7}, valid={"one": 0}),
        ["rejects only"],
    ),
    "its landed copy was removed by retention": (
        Lists(vendor=[remote()], receipts=[receipt(removed_at="2026-12-24")], loaded={"one": "n"}),
        ["loaded"],
    ),
    "a correction is loaded": (
        Lists(vendor=[remote(modified=20.0)], receipts=[OLD, NEW], loaded={"new": "n"}, committed={"old": 7, "new": 7}),
        ["replaced", "loaded"],
    ),
    "a correction was refused": (
        Lists(vendor=[remote(modified=20.0)], receipts=[OLD, NEW], loaded={"old": "n"}, committed={"old": 7}),
        ["loaded", "landed, not loaded"],
    ),
    "a correction was taken back by the vendor": (
        Lists(vendor=[remote()], receipts=[OLD, NEW], loaded={"old": "n"}, committed={"old": 7, "new": 7}),
        ["loaded", "replaced"],
    ),
    "refused before a correction was loaded": (
        Lists(vendor=[remote(modified=20.0)], receipts=[OLD, NEW], loaded={"new": "n"}, committed={"new": 7}),
        ["replaced", "loaded"],
    ),
    "rows of a file that was never landed": (Lists(vendor=[], loaded={"lost": "x.csv"}), ["unexplained"]),
    "rejects of a file that was never landed": (Lists(vendor=[], rejected={"lost": "x.csv"}), ["unexplained"]),
    "known and skipped": (Lists(vendor=[], skipped=["README.txt"]), ["ignored"]),
}


@pytest.mark.parametrize("name", CASES)
def test_the_state_of_a_file(name: str) -> None:
    lists, expected = CASES[name]
    assert sorted(state for _, state in states(lists)) == sorted(expected)


def test_one_content_under_two_names_is_loaded_twice_in_the_report_and_once_in_the_table() -> None:
    lists = Lists(
        vendor=[remote(), remote("people_2.csv")],
        receipts=[receipt(), receipt("people_2.csv")],
        loaded={"one": "people_1.csv"},
    )
    assert states(lists) == [("people_1.csv", "loaded"), ("people_2.csv", "loaded")]


def test_another_release_of_a_landed_file_is_a_restatement_not_a_new_file() -> None:
    lists = Lists(vendor=[remote(), remote("people_2.csv")], receipts=[receipt()], loaded={"one": "people_1.csv"})
    assert states(lists)[1] == ("people_2.csv", "not landed")
    assert states(lists, RELEASES)[1] == ("people_2.csv", "restated")


def test_a_full_snapshot_replaces_files_of_other_names_only_if_it_was_landed_later() -> None:
    old, new = receipt(sha256="old"), receipt("people_2.csv", sha256="new", landed_at="2026-11-02")
    after = Lists(vendor=[], receipts=[old, new], loaded={"new": "people_2.csv"}, committed={"old": 7, "new": 7})
    assert states(after, WHOLE)[0] == ("people_1.csv", "replaced")
    assert states(after, SOURCE)[0] == ("people_1.csv", "undone")
    taken_back = replace(after, loaded={"old": "people_1.csv"})
    assert states(taken_back, WHOLE)[1] == ("people_2.csv", "undone")


def test_an_object_is_the_landed_one_by_its_version_not_by_its_time() -> None:
    listed = remote(version='"etag"', modified=99.0)
    landed = receipt(version='"etag"')
    assert states(Lists(vendor=[listed], receipts=[landed], loaded={"one": "n"})) == [("people_1.csv", "loaded")]
    other = replace(listed, version='"other"')
    assert ("people_1.csv", "restated") in states(Lists(vendor=[other], receipts=[landed], loaded={"one": "n"}))


def file(state: FileState) -> AuditedFile:
    return AuditedFile(name="people_1.csv", state=state)


COMPLETE, PART = (Verdict(complete=complete, found="", files=()) for complete in (True, False))


@pytest.mark.parametrize(
    ("found", "vendor", "is_due", "expected"),
    [
        (["loaded", "ignored", "empty", "replaced"], COMPLETE, False, "complete"),
        (["loaded", "loaded, vendor has removed it"], PART, True, "complete"),
        (["loaded"], None, True, "complete"),
        (["ignored"], PART, False, "waiting"),
        ([], None, False, "waiting"),
        (["not landed"], PART, False, "waiting"),
        (["not landed"], COMPLETE, False, "waiting"),
        (["not landed"], PART, True, "late"),
        ([], PART, True, "late"),
        (["not landed"], COMPLETE, True, "differs"),
        (["loaded", "not landed"], PART, False, "differs"),
        (["loaded", "restated"], COMPLETE, False, "differs"),
        (["landed, not loaded"], COMPLETE, False, "differs"),
        (["undone"], COMPLETE, False, "differs"),
        (["loaded", "unexplained"], COMPLETE, False, "differs"),
    ],
)
def test_the_state_of_a_period(found: list[FileState], vendor: Verdict | None, is_due: bool, expected: str) -> None:
    files = [file(state) for state in found]
    assert period_state(files, vendor, unreachable=False, is_due=is_due) == expected


@pytest.mark.parametrize(
    ("found", "expected"),
    [([], "vendor unreachable"), (["loaded"], "vendor unreachable"), (["unexplained"], "differs")],
)
def test_a_vendor_that_does_not_answer_is_no_difference_and_hides_none(found: list[FileState], expected: str) -> None:
    assert period_state([file(state) for state in found], None, unreachable=True, is_due=True) == expected


def test_a_period_tells_its_counts_and_why_the_vendor_was_not_asked() -> None:
    lists = Lists(receipts=[receipt(), receipt("people_2.csv", "two")], loaded={"one": "people_1.csv"})
    audited = audited_period(SOURCE, "2026Q4", lists, None, unreachable=None, is_due=False)
    assert audited.counts() == "1 loaded; 1 landed, not loaded"
    assert audited.found == "the vendor was not asked"
    assert [each.name for each in audited.unsettled] == ["people_2.csv"]
    assert audited.to_json()["files"][0]["state"] == "loaded"
