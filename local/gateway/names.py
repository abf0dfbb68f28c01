"""AWS's rules for names (user guide, "Naming rules for table buckets, namespaces and tables")."""

from __future__ import annotations

import re

from local.gateway.errors import Refusal

_NAME = re.compile(r"[a-z0-9]([a-z0-9_]{0,253}[a-z0-9])?")


def check_namespace(levels: object) -> str:
    """Return the one level of a namespace. Raises `Refusal` 400 for a nested one or a bad name."""
    if not isinstance(levels, list) or len(levels) != 1 or not isinstance(levels[0], str):
        raise Refusal(400, "A namespace has exactly one level")
    name: str = levels[0]
    if not _NAME.fullmatch(name) or name.startswith("aws"):
        raise Refusal(
            400,
            "The namespace name is not valid: 1 to 255 of a-z, 0-9 and underscore, "
            "starting and ending with a letter or digit, and not starting with aws",
        )
    return name


def check_table(name: object) -> str:
    """Return a table's name. Raises `Refusal` 400 for a bad one."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise Refusal(
            400,
            "The table name is not valid: 1 to 255 of a-z, 0-9 and underscore, "
            "starting and ending with a letter or digit",
        )
    return name
