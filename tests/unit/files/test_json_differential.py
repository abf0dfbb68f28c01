"""JSON lines against Python's json module: random files, of which at least half are bad in some line."""

from __future__ import annotations

import io
import json
import math
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from growth_verticals.errors import FileRefusedError
from growth_verticals.files.jsonlines import JsonLinesReader
from growth_verticals.source import JsonLines
from tests.unit.files.reading import contract, drain, read, source

TABLE = contract(id="int", name="string", score="double", seen="boolean")
FULL = '{"id": 0, "name": "Willow", "score": 0.5, "seen": true}'

# fmt: off
GOOD_SCALARS = ["null", "true", "false", "0", "-7", "12", "2147483647", "1.5", "-0.0", "2e3", '"a"', '""',
                '"5"', '"a/b"']
GOOD_TEXTS = ['"\\u00e9\\ud83d\\ude00"', '"q\\"{[}]"', '"\\n\\t\\\\"', '"{\\"a\\": 1}"', '"null"',
              '"Infinity"', '"\x7f"', '"\u2028"']
BAD_SCALARS = ["NaN", "-Infinity", "Infinity", "01", "+1", ".5", "1.", "1e", "-",
               "0x1F", "'a'", "nul", "True", '"\\x"']
BAD_TEXTS = ['"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"a\tb"', '"\x01"',
             '"\0"', '"\\u12"', '"a', "[1,]", '{"a" 1}']
# fmt: on
TYPED = {
    "id": ["1", "-5", '"6"', "null"],
    "name": ['"Juniper"', "null"],
    "score": ["1", "0.25", "null"],
    "seen": ["true", "false"],
}

good_value = st.recursive(
    st.sampled_from(GOOD_SCALARS + GOOD_TEXTS),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]")
        | st.lists(st.tuples(st.sampled_from(["a", "b", "é"]), inner), max_size=2, unique_by=lambda pair: pair[0]).map(
            lambda pairs: "{" + ",".join(f'"{key}": {value}' for key, value in pairs) + "}"
        )
    ),
    max_leaves=5,
)
deep_value = st.tuples(st.sampled_from(["[]", "{}"]), st.sampled_from([50, 63, 64, 70, 900, 3_000])).map(
    lambda kind: "[" * kind[1] + "]" * kind[1] if kind[0] == "[]" else '{"a":' * kind[1] + "1" + "}" * kind[1]
)
typed_member = st.sampled_from(list(TYPED)).flatmap(lambda key: st.tuples(st.just(key), st.sampled_from(TYPED[key])))
good_member = typed_member | st.tuples(st.sampled_from(["x", "y", "z", "", "nested", *TYPED]), good_value)
bad_member = st.tuples(
    st.sampled_from(["id", "name", "score", "x"]), st.sampled_from(BAD_SCALARS + BAD_TEXTS) | deep_value
)


def as_object(members: list[tuple[str, str]]) -> str:
    return "{" + ", ".join(f'"{key}": {value}' for key, value in members) + "}"


good_line = st.lists(good_member, min_size=1, max_size=5, unique_by=lambda pair: pair[0]).map(as_object)
bad_object = st.tuples(st.lists(good_member, max_size=2), bad_member, st.lists(good_member, max_size=1)).map(
    lambda parts: as_object([*parts[0], parts[1], *parts[2]])
)
no_object = st.sampled_from(
    ["null", " null", "5", '"x"', "[]", '[{"id": 1}]', "true", "{", "}", "\ufeff{}", "\f", "\0", "{]"]
)
damaged = st.tuples(good_line, good_line, st.sampled_from(range(7))).map(
    lambda lines: [
        lines[0] + " " + lines[1],
        lines[0] + " null " + lines[1],
        lines[0] + "\0" + lines[1],
        lines[0][:-1],
        lines[0] + "x",
        "\ufeff" + lines[0],
        lines[0][:-1] + ",}",
    ][lines[2]]
)
duplicate = st.lists(good_member, min_size=1, max_size=2).map(lambda members: as_object([*members, members[0]]))
bad_line = bad_object | no_object | damaged | duplicate
typed_line = typed_member.map(lambda member: as_object([member]))
any_line = good_line | typed_line | bad_line | bad_line | st.sampled_from(["", "  "])


class Pairs(list):
    pass


