"""Which files belong to a period's delivery. The vendor's folder is a real local folder."""

import os
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from growth_verticals.cadence import BUSINESS_ZONE, Daily, Period, Quarterly
from growth_verticals.delivery import RemoteFile
from growth_verticals.errors import ConfigurationError, DeclarationError, DeliveryError
from growth_verticals.landing.complete import Watch
from growth_verticals.landing.listing import UNFINISHED_SUFFIXES, list_delivery
from growth_verticals.landing.manifest import ManifestEntry
from growth_verticals.landing.origins import LocalOrigin
from growth_verticals.source import Delimited, Inbox, Manifest, Marker, Rule, Sftp, Source

ORIGIN = LocalOrigin()
DAY = Daily().parse("2026-11-22")


def daily(folder: Path | str, pattern: str, *complete: Rule, ignore: tuple[str, ...] = ()) -> Source:
    return Source(
        name="intent",
        table="popsycle.intent",
        cadence=Daily(),
        delivery=Sftp(conn_id="c", directory=str(folder), pattern=pattern, complete=complete, ignore=ignore),
        format=Delimited(delimiter="|"),
    )


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")


def listed(source: Source, period: Period = DAY) -> list[str]:
    return [file.name for file in list_delivery(ORIGIN, source, period).files]


def test_a_delivery_has_the_files_whose_names_match_the_period_sorted_by_name(tmp_path: Path) -> None:
    put(tmp_path, "b_2026-11-22.csv", "a_2026-11-22.csv", "a_2026-11-23.csv", "a_2026-11-22.txt")
    files = list_delivery(ORIGIN, daily(tmp_path, "*_{period}.csv"), DAY).files
    assert [file.name for file in files] == ["a_2026-11-22.csv", "b_2026-11-22.csv"]
    assert {file.size for file in files} == {1}


def test_folder_and_pattern_can_contain_every_token(tmp_path: Path) -> None:
    put(tmp_path / "2026" / "Q4", "1122.csv", "1123.csv")
    source = daily(tmp_path / "{year}" / "Q{quarter}", "{month}{day}.csv")
    assert listed(source) == ["1122.csv"]


def test_patterns_are_case_sensitive(tmp_path: Path) -> None:
    put(tmp_path, "A_2026-11-22.CSV")
    assert listed(daily(tmp_path, "a_{period}.csv")) == []


