"""JSON lines: strict JSON and exact values, whether Arrow or Python reads a block."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from growth_verticals.contract.table import TableContract
from growth_verticals.errors import FileRefusedError
from growth_verticals.files.jsonlines import JsonLinesReader
from growth_verticals.source import Alias, JsonLines
from tests.unit.files.reading import ReadResult, contract, drain, read, source

EVENTS = contract(id="int!", name="string", at="timestamp", score="decimal(7, 3)", seen="boolean")


def cell(column_type: str, text: str, form: JsonLines | None = None) -> object:
    got = read(f'{{"id": 1, "value": {text}}}\n', contract(id="int", value=column_type), form or JsonLines())
    return got.rows[0]["value"] if got.rows else f"<{got.rejects[0]['reason']}>"


@pytest.mark.parametrize(
    ("column_type", "text", "loaded"),
    [
        ("int", "12", 12),
        ("int", '"12"', 12),
        ("int", "12.0", "<not_an_integer>"),
        ("int", "1E5", "<not_an_integer>"),
        ("int", "true", "<not_an_integer>"),
        ("int", "2147483648", "<out_of_range>"),
        ("int", "null", None),
        ("int", "[1]", "<wrong_type>"),
        ("int", "01", "<not_json>"),
        ("string", '"a"', "a"),
        ("string", '""', ""),
        ("string", "01234", "<not_json>"),
        ("string", "1.50", "1.50"),
        ("string", "true", "true"),
        ("string", '{"a": 1}', "<wrong_type>"),
        ("string", '"a\\u0000b"', "<nul_byte>"),
        ("string", '"\\ud800"', "<not_json>"),
        ("string", '"\\ud83d\\ude00"', "\U0001f600"),
        ("decimal(5, 2)", "1.5", Decimal("1.50")),
        ("decimal(5, 2)", "1.500", Decimal("1.50")),
        ("decimal(5, 2)", "1.555", "<too_precise>"),
        ("decimal(5, 2)", "1234.5", "<out_of_range>"),
        ("double", "1e5", 100000.0),
        ("double", "NaN", "<not_json>"),
        ("double", "1e999", "<out_of_range>"),
        ("date", '"2026-11-22"', date(2026, 11, 22)),
        ("date", '"2026-02-30"', "<not_a_date>"),
        ("date", "20260203", "<not_a_date>"),
        ("timestamp", '"2026-11-22T10:00:00"', datetime(2026, 11, 22, 10)),  # noqa: DTZ001
        ("timestamp", '"2026-11-22T10:00:00Z"', "<not_a_timestamp>"),
        ("timestamptz", '"2026-11-22T10:00:00Z"', datetime(2026, 11, 22, 10, tzinfo=UTC)),
        ("timestamptz", '"2026-11-22T10:00:00"', "<not_a_timestamp>"),
        ("boolean", "true", True),
        ("boolean", '"false"', False),
        ("boolean", "1", "<not_a_boolean>"),
    ],
)
def test_a_value_is_loaded_exactly_or_rejected_with_its_reason(column_type: str, text: str, loaded: object) -> None:
    assert cell(column_type, text) == loaded


def test_declared_spellings_apply_to_strings_and_json_booleans_need_none() -> None:
    form = JsonLines(nulls=("N/A",), true=("Y",), false=("N",))
    assert cell("int", '"N/A"', form) is None
    assert cell("string", '"N/A"', form) is None
    assert cell("boolean", '"Y"', form) is True
    assert cell("boolean", "false", form) is False
    assert cell("boolean", '"true"', form) == "<not_a_boolean>"


def test_a_missing_key_is_null_or_rejects_the_record_if_required() -> None:
    got = read('{"id": 1}\n{"name": "a"}\n', EVENTS, JsonLines())
    assert got.rows == [{"id": 1, "name": None, "at": None, "score": None, "seen": None, "source_row": 1}]
    assert got.reasons == [(2, "id", "missing_required")]
    assert got.rejects[0]["raw_record"] == '{"name": "a"}'


@pytest.mark.parametrize(
    "bad",
    [
        '{"id": 2',
        "[2]",
        "2",
        "null",
        "id,name",
        '{"id": 2} {"id": 3}',
        '{"id": 2} null {"id": 3}',
        '{"id": 2}\0{"id": 3}',
        '{"id": 2, "id": 3}',
        '{"id": 2, "x": NaN}',
        '{"id": 2, "x": [-Infinity]}',
        '\ufeff{"id": 2}',
        "\f",
        "[" * 9999,
        '{"x": ' + "[" * 20_000 + "]" * 20_000 + "}",
        '{"x":' * 65 + "1" + "}" * 65,
    ],
)
def test_only_the_line_that_is_not_one_object_is_rejected(bad: str) -> None:
    got = read(f'{{"id": 1}}\n\n{bad}\n{{"id": 4}}', EVENTS, JsonLines())
    assert [(row["id"], row["source_row"]) for row in got.rows] == [(1, 1), (4, 4)]
    assert got.reasons == [(3, None, "not_json")]
    first = read(f'\n{bad}\n{{"id": 2, "x": 1.5}}\n', contract(id="int"), JsonLines())
    assert (first.column("id"), first.reasons) == ([2], [(2, None, "not_json")])
    table = contract(id="int", extra="map<string, string>")
    kept = read(f'{{"id": 1}}\n{bad}', table, JsonLines(), extra_columns="keep")
    assert (kept.column("id"), kept.reasons) == ([1], [(2, None, "not_json")])


def test_values_are_kept_and_read_at_the_greatest_depth() -> None:
    value = '{"a":' * 63 + "1.50" + "}" * 63
    table = contract(id="int", extra="map<string, string>")
    assert read(f'{{"id": 1, "x": {value}}}\n', table, JsonLines(), extra_columns="keep").column("extra") == [
        [("x", value)]
    ]
    assert in_blocks(many(f'{{"id": 1, "x": {value}}}'), contract(id="int")).column("id") == [1] * 100


def test_a_nul_in_an_extra_value_is_rejected() -> None:
    table = contract(id="int", extra="map<string, string>")
    got = read('{"id": 1, "x": "a\\u0000b"}\n', table, JsonLines(), extra_columns="keep")
    assert got.reasons == [(1, "extra", "nul_byte")]


@pytest.mark.parametrize(
    "lines",
    [
        [f'{{"id": {number}, "key{number}": 1}}' for number in range(12_000)],
        [f'{{"id": {number}, "x": {{"key{number}": 1}}}}' for number in range(12_000)],
        ['{"id": 1, ' + ", ".join(f'"key{number}": {number}' for number in range(20_000)) + "}"],
        ['{"id": 1, "x": [' + ", ".join(f'{{"key{number}": 1}}' for number in range(20_000)) + "]}"],
    ],
    ids=["one new key a record", "one new nested key a record", "many keys", "many nested keys"],
)
def test_any_number_of_unknown_keys_takes_little_memory_and_time(lines: list[str]) -> None:
    before = pa.default_memory_pool().max_memory()
    started = time.process_time()
    assert len(read("\n".join(lines), contract(id="int"), JsonLines()).rows) == len(lines)
    assert time.process_time() - started < 30
    assert pa.default_memory_pool().max_memory() - before < 2**28


def test_records_without_keys_are_split_so_that_a_wide_table_takes_little_memory() -> None:
    table = contract(id="int", **{f"c{number}": "string" for number in range(400)})
    reader = JsonLinesReader([("f", io.BytesIO(b'{"id":1}\n' + b"{}\n" * 20_000))], source(), JsonLines(), table)
    blocks = list(reader.blocks())
    assert len(blocks) > 1
    assert sum(reader.parse(block).rows.num_rows for block in blocks) == 20_001


def test_an_object_on_two_lines_is_two_rejects() -> None:
    assert read('{"id":\n1}\n{"id": 2}\n', EVENTS, JsonLines()).reasons == [
        (1, None, "not_json"),
        (2, None, "not_json"),
    ]


@pytest.mark.parametrize("bad", ["", '{"id": "x"}\n'])
def test_keys_are_normalized_and_aliased_by_both_parsers(bad: str) -> None:
    got = read('{"Event ID": 1, "NAME": "a"}\n' + bad, EVENTS, JsonLines(), aliases=(Alias("event id", "id"),))
    assert (got.rows[0]["id"], got.rows[0]["name"]) == (1, "a")


def test_two_keys_for_one_column_refuse_the_file() -> None:
    with pytest.raises(FileRefusedError):
        read('{"id": 1, "ID": 2}\n', EVENTS, JsonLines())


def test_unknown_keys_follow_the_declared_policy(caplog: pytest.LogCaptureFixture) -> None:
    text = '{"id": 1, "Shoe Size": 9.50, "tags": ["a", {"b": 1.0}]}\n{"id": 2, "tags": null}\n'
    assert read(text, contract(id="int"), JsonLines(), extra_columns="ignore").column("id") == [1, 2]
    assert "columns not in the SQL file, ignored: ['shoe_size', 'tags']" in caplog.text
    with pytest.raises(FileRefusedError) as refused:
        read(text, EVENTS, JsonLines(), extra_columns="refuse")
    assert (refused.value.line, refused.value.column) == (1, "shoe_size")
    table = contract(id="int", extra="map<string, string>")
    assert read(text, table, JsonLines(), extra_columns="keep").column("extra") == [
        [("shoe_size", "9.50"), ("tags", '["a",{"b":1.0}]')],
        [],
    ]


def many(line: str) -> str:
    """Return enough equal lines for several blocks of 400 bytes."""
    return f"{line}\n" * 100


def in_blocks(text: str, table: TableContract, **options: Any) -> ReadResult:
    """Read a file in small blocks, and parse them backwards after the last one was read."""
    reader = JsonLinesReader([("f", io.BytesIO(text.encode()))], source(**options), JsonLines(), table, block_bytes=400)
    parsed = [reader.parse(block) for block in reversed(list(reader.blocks()))]
    return ReadResult(
        [row for each in reversed(parsed) for row in each.rows.to_pylist()],
        [row for each in reversed(parsed) for row in each.rejects.to_pylist()],
    )


CONTACTS = contract(id="int!", phone="string", note="string")
RENAMED = '{"id": 1, "phone_number": "212-555-0101", "note": "Oak"}'


@pytest.mark.parametrize("read_file", [in_blocks, lambda *file, **options: read(*file, JsonLines(), **options)])
def test_a_key_that_may_be_renamed_refuses_the_file(read_file: Callable[..., ReadResult]) -> None:
    with pytest.raises(FileRefusedError, match="expected phone, found phone_number") as refused:
        read_file(many(RENAMED), CONTACTS)
    assert "may be renamed" in str(refused.value)
    assert "555" not in str(refused.value)
    with_alias = read_file(many(RENAMED), CONTACTS, aliases=(Alias("phone_number", "phone"),))
    assert with_alias.column("phone") == ["212-555-0101"] * 100
    table = contract(id="int!", phone="string", note="string", extra="map<string, string>")
    assert read_file(many(RENAMED), table, extra_columns="keep").column("phone") == [None] * 100


@pytest.mark.parametrize(
    "once", ['{"id": 2, "phone": "212-555-0102"}', '{"id": 2, "phone": null}', '{"phone": 5, "id": 2}']
)
def test_a_column_that_one_record_has_is_not_missing(once: str) -> None:
    got = in_blocks(many(RENAMED) + once + "\n" + many(RENAMED), CONTACTS)
    assert len(got.rows) == 201


def test_a_column_whose_key_is_only_inside_of_other_objects_is_missing() -> None:
    with pytest.raises(FileRefusedError, match="expected phone, found home"):
        in_blocks(many('{"id": 1, "note": "\\"phone\\":", "home": {"phone": "212-555-0101"}}'), CONTACTS)


def test_a_column_without_a_key_is_reported_and_a_required_one_refuses(caplog: pytest.LogCaptureFixture) -> None:
    assert in_blocks(many('{"id": 1, "note": null}'), CONTACTS).column("phone") == [None] * 100
    assert "columns not in the file, loaded as NULL: ['phone']" in caplog.text
    with pytest.raises(FileRefusedError, match="the file lacks required columns; expected id"):
        in_blocks(many('{"phone": "212-555-0101", "note": "Oak"}'), CONTACTS)
    assert in_blocks("[]\n", CONTACTS).reasons == [(1, None, "not_json")]  # without an object, there are no keys


def test_a_key_is_never_read_as_the_column_of_its_name_if_it_is_an_alias_of_another_column() -> None:
    table = contract(id="int", name="string", full_name="string")
    got = read('{"id": 1, "name": "Hazel"}\n', table, JsonLines(), aliases=(Alias("name", "full_name"),))
    assert got.rows == [{"id": 1, "name": None, "full_name": "Hazel", "source_row": 1}]


def test_members_of_an_archive_are_checked_one_by_one() -> None:
    good = RENAMED.replace("phone_number", "phone")
    for lines in ([good, RENAMED], [RENAMED.replace("phone", "fax"), good]):
        members = [(f"{number}.jsonl", io.BytesIO(line.encode())) for number, line in enumerate(lines)]
        with pytest.raises(FileRefusedError, match="one may be renamed"):
            drain(JsonLinesReader(members, source(), JsonLines(), CONTACTS))


def test_one_bad_line_among_many_does_not_change_the_others() -> None:
    lines = [json.dumps({"id": number, "name": f"n{number}", "score": 1.5, "seen": True}) for number in range(1_000)]
    clean = read("\n".join(lines), EVENTS, JsonLines())
    lines[500] = '{"id": "x"}'
    got = read("\n".join(lines), EVENTS, JsonLines())
    assert got.rows == clean.rows[:500] + clean.rows[501:]
    assert got.reasons == [(501, "id", "not_an_integer")]


@pytest.mark.parametrize("data", [b"", b'{"id": 1, "name": "\xff"}\n'])
def test_an_empty_or_undecodable_file_is_refused(data: bytes) -> None:
    with pytest.raises(FileRefusedError):
        read(data, EVENTS, JsonLines())


def test_a_line_over_the_limit_is_rejected() -> None:
    data = b'{"id": 1}\n{"id": 2, "name": "' + b"n" * 500_000 + b'"}\n{"id": 3}\n'
    members = [("f", io.BytesIO(data))]
    got = drain(JsonLinesReader(members, source(), JsonLines(), EVENTS, block_bytes=1_000, max_record_bytes=10_000))
    assert got.column("id") == [1, 3]
    assert got.reasons == [(2, None, "too_long")]
    assert len(got.rejects[0]["raw_record"]) < 20_000


def test_alternating_number_and_string_values_give_the_same_rows() -> None:
    lines = [json.dumps({"id": number if number // 50 % 2 else str(number)}) for number in range(400)]
    data = "\n".join(lines).encode()
    reader = JsonLinesReader([("f", io.BytesIO(data))], source(), JsonLines(), EVENTS, block_bytes=400)
    assert drain(reader).column("id") == list(range(400))


USERS = contract(id="int!", zip5="string", score="int")
NESTED = (Alias("user.address.zip", "zip5"), Alias("user.score", "score"))


def users(*lines: str, **options: object) -> ReadResult:
    return read("\n".join(lines) + "\n", USERS, JsonLines(), aliases=NESTED, **options)


def test_an_alias_maps_the_path_of_a_nested_value_to_a_column():
    got = users(
        '{"id": 1, "user": {"address": {"zip": "01234"}, "score": 7}}',
        '{"id": 2, "user": {"address": null, "score": null}}',
        '{"id": 3, "user": null}',
        '{"id": 4}',
    )
    assert got.rejects == []
    assert [(row["zip5"], row["score"]) for row in got.rows] == [("01234", 7), *[(None, None)] * 3]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 2, "user": {"address": {"zip": ["1"]}, "score": 7}}', "wrong_type"),
        ('{"id": 2, "user": {"address": {"zip": "1"}, "score": "x"}}', "not_an_integer"),
        ('{"id": 2, "user": {"address": "1 Main St"}}', "wrong_type"),
        ('{"id": 2, "user": {"score": 7, "score": 8}}', "not_json"),
        ('{"id": 2, "user": {"address": {"zip": "1", "zip": "2"}}}', "not_json"),
    ],
)
def test_a_bad_nested_value_rejects_only_its_record(line: str, reason: str):
    good = '{"id": 1, "user": {"address": {"zip": "01234"}, "score": 7}}'
    got = users(good, line, good)
    assert got.column("source_row") == [1, 3]
    assert [each["reason"] for each in got.rejects] == [reason]


def test_other_nested_values_follow_the_policy_for_extra_columns():
    line = '{"id": 1, "user": {"address": {"zip": "01234", "city": "Elm"}}}'
    assert users(line, '{"id": 2, "user": {"score": 5}}').column("zip5") == ["01234", None]
    with pytest.raises(FileRefusedError, match=r"user\.address\.city"):
        users(line, extra_columns="refuse")
    table = contract(id="int!", zip5="string", extra="map<string, string>")
    got = read(line + "\n", table, JsonLines(), aliases=(Alias("user.address.zip", "zip5"),), extra_columns="keep")
    assert got.column("extra") == [[("user.address.city", "Elm")]]


def test_a_column_with_a_nested_and_a_top_level_value_refuses_the_file():
    with pytest.raises(FileRefusedError, match="zip5"):
        users('{"id": 1, "zip5": "1", "user": {"address": {"zip": "2"}}}')
