"""Made-up files from a seed, kept in a folder: the same name has the same bytes."""

from __future__ import annotations

import random
import shutil
import subprocess
import zipfile
from functools import cache
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.shapes import SHAPES, Made, Shape

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20_260_801
_CHUNK_ROWS = 40_000
_SYLLABLES = ("ba", "cor", "den", "el", "fin", "gar", "hol", "ing", "jo", "ka", "lin", "mor", "na", "os", "per", "wick")


def file_of(folder: Path, shape: str, size: int, *, bad: float = 0.0, suffix: str = ".csv") -> Path:
    """Return a file of `size` bytes of text, made if it is not there.

    :param bad: share of the records whose `age` is no number; below 1e-4 they are spread evenly.
    :param suffix: `.csv`, `.csv.gz`, `.csv.zip` or `.jsonl`; `size` is that of the text inside.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{shape}-{size // 10**6}mb" + (f"-bad{bad:g}" if bad else "")
    path = folder / (name + suffix)
    if path.exists():
        return path
    part = path.with_name(path.name + ".part")
    if suffix in (".csv", ".jsonl"):
        _write_text(part, SHAPES[shape], size, bad, json=suffix == ".jsonl")
    else:
        _compress(file_of(folder, shape, size, bad=bad), part, suffix)
    part.rename(path)
    return path


def small_files(folder: Path, count: int, rows: int) -> list[Path]:
    """Return `count` CSV files of `rows` events each."""
    folder = folder / f"events-{count}x{rows}"
    paths = [folder / f"part-{number:05}.csv" for number in range(count)]
    if not paths[-1].exists():
        folder.mkdir(parents=True, exist_ok=True)
        shape = SHAPES["events"]
        for number, path in enumerate(paths):
            path.write_bytes(_header(shape) + _text(_delimited(_rows(shape, rows, number), shape)))
    return paths


def _write_text(path: Path, shape: Shape, size: int, bad: float, *, json: bool) -> None:
    number = 0
    with path.open("wb") as file:
        while file.tell() < size:
            rows = _rows(shape, _CHUNK_ROWS, number)
            if bad:
                rows = _spoiled(rows, bad, number)
            if not json and number == 0:
                file.write(_header(shape))
            file.write(_text(_json_lines(rows) if json else _delimited(rows, shape)))
            number += 1


def _rows(shape: Shape, count: int, number: int) -> pa.Table:
    columns = {
        column.name: _values(column, count, SEED + number * 1_000 + place, number)
        for place, column in enumerate(shape.columns)
    }
    return pa.table(columns)


def _values(column: Made, count: int, seed: int, chunk: int) -> pa.Array:
    drawn = _drawn(column.distinct, count, seed)
    match column.kind:
        case "id":
            values = pa.arange(10**9 + chunk * count, 10**9 + (chunk + 1) * count)
        case "word" | "code" | "mail":
            values = _pool(column).take(drawn)
        case "street":
            number = pc.cast(_drawn(9_999, count, seed + 7), pa.string())
            values = pc.binary_join_element_wise(number, _pool(column).take(drawn), " ")
            apart = pc.less(pc.random(count, initializer=seed + 9), 0.02)
            values = pc.if_else(apart, pc.binary_join_element_wise('"', values, ', Apt 4"', ""), values)
        case "phone":
            values = pc.utf8_lpad(pc.cast(drawn, pa.string()), len(str(column.distinct)), "0")
        case "int":
            values = drawn
        case "decimal":
            values = pc.divide(pc.cast(drawn, pa.float64()), 10.0**column.scale)
            values = pc.cast(values, pa.decimal128(18, column.scale), safe=False)
        case "double":
            values = pc.divide(pc.cast(drawn, pa.float64()), 1e6)
        case "flag":
            values = pc.equal(pc.bit_wise_and(_drawn(2**20, count, seed), 1), 1)
        case "date":
            values = pc.cast(pc.cast(pc.subtract(20_000, drawn), pa.int32()), pa.date32())
        case "timestamp":
            seconds = pc.subtract(1_790_000_000, drawn)
            values = pc.strftime(pc.cast(seconds, pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    if column.empty:
        values = pc.if_else(pc.less(pc.random(count, initializer=seed + 500), column.empty), None, values)
    return values


def _drawn(distinct: int, count: int, seed: int) -> pa.Array:
    return pc.cast(pc.floor(pc.multiply(pc.random(count, initializer=seed), float(distinct))), pa.int64())


@cache
def _pool(column: Made) -> pa.Array:
    source = random.Random(SEED + len(column.name) * 31 + column.distinct)
    words = ["".join(source.choices(_SYLLABLES, k=source.randint(2, 4))) for _ in range(column.distinct)]
    made = {
        "word": [word.capitalize() for word in words],
        "code": [f"{chr(65 + n % 26)}{n // 26 or ''}" for n in range(column.distinct)],
        "mail": [f"{word}.{n}@example.com" for n, word in enumerate(words)],
        "street": [f"{word.capitalize()} St" for word in words],
    }
    return pa.array(made[column.kind])


def _spoiled(rows: pa.Table, bad: float, number: int) -> pa.Table:
    """Make `age` of some records a text that is no number."""
    if bad < 1e-4:
        every = round(1 / bad)
        first = -number * rows.num_rows % every
        chosen = pc.equal(pc.subtract(pa.arange(0, rows.num_rows), first), 0)
    else:
        chosen = pc.less(pc.random(rows.num_rows, initializer=SEED + number), bad)
    place = rows.schema.get_field_index("age")
    age = pc.if_else(chosen, "unknown", pc.cast(rows.column("age"), pa.string()))
    return rows.set_column(place, "age", age)


def _header(shape: Shape) -> bytes:
    return shape.delimiter.join(column.name for column in shape.columns).encode() + b"\n"


def _text(lines: pa.ChunkedArray) -> bytes:
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _delimited(rows: pa.Table, shape: Shape) -> pa.ChunkedArray:
    """Quoted where a cell holds the delimiter, as most vendors write it."""
    cells = [pc.cast(column, pa.string()).fill_null("") for column in rows.columns]
    return pc.binary_join_element_wise(*cells, shape.delimiter)


def _json_lines(rows: pa.Table) -> pa.ChunkedArray:
    parts: list[object] = []
    for place, name in enumerate(rows.column_names):
        column = rows.column(name)
        text = pc.cast(column, pa.string())
        if pa.types.is_string(column.type):
            text = pc.binary_join_element_wise('"', text, '"', "")
        parts += [("," if place else "{") + f'"{name}":', text.fill_null("null")]
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
