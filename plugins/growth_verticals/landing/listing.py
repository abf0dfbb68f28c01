"""Which files are a delivery: those that appeared for a period, and those that a person named."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from growth_verticals.errors import DeclarationError, DeliveryError
from growth_verticals.landing.origins import S3Origin
from growth_verticals.landing.uris import is_plain_name, split_s3_uri
from growth_verticals.source import PERIOD_TOKENS, Inbox, expand_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import RemoteFile
    from growth_verticals.landing.origins import Origin
    from growth_verticals.source import Source

#: Names that senders give to files which they are still writing.
UNFINISHED = (".part", ".filepart", ".tmp")
_CHOICES_SHOWN = 20


def list_delivery(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    """Return the period's files that the vendor has put up so far, by name; the empty list when there is none.

    Where neither folder nor pattern names the period, its files are those modified from its opening until the next
    period opens. Raises `DeliveryError` when the folder does not exist, unless its name holds the period and so it may
    still come.
    """
    delivery, cadence = source.delivery, source.cadence
    if isinstance(delivery, Inbox):
        raise DeclarationError("the inbox is not watched", source=source.name, next_step="name the files to load")
    pattern = expand_tokens(delivery.pattern, period)
    marker = expand_tokens(delivery.done_marker or "", period)
    files = [
        file
        for file in _finished(_folder(origin, source, period))
        if fnmatchcase(file.name, pattern) and file.name != marker
    ]
    if not delivery.names_period:
        opens, closes = (cadence.opens(each).timestamp() for each in (period, cadence.after(period)))
        files = [file for file in files if opens <= file.modified < closes]
    return files


def marker_present(origin: Origin, source: Source, period: Period) -> bool | None:
    """Whether the delivery's done marker is there; None when the source declares none."""
    if source.delivery.done_marker is None:
        return None
    marker = expand_tokens(source.delivery.done_marker, period)
    return any(file.name == marker for file in _folder(origin, source, period))


def is_complete(previous: Sequence[RemoteFile], current: Sequence[RemoteFile], marker_seen: bool | None) -> bool:
    """Whether `current` is the whole delivery.

    Where the source declares a marker (`marker_seen` is not None) the marker alone decides; otherwise every file's
    name, size, time and version must be the same as at the look before. No file is never a delivery.
    """
    if not current:
        return False
    return set(previous) == set(current) if marker_seen is None else marker_seen


def list_inbox(account: Account, source: Source) -> list[RemoteFile]:
    """Return the files in the source's inbox that fit its pattern, by name."""
    bucket, prefix = split_s3_uri(account.inbox_prefix(source.name) + "/")
    return _fitting(source, S3Origin(account.client("s3"), bucket).list(prefix))


def find_named(
    account: Account,
    source: Source,
    names: Sequence[str],
    origin_of: Callable[[str], Origin],
) -> list[RemoteFile]:
    """Return the files that a person named, in that order and each once.

    A name is that of a file in the source's inbox, or a URI under one of `delivery.also_from`, written as it is there
    (nothing percent-quoted). Nothing else is looked at, whatever the text says.

    :param origin_of: returns the origin that a URI is read from; asked for allowed URIs only.
    :raises DeliveryError: a name is not allowed or not there; the message says what is.
    """
    if not names:
        raise _unknown(account, source, "no file was named", list_inbox(account, source))
    return [_find(account, source, name, origin_of) for name in dict.fromkeys(names)]


def _find(account: Account, source: Source, name: str, origin_of: Callable[[str], Origin]) -> RemoteFile:
    uri = ""
    if is_plain_name(name):
        there = list_inbox(account, source)
    elif _is_allowed(name, source.delivery.also_from):
        uri, _, name = name.rpartition("/")
        there = _fitting(source, origin_of(uri).list(_folder_of(uri)))
    else:
        raise _unknown(account, source, f"{name[:200]!a} may not be loaded", list_inbox(account, source))
    for file in there:
        if file.name == name:
            return file
    raise _unknown(account, source, f"there is no file {name!a} that fits in {uri or 'the inbox'}", there)


def _is_allowed(uri: str, prefixes: Sequence[str]) -> bool:
    folders = (prefix.rstrip("/") + "/" for prefix in prefixes)
    return any(
        uri.startswith(folder) and all(map(is_plain_name, uri.removeprefix(folder).split("/"))) for folder in folders
    )


def _folder_of(uri: str) -> str:
    """Return the folder as the origin of `uri` takes it: a prefix of the bucket, an absolute path elsewhere."""
    scheme, _, place = uri.partition("://")
    folder = place.partition("/")[2]
    return folder if scheme == "s3" else f"/{folder}"


def _folder(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    try:
        return origin.list(expand_tokens(source.delivery.place, period))
    except DeliveryError:
        if source.delivery.place == expand_tokens(source.delivery.place, period):
            raise
        return []  # a period's own folder comes with the delivery


def _finished(files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Return the files that nobody is still writing or hiding, by name."""
    finished = (file for file in files if not file.name.startswith(".") and not file.name.lower().endswith(UNFINISHED))
    return sorted(finished, key=lambda file: file.name)


def _fitting(source: Source, files: Iterable[RemoteFile]) -> list[RemoteFile]:
    """Return the finished files whose name fits the source's pattern for any period, by name."""
    pattern = source.delivery.pattern
    for token in PERIOD_TOKENS:
        pattern = pattern.replace("{" + token + "}", "*")
    return [file for file in _finished(files) if fnmatchcase(file.name, pattern)]


def _unknown(account: Account, source: Source, what: str, there: Sequence[RemoteFile]) -> DeliveryError:
    """Return the error that says which names are allowed and which files are there."""
    allowed = f"the name of a file in {account.inbox_prefix(source.name)}/ that fits {source.delivery.pattern}"
    if source.delivery.also_from:
        allowed += f", or a URI under {' or '.join(source.delivery.also_from)}"
    names = [repr(file.name) for file in there[:_CHOICES_SHOWN]]
    more = f" and {len(there) - len(names)} more" if len(there) > len(names) else ""
    return DeliveryError(
        what,
        source=source.name,
        expected=allowed,
        next_step=f"choose from {', '.join(names)}{more}" if names else "put the file there first",
    )
