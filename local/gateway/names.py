"""AWS's rules for names, from the user guide's "Naming rules for table buckets, namespaces and tables"."""

from __future__ import annotations

import re
import uuid

from local.gateway.errors import ApiError
from local.settings import TABLE_BUCKET_ARN

TABLE_ARN_PREFIX = f"{TABLE_BUCKET_ARN}/table/"

_NAME = re.compile(r"[a-z0-9]([a-z0-9_]{0,253}[a-z0-9])?")


def check_namespace(levels: object) -> str:
    """Return the only level of a namespace. Raises `ApiError` 400 for a nested namespace or an invalid name."""
    if not isinstance(levels, list) or len(levels) != 1 or not isinstance(levels[0], str):
        raise ApiError(400, "A namespace has exactly one level")
    name: str = levels[0]
    if not _NAME.fullmatch(name) or name.startswith("aws"):
        raise ApiError(
            400,
            "The namespace name is not valid. It must have 1 to 255 characters (a-z, 0-9, underscore), "
            "start and end with a letter or digit, and not start with aws",
        )
    return name


def check_table(name: object) -> str:
    """Return the name of a table. Raises `ApiError` 400 if it is invalid."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ApiError(
            400,
            "The table name is not valid. It must have 1 to 255 characters (a-z, 0-9, underscore), "
            "and start and end with a letter or digit",
        )
    return name


def table_arn(namespace: str, name: str) -> str:
    """Return a table's ARN. It ends in an id, like AWS's, so that no caller can parse names from it."""
    return f"{TABLE_ARN_PREFIX}{uuid.uuid5(uuid.NAMESPACE_URL, f'{TABLE_BUCKET_ARN}/{namespace}/{name}')}"
