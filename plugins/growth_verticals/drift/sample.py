"""A file's header and a sample of its values, read as the format's own reader reads them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa

from growth_verticals.aliases import normalize
from growth_verticals.contract.table import Column, TableContract
from growth_verticals.errors import ColumnsRefusedError, DeclarationError
from growth_verticals.files import open_reader
from growth_verticals.files.arrow_values import to_plain_type
from growth_verticals.files.headers import EXTRA
from growth_verticals.files.parquet_file import open_file
from growth_verticals.files.unpack.compression import as_seekable
from growth_verticals.files.unpack.layers import open_members
from growth_verticals.files.unpack.pgp import key_from_environment
from growth_verticals.source import Delimited, Excel, JsonLines, Parquet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Source

SAMPLED_ROWS = 1_000


@dataclass(frozen=True)
class Sample:
    """The columns of a file.

    :param header: the names in the file, in order; of JSON lines, the keys of the sampled records.
    :param values: by normalized name, at most `SAMPLED_ROWS` values: text, or the file's own type in Parquet. Empty if
        two columns have the same normalized name. They are never printed.
    """

    header: tuple[str, ...]
    values: dict[str, pa.Array]


def read_sample(raw: BinaryIO, name: str, source: Source, keys: KeyFinder | None = None) -> Sample:
    """Return the header and a sample of a file; of a zip archive, of its first member. Memory: one block.

    Raises `FileRefusedError` if the file cannot be read, and `DeclarationError` if files of the source have no names of
    columns.
    """
    form = source.format
    # The file's columns are read by their own names, whatever the SQL file and the declaration say.
    plain = replace(source, aliases=(), extra_columns="ignore", min_known_columns=0)
    if isinstance(form, Parquet):
        return _parquet_sample(raw, name, source, keys)
    if isinstance(form, JsonLines):
        table = _contract(Column(name=EXTRA, type="map<string, string>"))
        rows = _first_rows(raw, name, replace(plain, extra_columns="keep"), table, keys)
        records = [dict(pairs or ()) for pairs in rows.column(EXTRA).to_pylist()]
        found = tuple(dict.fromkeys(chain.from_iterable(records)))
        return Sample(found, {normalize(key): pa.array([each.get(key) for each in records]) for key in found})
    if isinstance(form, (Delimited, Excel)) and form.header:
        header = _header(raw, name, plain, keys)
        names = as_names(header)
        if len({*names}) < len(names):
            return Sample(header, {})
        rows = _first_rows(raw, name, plain, _contract(*(Column(name=each, type="string") for each in names)), keys)
        return Sample(header, {each: rows.column(each) for each in names})
    raise DeclarationError(
        "files of this source have no names of columns, so no change of them can be seen",
        source=source.name,
        next_step="compare the vendor's layout with the declared columns",
    )


def _header(raw: BinaryIO, name: str, source: Source, keys: KeyFinder | None) -> tuple[str, ...]:
    """Return the names that the reader finds: those of a header that does not fit a table which no file fits."""
    nothing_fits = _contract(Column(name="", type="string", required=True))
    blocks = open_reader(raw, name, source, nothing_fits, keys).blocks()
    try:
        next(iter(blocks), None)
    except ColumnsRefusedError as error:
        return error.header
    raise AssertionError("a file with a header cannot fit this table")


def _first_rows(
    raw: BinaryIO, name: str, source: Source, table: TableContract, keys: KeyFinder | None
) -> pa.RecordBatch:
    reader = open_reader(raw, name, source, table, keys)
    with closing(reader.blocks()) as blocks:  # type: ignore[type-var] # generators can be closed
        for block in blocks:
            return reader.parse(block).rows.slice(0, SAMPLED_ROWS)
    return pa.RecordBatch.from_pylist([], pa.schema([(column.name, pa.string()) for column in table.columns]))


def _parquet_sample(raw: BinaryIO, name: str, source: Source, keys: KeyFinder | None) -> Sample:
    members = open_members(raw, name, source.format, source.name, keys or key_from_environment)
    for _, stream in members:
        with as_seekable(stream) as file:
            parquet = open_file(pa.PythonFile(file, mode="r"))
            header = tuple(parquet.schema_arrow.names)
            names = as_names(header)
            batch = next(parquet.iter_batches(SAMPLED_ROWS), None)
            if batch is None or len({*names}) < len(names):
                return Sample(header, {})
            return Sample(header, dict(zip(names, (to_plain_type(each)[0] for each in batch.columns), strict=True)))
    return Sample((), {})


def _contract(*columns: Column) -> TableContract:
    return TableContract(namespace="drift", name="sample", columns=columns)


def as_names(header: Sequence[str]) -> list[str]:
    """Return the normalized name of each column; its number if it has no name."""
    return [normalize(text) or f"column_{number}" for number, text in enumerate(header, start=1)]
