"""Decides whether a delivery is complete, from what the polls of the vendor's folder found. It sends no requests.

The sensor, the trigger and the tests call the same `Watch`, once per poll.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from growth_verticals.completeness import Each, Files, Manifest, Marker, Parts, Quiet
from growth_verticals.landing.rules import (
    Finding,
    Names,
    check_count,
    check_manifest,
    check_parts,
    check_quiet,
    check_values,
)
from growth_verticals.patterns import expand_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.completeness import Rule
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.landing.manifest import ManifestEntry
    from growth_verticals.source import Source


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What one poll found.

    :param files: the period's files, sorted by name.
    :param skipped: names of files that are known and skipped (`ignore`).
    :param markers: names of the marker files that are there.
    :param manifests: the manifest files that are there.
    :param entries: what the manifest says of each file, by name; None if there is not exactly one that can be read.
    :param manifest_error: why the manifest cannot be read.
    """

    files: tuple[RemoteFile, ...]
    skipped: tuple[str, ...] = ()
    markers: frozenset[str] = frozenset()
    manifests: tuple[RemoteFile, ...] = ()
    entries: Mapping[str, ManifestEntry] | None = None
    manifest_error: str | None = None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a delivery is complete.

    :param found: what is there and what is missing, for the log: `7 file(s), 1,234 bytes; 7 of 8 arrived; missing:
        part 4`. It starts with `none` if there are no files.
    :param files: the files, with what the manifest says of them.
    """

    complete: bool
    found: str
    files: tuple[RemoteFile, ...]


@dataclass
class Watch:
    """Follows one period's delivery from poll to poll.

    :param seen: the files that the previous poll found, the manifest included. Empty before the first poll.
    :param unchanged_since: when a poll first found exactly these, in seconds since 1970.
    :param max_quiet_s: upper limit of what `Quiet` declares.
    """

    source: Source
    period: Period
    seen: Sequence[RemoteFile] = ()
    unchanged_since: float = 0.0
    max_quiet_s: float = field(default=math.inf, kw_only=True)

    def update(self, listing: Listing, now: float) -> Verdict:
        """Take in what a poll found at `now` (seconds since 1970), and return whether the delivery is complete."""
        watched = (*listing.files, *listing.manifests)
        unchanged = bool(watched) and set(map(_state, watched)) == set(map(_state, self.seen))
        if not unchanged:
            self.seen, self.unchanged_since = watched, now
        rules = self.source.delivery.rules
        findings = [self._check(rule, listing, now) for rule in rules]
        # A marker says that the upload has ended. Without one, a file can still be growing.
        settled = unchanged or any(isinstance(rule, Marker) for rule in rules)
        if listing.files and not settled and all(finding.met for finding in findings):
            findings.append(Finding(False, "waiting for another poll that finds no change"))
        size = sum(file.size for file in listing.files)
        there = f"{len(listing.files)} file(s), {size:,} bytes" if listing.files else "none"
        return Verdict(
            complete=bool(listing.files) and settled and all(finding.met for finding in findings),
            found="; ".join([there, *(finding.text for finding in findings if finding.text)]),
            files=tuple(_with_entry(file, listing) for file in listing.files),
        )

    def _check(self, rule: Rule, listing: Listing, now: float) -> Finding:
        delivery = self.source.delivery
        names = Names([file.name for file in listing.files], delivery.pattern, self.period)
        match rule:
            case Marker(name):
                name = expand_tokens(name, self.period)
                is_there = name in listing.markers
                return Finding(is_there, "" if is_there else f"waiting for the marker {name}")
            case Manifest(pattern):
                if not listing.manifests:
                    return Finding(False, f"waiting for the manifest {expand_tokens(pattern, self.period)}")
                if listing.entries is None:
                    return Finding(False, f"the manifest cannot be used: {listing.manifest_error}")
                sizes = {file.name: file.size for file in listing.files}
                return check_manifest(listing.entries, sizes, delivery, self.period)
            case Files(count):
                return check_count(count, names)
            case Parts():
                return check_parts(rule, names)
            case Each():
                return check_values(rule, names)
            case Quiet(duration):
                quiet_s = min(duration.total_seconds(), self.max_quiet_s)
                if not listing.files:
                    return Finding(False, "")
                return check_quiet(quiet_s, now - self.unchanged_since)
        raise AssertionError(f"no such rule: {rule}")


def _state(file: RemoteFile) -> tuple[object, ...]:
    """Return what must stay the same from poll to poll."""
    return file.uri, file.name, file.size, file.modified, file.version


def _with_entry(file: RemoteFile, listing: Listing) -> RemoteFile:
    entry = (listing.entries or {}).get(file.name)
    if entry is None:
        return file
    return replace(
        file,
        expected_rows=entry.rows,
        expected_sums=entry.sums,
        expected_sha256=entry.sha256,
        expected_md5=entry.md5,
    )