class Literal(str):
    pass


def depth_of(value: Any) -> int:
    if isinstance(value, Pairs):
        return 1 + max((depth_of(each) for _, each in value), default=0)
    return 1 + max(map(depth_of, value), default=0) if isinstance(value, list) else 0


def no_constant(name: str) -> None:
    raise ValueError(name)


def expected(line: str) -> dict[str, Any] | str:
    """What a line means by the json module and docs/rejects.md: values by column, or the reasons of its reject."""
    try:
        pairs = json.loads(
            line, object_pairs_hook=Pairs, parse_int=Literal, parse_float=Literal, parse_constant=no_constant
        )
        json.dumps(json.loads(line), ensure_ascii=False).encode()  # no lone surrogates
        too_deep = depth_of(pairs) > 64
    except (ValueError, RecursionError):
        return "not_json"
    keys = [key for key, _ in pairs] if isinstance(pairs, Pairs) else []
    if not isinstance(pairs, Pairs) or len(set(keys)) < len(keys) or too_deep:
        return "not_json"
    row, reasons = {}, []
    for column in TABLE.columns:
        try:
            row[column.name] = typed(column.type, dict(pairs).get(column.name))
        except ValueError as reason:
            reasons.append(str(reason))
    return "; ".join(reasons) or row


def typed(column_type: str, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        raise ValueError("wrong_type")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if "\0" in text:
        raise ValueError("nul_byte")
    if column_type == "string":
        return text
    text = text.strip(" \t")
    if column_type == "boolean":
        if isinstance(value, bool) or (value in ("true", "false") and not isinstance(value, Literal)):
            return text == "true"
        raise ValueError("not_a_boolean")
    if column_type == "int":
        if not re.fullmatch(r"[+-]?[0-9]+", text):
            raise ValueError("not_an_integer")
        return int(text)
    if not re.fullmatch(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", text):
        raise ValueError("not_a_number")
    assert math.isfinite(float(text))
    return float(text)


@settings(max_examples=400, deadline=None)
@given(st.lists(any_line, max_size=40), st.sampled_from(["\n", "\r\n"]), st.sampled_from([2**21, 300]))
def test_every_line_is_as_the_json_module_reads_it(lines: list[str], line_end: str, block_bytes: int) -> None:
    lines = [FULL, *lines]  # so that no column is missing
    data = line_end.join(lines).encode()
    reader = JsonLinesReader([("f", io.BytesIO(data))], source(), JsonLines(), TABLE, block_bytes=block_bytes)
    got = drain(reader)
    rows = {row.pop("source_row"): row for row in got.rows}
    rejects = {each["source_row"]: each for each in got.rejects}
    assert len(rows) == len(got.rows)
    assert len(rejects) == len(got.rejects)
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t\r\n"):
            assert number not in rows.keys() | rejects.keys()
            continue
        means = expected(line)
        if isinstance(means, str):
            assert rejects[number]["reason"] == means, line
            assert rejects[number]["raw_record"] == line[:16_384] + (" …[cut]" if len(line) > 16_384 else "")
        else:
            assert rows[number] == means, line


@settings(deadline=None)
@given(st.lists(good_line | typed_line, max_size=30))
def test_good_lines_alone_and_among_bad_ones_give_the_same_rows(lines: list[str]) -> None:
    """The bad line makes Python read what Arrow reads without it."""
    alone = read("\n".join([FULL, *lines]), TABLE, JsonLines())
    among = read("\n".join([FULL, *lines, "null"]), TABLE, JsonLines())
    assert alone.rows == among.rows
    assert alone.rejects == among.rejects[:-1]


@settings(deadline=None)
@given(st.lists(typed_member | st.tuples(st.sampled_from(["x", "shoe size"]), good_value), max_size=12))
def test_a_renamed_or_unknown_key_refuses_the_file(members: list[tuple[str, str]]) -> None:
    keys = {key for key, _ in members}
    lines = [as_object([member]) for member in members]
    unknown, missing = keys - TYPED.keys(), TYPED.keys() - keys
    if not members or (not unknown and keys) or not missing:
        assert len(read("\n".join(lines) or "\n", TABLE, JsonLines()).rows) <= len(lines)
    else:
        with pytest.raises(FileRefusedError):
            read("\n".join(lines), TABLE, JsonLines())
