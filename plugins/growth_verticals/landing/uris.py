"""Names and URIs of files.

A key is not encoded in an `s3://` URI, as in the AWS tools. A path is percent-encoded in an `sftp://` or `file://` URI,
because its bytes need not be UTF-8. From both kinds of URI, every name is decoded exactly.
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
    """Return `scheme://host/path` for an absolute path."""
    return f"{scheme}://{host}{quote(path)}"


def decode_path(uri: str) -> bytes:
    """Return the absolute path that `path_uri` encoded as `uri`."""
    return unquote_to_bytes("/" + uri.split("://", 1)[1].partition("/")[2])


def decode_name(name: bytes) -> str:
    """Return a file name as text: decoded as UTF-8, or else as Latin-1, which decodes every byte."""
    try:
        return name.decode()
    except UnicodeDecodeError:
        return name.decode("latin-1")


def is_plain_name(name: str) -> bool:
    """Whether `name` is a single file's name: no folder, not `.` or `..`, no control characters."""
    return (
        name not in ("", ".", "..")
        and "/" not in name
        and not any(unicodedata.category(character) in ("Cc", "Cs") for character in name)
    )
