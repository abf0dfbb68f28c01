"""Which files belong to a period's delivery. The vendor's folder is a real local folder."""

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from growth_verticals.cadence import BUSINESS_ZONE, Daily, Quarterly
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, DeclarationError, DeliveryError
from growth_verticals.landing.listing import is_complete, list_delivery, marker_present
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.source import Delimited, Inbox, Sftp, Source

ORIGIN = LocalOrigin()
DAY = Daily().parse("2026-11-22")


def daily(folder: Path | str, pattern: str, done_marker: str | None = None) -> Source:
    return Source(
        name="intent",
        table="popsycle.intent",
        cadence=Daily(),
        delivery=Sftp(conn_id="c", directory=str(folder), pattern=pattern, done_marker=done_marker),
        format=Delimited(delimiter="|"),
    )


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def names(files: list[RemoteFile]) -> list[str]:
    return [file.name for file in files]


def test_a_delivery_has_the_files_whose_names_match_the_period_sorted_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b_2026-11-22.csv", "a_2026-11-22.csv", "a_2026-11-23.csv", "a_2026-11-22.txt")
    files = list_delivery(ORIGIN, daily(tmp_path, "*_{period}.csv"), DAY)
    assert names(files) == ["a_2026-11-22.csv", "b_2026-11-22.csv"]
    assert {file.size for file in files} == {1}


def test_folder_and_pattern_can_contain_every_token(tmp_path: Path) -> None:
    put(tmp_path / "2026" / "Q4", "1122.csv", "1123.csv")
    source = daily(tmp_path / "{year}" / "Q{quarter}", "{month}{day}.csv")
    assert names(list_delivery(ORIGIN, source, DAY)) == ["1122.csv"]


def test_patterns_are_case_sensitive(tmp_path: Path) -> None:
    put(tmp_path, "A_2026-11-22.CSV")
    assert list_delivery(ORIGIN, daily(tmp_path, "a_{period}.csv"), DAY) == []


def test_unfinished_and_hidden_files_folders_links_and_the_marker_are_not_listed(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-22", "2026-11-22.part", "2026-11-22.filepart", "2026-11-22.TMP", ".2026-11-22")
    put(tmp_path, "2026-11-22.done")
    (tmp_path / "2026-11-22.folder").mkdir()
    (tmp_path / "2026-11-22.link").symlink_to(tmp_path / "2026-11-22")
    source = daily(tmp_path, "*{period}*", done_marker="{period}.done")
    assert names(list_delivery(ORIGIN, source, DAY)) == ["2026-11-22"]


def test_without_a_token_a_period_has_the_files_modified_between_its_opening_and_the_next(tmp_path: Path) -> None:
    cadence = Quarterly(due_business_day=15)
    source = replace(daily(tmp_path, "*_HH.txt"), cadence=cadence)
    quarter = cadence.parse("2026Q3")
    opens, closes = cadence.opens(quarter).timestamp(), cadence.opens(cadence.after(quarter)).timestamp()
    assert datetime.fromtimestamp(opens, BUSINESS_ZONE).isoformat() == "2026-10-01T06:00:00-04:00"
    for name, modified in {"1": opens - 1, "2": opens, "3": closes - 1, "4": closes}.items():
        put(tmp_path, f"{name}_HH.txt")
        os.utime(tmp_path / f"{name}_HH.txt", (modified, modified))
    assert names(list_delivery(ORIGIN, source, quarter)) == ["2_HH.txt", "3_HH.txt"]


def test_a_missing_folder_is_an_error_unless_its_name_contains_the_period(tmp_path: Path) -> None:
    assert list_delivery(ORIGIN, daily(tmp_path / "{period}", "*"), DAY) == []
    assert marker_present(ORIGIN, daily(tmp_path / "{period}", "*", "done"), DAY) is False
    with pytest.raises(DeliveryError, match="there is no folder"):
        list_delivery(ORIGIN, daily(tmp_path / "outgoing", "*"), DAY)


def test_the_inbox_is_not_watched() -> None:
    source = replace(daily("", "*"), delivery=Inbox())
    with pytest.raises(DeclarationError, match="name the files"):
        list_delivery(ORIGIN, source, DAY)


def test_a_marker_is_present_absent_or_not_declared(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    source = daily(tmp_path, "*.csv", done_marker="{period}.done")
    assert marker_present(ORIGIN, source, DAY) is False
    put(tmp_path, "2026-11-22.done")
    assert marker_present(ORIGIN, source, DAY) is True
    assert marker_present(ORIGIN, daily(tmp_path, "*.csv"), DAY) is None


FILE = RemoteFile(name="a", uri="sftp://c/a", size=1, modified=2.0, version="v")


def test_a_delivery_is_complete_when_two_listings_are_the_same() -> None:
    other = replace(FILE, name="b", uri="sftp://c/b")
    assert is_complete([FILE, other], [other, FILE], None)


@pytest.mark.parametrize(
    "previous",
    [
        [],
        [replace(FILE, size=0)],
        [replace(FILE, modified=1.0)],
        [replace(FILE, version="u")],
        [replace(FILE, name="b")],
        [FILE, replace(FILE, name="b")],
    ],
)
def test_a_delivery_that_changes_between_two_listings_is_not_complete(previous: list[RemoteFile]) -> None:
    assert not is_complete(previous, [FILE], None)


def test_if_a_marker_is_declared_only_the_marker_decides() -> None:
    assert is_complete([], [FILE], marker_seen=True)
    assert not is_complete([FILE], [FILE], marker_seen=False)


@pytest.mark.parametrize("marker_seen", [True, False, None])
def test_an_empty_listing_is_never_complete(marker_seen: bool | None) -> None:
    assert not is_complete([], [], marker_seen)


def test_a_missing_local_path_or_one_that_is_not_a_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        ORIGIN.file(tmp_path / "absent.csv")
    with pytest.raises(ConfigurationError, match="not a file"):
        ORIGIN.file(tmp_path)


def test_a_local_file_whose_name_is_not_utf8_can_be_checked_again_and_read(tmp_path: Path) -> None:
    path = Path(os.fsdecode(bytes(tmp_path) + b"/na\xefve #1?.csv"))
    path.write_bytes(b"1,2\n")
    file = ORIGIN.file(path)
    assert file.name == "naïve #1?.csv"
    assert ORIGIN.stat(file) == file
    with ORIGIN.open(file) as stream:
        assert stream.read() == b"1,2\n"
