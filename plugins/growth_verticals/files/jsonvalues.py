"""Strict JSON. Python's own reader also accepts NaN, lone surrogates and keys that appear twice."""

from __future__ import annotations

import json
from typing import Any

from growth_verticals.files.jsonpaths import JsonObject

#: Objects and lists can be nested this deep. Real records have fewer than ten levels; Arrow's reader crashes at some
#: thousand levels of unknown keys, and Python's stops at some hundred.
MAX_DEPTH = 64


class NumberLiteral(str):
    """The text of a number in the file."""

    __slots__ = ()


def parse_object(text: str) -> JsonObject | None:
    """Return a line's object; None if it is not one JSON object, at most `MAX_DEPTH` levels deep."""
    try:
        parsed = json.loads(text, object_pairs_hook=JsonObject, parse_int=NumberLiteral,
                            parse_float=NumberLiteral, parse_constant=_refuse_constant)  # fmt: skip
        if not isinstance(parsed, JsonObject) or _is_too_deep(text, parsed):
            return None
        if "\\u" in text:
            as_text(parsed).encode()  # fails if a surrogate is without its other half
    except (ValueError, RecursionError):
        return None
    return parsed


def as_text(value: Any) -> str:
    """Return a parsed value as text: a string unchanged, anything else as JSON with numbers as they are in the file."""
    return value if isinstance(value, str) else _to_json(value)


def _is_too_deep(text: str, parsed: JsonObject) -> bool:
    """Whether a parsed text has more than `MAX_DEPTH` levels, found level by level, without recursion."""
    if text.count("{") + text.count("[") <= MAX_DEPTH:
        return False
    level: list[Any] = [parsed]
    for _ in range(MAX_DEPTH):
        children = (child for each in level for child in each)  # of an object: pairs of key and value
        values = (value for child in children for value in (child if isinstance(child, tuple) else (child,)))
        level = [value for value in values if isinstance(value, list)]
    return bool(level)


def _to_json(value: Any) -> str:
    if isinstance(value, NumberLiteral):
        return value
    if isinstance(value, JsonObject):
        return "{" + ",".join(f"{_to_json(key)}:{_to_json(each)}" for key, each in value) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_to_json, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
