"""A delivery is complete exactly when all that its rules declare is there and settled, and never earlier."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.cadence import Monthly
from growth_verticals.delivery import RemoteFile
from growth_verticals.landing.complete import Listing, Verdict, Watch
from growth_verticals.landing.manifest import ManifestEntry
from growth_verticals.source import (
    Delimited,
    Each,
    Files,
    Manifest,
    Marker,
    Parts,
    Quiet,
    Rule,
    Sftp,
    Source,
)

MONTH = Monthly().parse("2026-11")
PARTS = "hh_{period}_part{part}of{parts}.gz"
STATES = ("GA", "NC", "OH")
HOUR = timedelta(hours=1)
LAST_POLL = "waiting for another poll that finds no change"


def watch(*rules: Rule, pattern: str = "*", ignore: tuple[str, ...] = (), **options: Any) -> Watch:
    delivery = Sftp(conn_id="c", directory="/{period}", pattern=pattern, complete=rules, ignore=ignore)
    source = Source(name="people", table="a.people", cadence=Monthly(), delivery=delivery, format=Delimited())
    return Watch(source, MONTH, **options)


def remote(name: str, size: int = 1, modified: float = 0.0) -> RemoteFile:
    return RemoteFile(name=name, uri=f"sftp://c/{name}", size=size, modified=modified)


def listing(*names: str, **details: Any) -> Listing:
    return Listing(files=tuple(remote(name) for name in names), **details)


def verdict_on(rules: tuple[Rule, ...] | Rule, *names: str, pattern: str = "*", **details: Any) -> Verdict:
    """What the second of two equal polls says."""
    declared = rules if isinstance(rules, tuple) else (rules,)
    watched = watch(*declared, pattern=pattern)
    watched.update(listing(*names, **details), 0.0)
    return watched.update(listing(*names, **details), 1.0)


def part(number: int, of: int) -> str:
    return f"hh_2026-11_part{number}of{of}.gz"


# --- without rules, and stability ---------------------------------------------------------------------------------


def test_without_a_rule_two_equal_polls_complete_a_delivery() -> None:
    watched = watch()
    first = watched.update(listing("a", "b"), 0.0)
    assert (first.complete, first.found) == (False, f"2 file(s), 2 bytes; {LAST_POLL}")
    second = watched.update(listing("b", "a"), 1.0)
    assert (second.complete, second.found) == (True, "2 file(s), 2 bytes")


@pytest.mark.parametrize(
    "change", [{"size": 2}, {"modified": 1.0}, {"version": "v"}, {"name": "b"}, {"uri": "sftp://c/elsewhere/a"}]
)
@pytest.mark.parametrize("rules", [(), (Files(1),)])
def test_a_file_that_changes_between_two_polls_is_not_taken(rules: tuple[Rule, ...], change: dict[str, Any]) -> None:
    watched = watch(*rules)
    watched.update(Listing(files=(remote("a"),)), 0.0)
    changed = Listing(files=(replace(remote("a"), **change),))
    assert not watched.update(changed, 1.0).complete
    assert watched.update(changed, 2.0).complete


@pytest.mark.parametrize(
    "rule",
    [
        None,
        Marker("{period}.done"),
        Manifest("m_{period}", sums="md5"),
        Files(1),
        Each(STATES, pattern="{value}"),
        Quiet(HOUR),
    ],
)
def test_no_files_are_never_a_complete_delivery(rule: Rule | None) -> None:
    watched = watch(*[rule] if rule else [])
    empty = Listing(files=(), markers=frozenset({"2026-11.done"}), manifests=(remote("m_2026-11"),), entries={})
    for now in (0.0, 1.0, 1e6):
        verdict = watched.update(empty, now)
        assert not verdict.complete
        assert verdict.found.startswith("none")


# --- the rules ----------------------------------------------------------------------------------------------------


def test_a_marker_completes_the_delivery_at_once_and_nothing_else_does() -> None:
    watched = watch(Marker("{period}.done"))
    for now in (0.0, 1.0, 2.0):
        assert watched.update(listing("a"), now).found == "1 file(s), 1 bytes; waiting for the marker 2026-11.done"
    assert watch(Marker("{period}.done")).update(listing("a", markers=frozenset({"2026-11.done"})), 0.0).complete


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a", "b", "c"], None),
        (["a", "b"], "2 of 3 arrived"),
        (["a", "b", "c", "d"], "4 of 3 arrived; more than declared: a, b, c, d"),
    ],
)
def test_files(names: list[str], found: str | None) -> None:
    verdict = verdict_on(Files(3), *names)
    assert verdict.complete == (found is None)
    assert verdict.found == f"{len(names)} file(s), {len(names)} bytes; {found or '3 of 3 arrived'}"


def test_releases_of_one_file_count_once() -> None:
    assert verdict_on(Files(1), "b2b_V105.gz", "b2b_V106.gz", pattern="b2b_V{release}.gz").complete
    assert not verdict_on(Files(1), "b2b_V105.gz", "b2b_V106.gz", pattern="b2b_V*.gz").complete
    names = ["GA_V1", "GA_V2", "NC_V1", "OH_V1"]
    assert verdict_on(Each(STATES), *names, pattern="{value}_V{release}").complete
    assert not verdict_on(Each(STATES), *names, pattern="{value}_V*").complete


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([part(1, 3), part(2, 3), part(3, 3)], "3 of 3 arrived"),
        ([part(1, 1)], "1 of 1 arrived"),
        (["hh_2026-11_part01of03.gz", "hh_2026-11_part2of003.gz", "hh_2026-11_part3of3.gz"], "3 of 3 arrived"),
    ],
)
def test_all_parts(names: list[str], found: str) -> None:
    verdict = verdict_on(Parts(), *names, pattern=PARTS)
    assert verdict.complete
    assert verdict.found.endswith(found)


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([part(number, 8) for number in range(1, 9) if number != 4], "7 of 8 arrived; missing: part 4"),
        ([part(2, 3)], "1 of 3 arrived; missing: parts 1, 3"),
        ([part(1, 2), "hh_2026-11_part01of2.gz"],
         ("1 of 2 arrived; missing: part 2; part 1 is there more than once: "
          "hh_2026-11_part1of2.gz, hh_2026-11_part01of2.gz")),
        ([part(1, 2), part(2, 2), "hh_2026-11_part02of2.gz"],
         "2 of 2 arrived; part 2 is there more than once: hh_2026-11_part2of2.gz, hh_2026-11_part02of2.gz"),
        ([part(1, 2), part(2, 3)], "the names say different numbers of parts: 2, 3"),
        ([part(1, 2), part(2, 2), part(3, 2)], "2 of 2 arrived; not expected: hh_2026-11_part3of2.gz"),
        ([part(0, 1), part(1, 1)], "1 of 1 arrived; not expected: hh_2026-11_part0of1.gz"),
        ([part(1, 0)], "0 of 0 arrived; not expected: hh_2026-11_part1of0.gz"),
        ([part(1, 1), "hh_2026-11_partXof1.gz"], "1 of 1 arrived; not expected: hh_2026-11_partXof1.gz"),
        (["hh_2026-11_partXof1.gz"], "no part arrived; not expected: hh_2026-11_partXof1.gz"),
        ([part(1, 1), "hh_2026-11_part1of1.gz.gz"], "1 of 1 arrived; not expected: hh_2026-11_part1of1.gz.gz"),
    ],
)  # fmt: skip
def test_missing_doubled_and_unexpected_parts(names: list[str], found: str) -> None:
    verdict = verdict_on(Parts(), *names, pattern=PARTS)
    assert not verdict.complete
    assert verdict.found.partition(" bytes; ")[2] == found


def test_an_absurd_number_of_parts_is_neither_complete_nor_costly() -> None:
    verdict = verdict_on(Parts(), part(1, 999_999_999), part(10_001, 999_999_999), pattern=PARTS)
    assert not verdict.complete
    assert verdict.found.endswith("and 9,979 more; not expected: hh_2026-11_part10001of999999999.gz")


def test_a_file_that_is_not_a_part_holds_a_wider_pattern_up() -> None:
    names = [part(1, 1), "hh_2026-11_part1.gz"]
    verdict = verdict_on(Parts(PARTS), *names, pattern="hh_{period}_part*.gz")
    assert not verdict.complete
    assert verdict.found.endswith("1 of 1 arrived; not expected: hh_2026-11_part1.gz")


@pytest.mark.parametrize(
    ("rule", "names", "found"),
    [
        (Each(STATES), ["GA", "NC", "OH"], None),
        (Each(STATES), ["GA"], "1 of 3 arrived; missing: NC, OH"),
        (Each(STATES), ["GA", "NC", "OH", "TX"], "3 of 3 arrived; not expected: TX_1.csv"),
        (Each(STATES), ["GA", "NC", "OH", "ga"], "3 of 3 arrived; not expected: ga_1.csv"),
        (Each(STATES, at_least=1), ["NC"], None),
        (Each(STATES, at_least=2), ["NC"], "1 arrived; at least 2 must arrive"),
        (Each(STATES, at_least=1), ["NC", "XX"], "1 arrived; not expected: XX_1.csv"),
        (Each(STATES, required=("OH",)), ["OH", "GA"], None),
        (Each(STATES, required=("OH",)), ["GA"], "1 arrived; missing: OH"),
        (Each(STATES, required=("OH",), at_least=2), ["OH"], "1 arrived; at least 2 must arrive"),
    ],
)
def test_one_file_for_each_value(rule: Each, names: list[str], found: str | None) -> None:
    rules = (rule,) if rule.is_exact else (rule, Marker("{period}.done"))
    files = [f"{name}_1.csv" for name in names]
    verdict = verdict_on(rules, *files, pattern="{value}_?.csv", markers=frozenset({"2026-11.done"}))
    assert verdict.complete == (found is None)
    if found:
        assert verdict.found.partition(" bytes; ")[2] == found


def test_two_files_for_one_value_are_not_complete() -> None:
    verdict = verdict_on(Each(("GA",)), "GA_1", "GA_2", pattern="{value}_?")
    assert verdict.found.endswith("1 of 1 arrived; GA is there more than once: GA_1, GA_2")
    assert not verdict.complete


def test_a_value_that_another_one_starts_with_is_told_apart() -> None:
    assert verdict_on(Each(("A", "A_B")), "A_1", "A_B_1", pattern="{value}_1").complete


def test_quiet_counts_from_the_first_poll_that_found_these_files() -> None:
    watched = watch(Quiet(HOUR))
    assert not watched.update(listing("a"), 0.0).complete
    assert not watched.update(listing("a", "b"), 3600.0).complete, "a second file came"
    verdict = watched.update(listing("a", "b"), 7199.0)
    assert (verdict.complete, verdict.found) == (False, "2 file(s), 2 bytes; unchanged for 0:59:59 of 1:00:00")
    assert watched.update(listing("a", "b"), 7200.0).complete


def test_a_watch_continues_from_what_another_one_saw() -> None:
    first = watch(Quiet(HOUR))
    first.update(listing("a"), 100.0)
    second = watch(Quiet(HOUR), seen=first.seen, unchanged_since=first.unchanged_since)
    assert not second.update(listing("a"), 3699.0).complete
    assert second.update(listing("a"), 3700.0).complete


def test_a_setting_can_shorten_quiet_but_one_poll_is_never_enough() -> None:
    watched = watch(Quiet(HOUR), max_quiet_s=0.0)
    assert not watched.update(listing("a"), 0.0).complete
    assert watched.update(listing("a"), 1.0).complete


def test_all_rules_must_be_met() -> None:
    rules = (Each(STATES, at_least=1), Quiet(HOUR))
    watched = watch(*rules, pattern="{value}")
    watched.update(listing("XX"), 0.0)
    assert not watched.update(listing("XX"), 1e6).complete
    watched.update(listing("GA"), 1e6)
    assert watched.update(listing("GA"), 1e6 + 3600).complete


# --- the manifest -------------------------------------------------------------------------------------------------

MANIFEST = Manifest("m_{period}.csv", columns={"name": "n", "size": "s"})


def with_manifest(
    entries: dict[str, ManifestEntry] | None, *files: RemoteFile, size: int = 5, **details: Any
) -> Listing:
    return Listing(files=files, manifests=(remote("m_2026-11.csv", size=size),), entries=entries, **details)


def manifest_verdict(found: Listing, ignore: tuple[str, ...] = ()) -> Verdict:
    watched = watch(MANIFEST, pattern="*.gz", ignore=ignore)
    watched.update(found, 0.0)
    return watched.update(found, 1.0)


def test_what_the_manifest_says_goes_with_the_files() -> None:
    entry = ManifestEntry(size=2, rows=3, sha256="aa", md5="bb")
    verdict = manifest_verdict(with_manifest({"a.gz": entry}, remote("a.gz", size=2)))
    assert verdict.complete
    expected = replace(remote("a.gz", size=2), expected_rows=3, expected_sha256="aa", expected_md5="bb")
    assert verdict.files == (expected,)


@pytest.mark.parametrize(
    ("entries", "files", "found"),
    [
        ({"a.gz": 1, "b.gz": 1, "c.gz": 1}, {"a.gz": 1, "c.gz": 1}, "2 of 3 arrived; missing: b.gz"),
        ({"a.gz": 10}, {"a.gz": 4},
         "0 of 1 arrived; of another size than in the manifest: a.gz (4 of 10 bytes)"),
        ({"a.gz": 10}, {"a.gz": 11},
         "0 of 1 arrived; of another size than in the manifest: a.gz (11 of 10 bytes)"),
        ({"a.gz": 1}, {"a.gz": 1, "b.gz": 1}, "1 of 1 arrived; not in the manifest: b.gz"),
        ({"a.gz": 1, "b.txt": 1}, {"a.gz": 1},
         "1 of 2 arrived; in the manifest, but neither in pattern nor in ignore: b.txt"),
        ({}, {"a.gz": 1}, "0 of 0 arrived; not in the manifest: a.gz"),
    ],
)  # fmt: skip
def test_files_that_differ_from_the_manifest(entries: dict[str, int], files: dict[str, int], found: str) -> None:
    listed = {name: ManifestEntry(size=size) for name, size in entries.items()}
    verdict = manifest_verdict(with_manifest(listed, *(remote(name, size) for name, size in files.items())))
    assert not verdict.complete
    assert verdict.found.partition(" bytes; ")[2] == found


def test_a_file_that_is_ignored_may_be_in_the_manifest() -> None:
    listed = {"a.gz": ManifestEntry(), "layout.txt": ManifestEntry(size=9)}
    assert manifest_verdict(with_manifest(listed, remote("a.gz")), ignore=("*.txt",)).complete


def test_a_manifest_that_is_missing_or_cannot_be_read_is_told() -> None:
    assert manifest_verdict(listing("a.gz")).found.endswith("waiting for the manifest m_2026-11.csv")
    broken = manifest_verdict(with_manifest(None, remote("a.gz"), manifest_error="line 2: no"))
    assert not broken.complete
    assert broken.found.endswith("the manifest cannot be used: line 2: no")


def test_a_manifest_that_is_still_growing_is_not_believed() -> None:
    watched = watch(MANIFEST, pattern="*.gz")
    half, whole = {"a.gz": ManifestEntry()}, {"a.gz": ManifestEntry(), "b.gz": ManifestEntry()}
    watched.update(listing("a.gz"), 0.0)
    assert not watched.update(with_manifest(half, remote("a.gz"), size=5), 1.0).complete
    assert not watched.update(with_manifest(whole, remote("a.gz"), size=9), 2.0).complete
    assert not watched.update(with_manifest(whole, remote("a.gz"), remote("b.gz"), size=9), 3.0).complete
    assert watched.update(with_manifest(whole, remote("a.gz"), remote("b.gz"), size=9), 4.0).complete


# --- properties: any order of arrivals ----------------------------------------------------------------------------


@st.composite
def uploads(draw: st.DrawFn, names: list[str]) -> list[tuple[RemoteFile, ...]]:
    """What each poll finds while files come in any order, each in one or more steps; the last one has them all."""
    steps = [name for name in names for _ in range(draw(st.integers(1, 3)))]
    order = draw(st.permutations(steps))
    sizes: dict[str, int] = {}
    polls: list[tuple[RemoteFile, ...]] = []
    for name in order:
        polls += [tuple(remote(each, size) for each, size in sizes.items())] * draw(st.integers(0, 2))
        sizes[name] = sizes.get(name, 0) + 1
    everything = tuple(remote(each, size) for each, size in sizes.items())
    return [*polls, everything, everything]


def check_every_poll(watched: Watch, polls: list[tuple[RemoteFile, ...]], expected: set[str]) -> None:
    """Complete at a poll exactly if all files are there and the poll before found the same; at the last one always."""
    verdicts = [watched.update(Listing(files=files), float(now)).complete for now, files in enumerate(polls)]
    for verdict, (before, now) in zip(verdicts[1:], pairwise(polls), strict=True):
        assert verdict == ({file.name for file in now} == expected and set(before) == set(now))
    assert not verdicts[0]
    assert verdicts[-1]


@given(st.data())
def test_parts_are_complete_exactly_when_all_are_there_and_stable(data: st.DataObject) -> None:
    total = data.draw(st.integers(1, 6))
    width = data.draw(st.integers(1, 3))
    names = [f"hh_2026-11_part{number:0{width}}of{total:0{width}}.gz" for number in range(1, total + 1)]
    check_every_poll(watch(Parts(), pattern=PARTS), data.draw(uploads(names)), set(names))


@given(st.data())
def test_values_are_complete_exactly_when_all_are_there_and_stable(data: st.DataObject) -> None:
    check_every_poll(watch(Each(STATES), pattern="{value}"), data.draw(uploads(list(STATES))), set(STATES))


@given(st.data())
def test_a_number_of_files_is_complete_exactly_when_they_are_there_and_stable(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=5, unique=True))
    check_every_poll(watch(Files(len(names))), data.draw(uploads(names)), set(names))


@given(st.data())
def test_a_manifest_is_complete_exactly_when_all_its_files_are_there_and_stable(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4, unique=True))
    polls = data.draw(uploads(names))
    sizes = {file.name: file.size for file in polls[-1]}
    entries = {name: ManifestEntry(size=size) for name, size in sizes.items()}
    comes_at = data.draw(st.integers(0, len(polls) - 1))
    watched = watch(Manifest("m_{period}", columns={"name": "n", "size": "s"}))
    before: set[RemoteFile] = set()
    for now, files in enumerate([*polls, polls[-1]]):
        manifests = (remote("m_2026-11"),) if now >= comes_at else ()
        found = Listing(files=files, manifests=manifests, entries=entries if manifests else None)
        same, before = before == {*files, *manifests}, {*files, *manifests}
        all_there = {file.name: file.size for file in files} == sizes
        assert watched.update(found, float(now)).complete == (bool(manifests) and all_there and same)


@given(st.data())
def test_quiet_is_complete_exactly_when_nothing_changed_for_its_duration(data: st.DataObject) -> None:
    polls = data.draw(uploads(["a", "b", "c"]))
    waits = data.draw(st.lists(st.sampled_from([60.0, 1800.0, 3600.0]), min_size=len(polls), max_size=len(polls)))
    watched, now, since, before = watch(Quiet(HOUR)), 0.0, 0.0, set[RemoteFile]()
    for files, wait in zip(polls, waits, strict=True):
        now += wait
        if set(files) != before:
            since, before, first = now, set(files), True
        else:
            first = False
        assert watched.update(Listing(files=files), now).complete == (bool(files) and not first and now - since >= 3600)
