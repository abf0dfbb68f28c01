"""Patterns of file names and folders, with tokens in braces; and what two releases of one file have in common."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from growth_verticals.completeness import PLACEHOLDERS
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from growth_verticals.cadence import Period

#: Names that can be used in braces in a directory, prefix or pattern. Their values come from the period only.
PERIOD_TOKENS = ("period", "year", "quarter", "month", "day")
#: In a pattern, the part of a name that differs between two releases of one file.
RELEASE = "{release}"


def check_tokens(template: str, placeholders: tuple[str, ...] = ()) -> None:
    """Raise `DeclarationError` if `template` contains a brace that is not part of a period token or a placeholder."""
    remainder = template
    for token in (*PERIOD_TOKENS, *placeholders):
        remainder = remainder.replace("{" + token + "}", "")
    if "{" in remainder or "}" in remainder:
        raise DeclarationError(
            "unknown token in braces", expected=", ".join(f"{{{token}}}" for token in PERIOD_TOKENS), found=template
        )


def expand_tokens(template: str, period: Period) -> str:
    """Return `template` with its period tokens filled in. `{month}` and `{day}` have two digits."""
    first = period.first
    values = (period.key, f"{first:%Y}", str((first.month + 2) // 3), f"{first:%m}", f"{first:%d}")
    for token, value in zip(PERIOD_TOKENS, values, strict=True):
        template = template.replace("{" + token + "}", value)
    return template


def shell_pattern(template: str, period: Period | None) -> str:
    """Return `template` as a shell pattern for file names, in which each placeholder is `*`.

    :param period: None for any period: then period tokens are `*` too.
    """
    pattern = template if period is None else expand_tokens(template, period)
    for name in (*PLACEHOLDERS, *PERIOD_TOKENS):
        pattern = pattern.replace(f"{{{name}}}", "*")
    return pattern.replace(RELEASE, "*")


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
