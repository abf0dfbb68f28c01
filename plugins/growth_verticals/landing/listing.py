"""Selects the files of a delivery: those that a vendor put up for a period, or those that a person named."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from growth_verticals.completeness import Manifest, Marker
from growth_verticals.errors import DeclarationError, DeliveryError, FileRefusedError
from growth_verticals.landing.complete import Listing
from growth_verticals.landing.manifest import MAX_MANIFEST_BYTES, read_manifest
from growth_verticals.landing.origins import S3Origin
from growth_verticals.landing.rules import matches_any
from growth_verticals.landing.uris import is_plain_name, split_s3_uri
from growth_verticals.patterns import expand_tokens
from growth_verticals.source import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.landing.origins import Origin
    from growth_verticals.source import Source

#: Suffixes that senders give to files that they are still writing.
UNFINISHED_SUFFIXES = (".part", ".filepart", ".tmp")
_MAX_CHOICES = 20


def list_delivery(origin: Origin, source: Source, period: Period) -> Listing:
    """Return what the vendor has put up for a period so far. There can be no files yet.

    If neither folder nor pattern names the period, its files are those modified at or after its opening, and before the
    next period opens. Sends one request for the list; if a marker is there one more, and to read a manifest one more.
    Holds the list, and a manifest of at most 16 MiB.

    Raises `DeliveryError` when the folder does not exist, unless its name contains the period: then the vendor can
    still create it. Raises what the origin raises.
    """
    delivery, cadence = source.delivery, source.cadence
    if isinstance(delivery, Inbox):
        raise DeclarationError("the inbox is not watched", source=source.name, next_step="name the files to load")
    names = {expand_tokens(rule.name, period) for rule in delivery.rules if isinstance(rule, Marker)}
    found = _finished(_folder(origin, source, period))
    markers = names & {file.name for file in found}
    if markers:  # list again: files that came before the marker, but while the list was made, can be missing in it
        found = _finished(_folder(origin, source, period))
    declared = next((rule for rule in delivery.rules if isinstance(rule, Manifest)), None)
    files, skipped, manifests = [], [], []
    for file in found:
        if declared and matches_any(file.name, (declared.pattern,), period):
            manifests.append(file)
        elif matches_any(file.name, delivery.ignore, period):
            skipped.append(file.name)
        elif file.name not in names and matches_any(file.name, (delivery.pattern,), period):
            files.append(file)
    if not delivery.has_period_token:
        opens, closes = (cadence.opens(start).timestamp() for start in (period, cadence.after(period)))
        files = [file for file in files if opens <= file.modified < closes]
    listing = Listing(
        files=tuple(files), skipped=tuple(skipped), markers=frozenset(markers), manifests=tuple(manifests)
    )
    return _with_entries(origin, declared, listing) if declared and manifests else listing


def _with_entries(origin: Origin, declared: Manifest, listing: Listing) -> Listing:
    """Return the listing with what its manifest says, or with the reason why that cannot be read."""
    if len(listing.manifests) > 1:
        names = ", ".join(each.name for each in listing.manifests[:_MAX_CHOICES])
        return replace(listing, manifest_error=f"there are several, {names}")
    [manifest] = listing.manifests
    if manifest.size > MAX_MANIFEST_BYTES:
        return replace(listing, manifest_error=f"{manifest.name} has {manifest.size:,} bytes")
    with origin.open(manifest) as stream:
        data = stream.read(MAX_MANIFEST_BYTES + 1)
    if len(data) != manifest.size:
        return replace(listing, manifest_error=f"{manifest.name} changed while it was read")
    try:
        return replace(listing, entries=read_manifest(declared, manifest.name, data))
    except FileRefusedError as error:
        return replace(listing, manifest_error=str(error))


def list_inbox(account: Account, source: Source) -> list[RemoteFile]:
    """Return the files in the source's inbox that match its pattern, sorted by name."""
    bucket, prefix = split_s3_uri(account.inbox_prefix(source.name) + "/")
    return matching(source, S3Origin(account.client("s3"), bucket).list(prefix))


def find_named(
    account: Account,
    source: Source,
    names: Sequence[str],
    origin_of: Callable[[str], Origin],
) -> list[RemoteFile]:
    """Return the files that a person named, in that order, without duplicates.

    A name is the name of a file in the source's inbox, or a URI under one of `delivery.also_from`, written as it is
    there (not percent-encoded). Nothing else is listed or read, whatever the name contains.

    :param origin_of: returns the origin that a URI is read from; called for allowed URIs only.
    :raises DeliveryError: a name is not allowed, or there is no such file; the message says what is allowed and there.
    """
    if not names:
        raise _name_error(account, source, "no file was named", list_inbox(account, source))
    return [_find(account, source, name, origin_of) for name in dict.fromkeys(names)]


def _find(account: Account, source: Source, name: str, origin_of: Callable[[str], Origin]) -> RemoteFile:
    uri = ""
    if is_plain_name(name):
        files = list_inbox(account, source)
    elif _is_allowed(name, source.delivery.also_from):
        uri, _, name = name.rpartition("/")
        files = matching(source, origin_of(uri).list(_folder_of(uri)))
    else:
        raise _name_error(account, source, f"loading {name[:200]!a} is not allowed", list_inbox(account, source))
    for file in files:
        if file.name == name:
            return file
    raise _name_error(account, source, f"there is no matching file {name!a} in {uri or 'the inbox'}", files)


def _is_allowed(uri: str, prefixes: Sequence[str]) -> bool:
    folders = (prefix.rstrip("/") + "/" for prefix in prefixes)
    return any(
        uri.startswith(folder) and all(map(is_plain_name, uri.removeprefix(folder).split("/"))) for folder in folders
    )


def _folder_of(uri: str) -> str:
    """Return the folder as the origin of `uri` expects it: a prefix for a bucket, otherwise an absolute path."""
    scheme, _, location = uri.partition("://")
    folder = location.partition("/")[2]
    return folder if scheme == "s3" else f"/{folder}"


def _folder(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    try:
        return origin.list(expand_tokens(source.delivery.folder, period))
    except DeliveryError:
        if source.delivery.folder == expand_tokens(source.delivery.folder, period):
            raise
        return []  # the vendor creates a period's folder with the delivery


def _finished(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Return the files that are neither hidden nor still being written, sorted by name."""
    finished = (
        file for file in files if not file.name.startswith(".") and not file.name.lower().endswith(UNFINISHED_SUFFIXES)
    )
    return sorted(finished, key=lambda file: file.name)


def matching(source: Source, files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Return the finished files whose name matches the source's pattern for any period, sorted by name."""
    delivery = source.delivery
    return [
        file
        for file in _finished(files)
        if matches_any(file.name, (delivery.pattern,), None) and not matches_any(file.name, delivery.ignore, None)
    ]


def _name_error(account: Account, source: Source, what: str, files: Sequence[RemoteFile]) -> DeliveryError:
    """Return the error that says which names are allowed and which files there are."""
    allowed = f"the name of a file in {account.inbox_prefix(source.name)}/ that matches {source.delivery.pattern}"
    if source.delivery.also_from:
        allowed += f", or a URI under {' or '.join(source.delivery.also_from)}"
    names = [repr(file.name) for file in files[:_MAX_CHOICES]]
    more = f" and {len(files) - len(names)} more" if len(files) > len(names) else ""
    return DeliveryError(
        what,
        source=source.name,
        expected=allowed,
        next_step=f"choose from {', '.join(names)}{more} in a new run, or put the file there and clear the task await"
        if names
        else "put the file there first, then clear the task await of this run",
    )
