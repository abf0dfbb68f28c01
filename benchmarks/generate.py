"""Generate files from a fixed seed and keep them in a folder. A file's name determines its bytes."""

from __future__ import annotations

import random
import shutil
import subprocess
import zipfile
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.shapes import SHAPES, GeneratedColumn, Shape

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20_260_801
_CHUNK_ROWS = 40_000
_SYLLABLES = ("ba", "cor", "den", "el", "fin", "gar", "hol", "ing", "jo", "ka", "lin", "mor", "na", "os", "per", "wick")


def ensure_file(folder: Path, shape: str, size: int, *, bad: float = 0.0, suffix: str = ".csv") -> Path:
    """Return a file of the given shape. Generate it if it does not exist.

    :param size: bytes of text, before compression.
    :param bad: share of the records whose `age` is not a number. Below 1e-4 they are spread evenly, not randomly.
    :param suffix: `.csv`, `.csv.gz`, `.csv.zip` or `.jsonl`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{shape}-{size // 10**6}mb" + (f"-bad{bad:g}" if bad else "")
    path = folder / (name + suffix)
    if path.exists():
        return path
    temporary = path.with_name(path.name + ".part")
    if suffix in (".csv", ".jsonl"):
        _write_text(temporary, SHAPES[shape], size, bad, json=suffix == ".jsonl")
    else:
        _compress(ensure_file(folder, shape, size, bad=bad), temporary, suffix)
    temporary.rename(path)
    return path


def ensure_small_files(folder: Path, count: int, rows: int) -> list[Path]:
    """Return `count` CSV files with `rows` events each. Generate them if they do not exist."""
    folder = folder / f"events-{count}x{rows}"
    paths = [folder / f"part-{number:05}.csv" for number in range(count)]
    if not paths[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        shape = SHAPES["events"]
        for number, path in enumerate(paths):
            path.write_bytes(_header(shape) + _text(_delimited(_rows(shape, rows, number), shape)))
    return paths


def _write_text(path: Path, shape: Shape, size: int, bad: float, *, json: bool) -> None:
    chunk = 0
    with path.open("wb") as file:
        while file.tell() < size:
            rows = _rows(shape, _CHUNK_ROWS, chunk)
            if bad:
                rows = _with_bad_ages(rows, bad, chunk)
            if not json and chunk == 0:
                file.write(_header(shape))
            file.write(_text(_json_lines(rows) if json else _delimited(rows, shape)))
            chunk += 1


def _rows(shape: Shape, count: int, chunk: int) -> pa.Table:
    columns = {
        column.name: _values(column, count, SEED + chunk * 1_000 + position, chunk)
        for position, column in enumerate(shape.columns)
    }
    return pa.table(columns)


def _values(column: GeneratedColumn, count: int, seed: int, chunk: int) -> pa.Array:
    numbers = _random_integers(column.distinct, count, seed)
    match column.kind:
        case "id":
            values = pa.arange(10**9 + chunk * count, 10**9 + (chunk + 1) * count)
        case "word" | "code" | "mail":
            values = _distinct_texts(column).take(numbers)
        case "street":
            house_number = pc.cast(_random_integers(9_999, count, seed + 7), pa.string())
            values = pc.binary_join_element_wise(house_number, _distinct_texts(column).take(numbers), " ")
            with_apartment = pc.less(pc.random(count, initializer=seed + 9), 0.02)
            values = pc.if_else(with_apartment, pc.binary_join_element_wise('"', values, ', Apt 4"', ""), values)
        case "phone":
            values = pc.utf8_lpad(pc.cast(numbers, pa.string()), len(str(column.distinct)), "0")
        case "int":
            values = numbers
        case "decimal":
            values = pc.divide(pc.cast(numbers, pa.float64()), 10.0**column.scale)
            values = pc.cast(values, pa.decimal128(18, column.scale), safe=False)
        case "double":
            values = pc.divide(pc.cast(numbers, pa.float64()), 1e6)
        case "flag":
            values = pc.equal(pc.bit_wise_and(_random_integers(2**20, count, seed), 1), 1)
        case "date":
            values = pc.cast(pc.cast(pc.subtract(20_000, numbers), pa.int32()), pa.date32())
        case "timestamp":
            seconds = pc.subtract(1_790_000_000, numbers)
            values = pc.strftime(pc.cast(seconds, pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    if column.empty:
        values = pc.if_else(pc.less(pc.random(count, initializer=seed + 500), column.empty), None, values)
    return values


def _random_integers(limit: int, count: int, seed: int) -> pa.Array:
    """Return `count` integers from 0 to `limit` - 1."""
    return pc.cast(pc.floor(pc.multiply(pc.random(count, initializer=seed), float(limit))), pa.int64())


@cache
def _distinct_texts(column: GeneratedColumn) -> pa.Array:
    """Return the values from which a text column's cells are chosen."""
    source = random.Random(SEED + len(column.name) * 31 + column.distinct)
    words = ["".join(source.choices(_SYLLABLES, k=source.randint(2, 4))) for _ in range(column.distinct)]
    texts = {
        "word": [word.capitalize() for word in words],
        "code": [f"{chr(65 + n % 26)}{n // 26 or ''}" for n in range(column.distinct)],
        "mail": [f"{word}.{n}@example.com" for n, word in enumerate(words)],
        "street": [f"{word.capitalize()} St" for word in words],
    }
    return pa.array(texts[column.kind])


def _with_bad_ages(rows: pa.Table, share: float, chunk: int) -> pa.Table:
    """Replace `age` with text in some rows. Shares below 1e-4 are spread evenly over the chunks."""
    if share < 1e-4:
        interval = round(1 / share)
        first = -chunk * rows.num_rows % interval
        is_bad = pc.equal(pc.subtract(pa.arange(0, rows.num_rows), first), 0)
    else:
        is_bad = pc.less(pc.random(rows.num_rows, initializer=SEED + chunk), share)
    position = rows.schema.get_field_index("age")
    age = pc.if_else(is_bad, "unknown", pc.cast(rows.column("age"), pa.string()))
    return rows.set_column(position, "age", age)


def _header(shape: Shape) -> bytes:
    return shape.delimiter.join(column.name for column in shape.columns).encode() + b"\n"


def _text(lines: pa.ChunkedArray) -> bytes:
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _delimited(rows: pa.Table, shape: Shape) -> pa.ChunkedArray:
    """Return the rows as delimited lines. Streets with an apartment, which contain a comma, are quoted already."""
    cells = [pc.cast(column, pa.string()).fill_null("") for column in rows.columns]
    return pc.binary_join_element_wise(*cells, shape.delimiter)


def _json_lines(rows: pa.Table) -> pa.ChunkedArray:
    parts: list[object] = []
    for position, name in enumerate(rows.column_names):
        column = rows.column(name)
        text = pc.cast(column, pa.string())
        if pa.types.is_string(column.type):
            text = pc.binary_join_element_wise('"', text, '"', "")
        parts += [("," if position else "{") + f'"{name}":', text.fill_null("null")]
    return pc.binary_join_element_wise(*parts, "}", "")


def _compress(text: Path, path: Path, suffix: str) -> None:
    if suffix == ".csv.gz":
        with path.open("wb") as file:
            subprocess.run(["gzip", "-6", "-n", "-c", text], stdout=file, check=True)
        return
    member = zipfile.ZipInfo(text.name, (2026, 8, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    with (
        zipfile.ZipFile(path, "w") as archive,
        text.open("rb") as source,
        archive.open(member, "w", force_zip64=True) as target,
    ):
        shutil.copyfileobj(source, target, 2**20)
