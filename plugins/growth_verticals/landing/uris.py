"""Names and URIs of files.

A key stands in an `s3://` URI as it is, the way the AWS tools write it. A path stands percent-quoted in `sftp://` and
`file://`, because its bytes need not be UTF-8. Both ways every name comes back as it was.
"""

from __future__ import annotations

import unicodedata
from urllib.parse import quote, unquote_to_bytes

from growth_verticals.errors import ConfigurationError


def s3_uri(bucket: str, key: str) -> str:
    """Return `s3://bucket/key`."""
    return f"s3://{bucket}/{key}"


def split_s3_uri(uri: str) -> tuple[str, str]:
    """Return bucket and key of an `s3://` URI. Raises `ConfigurationError` for any other text."""
    bucket, slash, key = uri.removeprefix("s3://").partition("/")
    if not uri.startswith("s3://") or not bucket or not slash:
        raise ConfigurationError("not an S3 URI", expected="s3://bucket/key", found=repr(uri))
    return bucket, key


def path_uri(scheme: str, host: str, path: bytes) -> str:
    """Return `scheme://host/path` of an absolute path."""
    return f"{scheme}://{host}{quote(path)}"


def path_of(uri: str) -> bytes:
    """Return the absolute path that `path_uri` was given."""
    return unquote_to_bytes("/" + uri.split("://", 1)[1].partition("/")[2])


def text_of(name: bytes) -> str:
    """Return a file name as text: UTF-8, or else Latin-1, which gives every byte a character."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def is_plain_name(name: str) -> bool:
    """Whether `name` is one file's name: no folder, no `.` or `..`, no control character."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    )