def test_unfinished_and_hidden_files_folders_links_and_the_marker_are_not_listed(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-22", "2026-11-22.part", "2026-11-22.filepart", "2026-11-22.TMP", ".2026-11-22")
    put(tmp_path, "2026-11-22.done")
    (tmp_path / "2026-11-22.folder").mkdir()
    (tmp_path / "2026-11-22.link").symlink_to(tmp_path / "2026-11-22")
    source = daily(tmp_path, "*{period}*", Marker("{period}.done"))
    assert listed(source) == ["2026-11-22"]


def test_without_a_token_a_period_has_the_files_modified_between_its_opening_and_the_next(tmp_path: Path) -> None:
    cadence = Quarterly(due_business_day=15)
    source = replace(daily(tmp_path, "*_HH.txt"), cadence=cadence)
    quarter = cadence.parse("2026Q3")
    opens, closes = cadence.opens(quarter).timestamp(), cadence.opens(cadence.after(quarter)).timestamp()
    assert datetime.fromtimestamp(opens, BUSINESS_ZONE).isoformat() == "2026-10-01T06:00:00-04:00"
    for name, modified in {"1": opens - 1, "2": opens, "3": closes - 1, "4": closes}.items():
        put(tmp_path, f"{name}_HH.txt")
        os.utime(tmp_path / f"{name}_HH.txt", (modified, modified))
    assert listed(source, quarter) == ["2_HH.txt", "3_HH.txt"]


def test_a_missing_folder_is_an_error_unless_its_name_contains_the_period(tmp_path: Path) -> None:
    assert listed(daily(tmp_path / "{period}", "*", Marker("done"))) == []
    with pytest.raises(DeliveryError, match="there is no folder"):
        list_delivery(ORIGIN, daily(tmp_path / "outgoing", "*"), DAY)


def test_the_inbox_is_not_watched() -> None:
    source = replace(daily("", "*"), delivery=Inbox())
    with pytest.raises(DeclarationError, match="name the files"):
        list_delivery(ORIGIN, source, DAY)


def test_a_marker_is_there_or_not(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-22.csv", "2026-11-21.done")
    source = daily(tmp_path, "{period}.*", Marker("{period}.done"))
    assert list_delivery(ORIGIN, source, DAY).markers == frozenset()
    put(tmp_path, "2026-11-22.done")
    listing = list_delivery(ORIGIN, source, DAY)
    assert (listing.markers, listing.skipped) == ({"2026-11-22.done"}, ())
    assert [file.name for file in listing.files] == ["2026-11-22.csv"]


class Arriving(LocalOrigin):
    """A folder in which files arrive after its first listing, the last one named a marker."""

    def __init__(self, *arrivals: str) -> None:
        self.arrivals = list(arrivals)

    def list(self, folder: str) -> list[RemoteFile]:
        files = super().list(folder)
        while self.arrivals:
            put(Path(folder), self.arrivals.pop(0))
        return files


def test_a_file_that_came_before_the_marker_is_not_missed(tmp_path: Path) -> None:
    """A list is not made at one moment: it can have the marker, and miss a file that was complete before."""
    put(tmp_path, "1_2026-11-22", "2026-11-22.done")
    origin = Arriving("2_2026-11-22")
    source = daily(tmp_path, "?_{period}", Marker("{period}.done"))
    verdict = Watch(source, DAY).update(list_delivery(origin, source, DAY), 0.0)
    assert verdict.complete
    assert [file.name for file in verdict.files] == ["1_2026-11-22", "2_2026-11-22"]


def test_a_marker_that_comes_with_the_last_file_during_a_poll_counts_at_the_next_one(tmp_path: Path) -> None:
    put(tmp_path, "1_2026-11-22")
    origin = Arriving("2_2026-11-22", "2026-11-22.done")
    source = daily(tmp_path, "?_{period}", Marker("{period}.done"))
    first, second = (list_delivery(origin, source, DAY) for _ in range(2))
    assert (len(first.files), first.markers) == (1, frozenset())
    assert (len(second.files), second.markers) == (2, {"2026-11-22.done"})


def test_ignored_files_are_known_and_skipped_and_others_are_none_of_ours(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-22.csv", "2026-11-22.layout.csv", "2026-11-22_counts.txt", "2026-11-22.pdf")
    source = daily(tmp_path, "{period}*.csv", ignore=("*.layout.csv", "{period}_*.txt"))
    listing = list_delivery(ORIGIN, source, DAY)
    assert [file.name for file in listing.files] == ["2026-11-22.csv"]
    assert listing.skipped == ("2026-11-22.layout.csv", "2026-11-22_counts.txt")


MANIFEST = Manifest("m_{period}*.csv", columns={"name": "file", "size": "bytes"})


def test_a_manifest_is_read_and_is_no_file_of_the_delivery(tmp_path: Path) -> None:
    put(tmp_path, "2026-11-22.csv")
    (tmp_path / "m_2026-11-22.csv").write_text("file,bytes\n2026-11-22.csv,1\n")
    listing = list_delivery(ORIGIN, daily(tmp_path, "*{period}*.csv", MANIFEST), DAY)
    assert [file.name for file in listing.files] == ["2026-11-22.csv"]
    assert [file.name for file in listing.manifests] == ["m_2026-11-22.csv"]
    assert listing.entries == {"2026-11-22.csv": ManifestEntry(size=1)}


def test_a_manifest_that_cannot_be_used_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = daily(tmp_path, "{period}.csv", MANIFEST)
    (tmp_path / "m_2026-11-22.csv").write_text("name\n")
    found = list_delivery(ORIGIN, source, DAY)
    assert found.entries is None
    assert str(found.manifest_error).startswith("m_2026-11-22.csv: line 1: column file: the manifest's header must")
    put(tmp_path, "m_2026-11-22_2.csv")
    found = list_delivery(ORIGIN, source, DAY)
    assert (found.entries, found.manifest_error) == (None, "there are several, m_2026-11-22.csv, m_2026-11-22_2.csv")
    (tmp_path / "m_2026-11-22_2.csv").unlink()
    monkeypatch.setattr("growth_verticals.landing.listing.MAX_MANIFEST_BYTES", 4)
    assert list_delivery(ORIGIN, source, DAY).manifest_error == "m_2026-11-22.csv has 5 bytes"


class Growing(LocalOrigin):
    """A folder in which a file grows after it was listed."""

    def list(self, folder: str) -> list[RemoteFile]:
        files = super().list(folder)
        for file in files:
            with (Path(folder) / file.name).open("a") as stream:
                stream.write("more\n")
        return files


def test_a_manifest_that_changes_while_it_is_read_is_not_believed(tmp_path: Path) -> None:
    (tmp_path / "m_2026-11-22.csv").write_text("file,bytes\n")
    found = list_delivery(Growing(), daily(tmp_path, "{period}.csv", MANIFEST), DAY)
    assert (found.entries, found.manifest_error) == (None, "m_2026-11-22.csv changed while it was read")


@pytest.mark.parametrize("suffix", UNFINISHED_SUFFIXES)
def test_an_unfinished_marker_or_manifest_is_not_there(tmp_path: Path, suffix: str) -> None:
    put(tmp_path, f"m_2026-11-22.csv{suffix}", f"2026-11-22.done{suffix}")
    rules = (Manifest("m_{period}*", sums="md5"), Marker("{period}.done"))
    found = list_delivery(ORIGIN, daily(tmp_path, "*", *rules), DAY)
    assert (found.manifests, found.markers) == ((), frozenset())


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
