"""What two releases of one file have in common: its name without the text that `{release}` in the pattern matches."""

from __future__ import annotations

import re

from growth_verticals.source import RELEASE


def identity_of(name: str, pattern: str) -> str:
    """Return what two releases of a file have in common: the name with `{release}` in place of its release.

    The name itself if the pattern has no `{release}`, or does not match the name. Other wildcards before `{release}`
    match as much as they can, and `{release}` as little.

    :param pattern: of the delivery, for any period.
    """
    if RELEASE not in pattern:
        return name
    match = re.fullmatch(_regular_expression(pattern), name, re.DOTALL)
    return name[: match.start(1)] + RELEASE + name[match.end(1) :] if match else name


def _regular_expression(pattern: str) -> str:
    """Return a delivery's pattern as a regular expression, with one group for the release."""
    parts = re.split(r"(\{\w+\}|\*|\?|\[!?\]?[^\]]*\])", pattern)
    return "".join(map(_part, parts))


def _part(part: str) -> str:
    if part == RELEASE:
        return "(.*?)"
    if part == "*" or (part.startswith("{") and part.endswith("}")):
        return ".*"
    if part == "?":
        return "."
    if part.startswith("[") and part.endswith("]") and len(part) > 2:
        return (
            "[" + ("^" if part[1] == "!" else "") + re.sub(r"([\\\[^\]])", r"\\\1", part[1:-1].removeprefix("!")) + "]"
        )
    return re.escape(part)
