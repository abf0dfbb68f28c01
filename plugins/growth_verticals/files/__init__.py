"""Reads landed files into typed record batches and rejected records. `open_reader` picks the format's module.

In reading order:

    unpack/         decryption and decompression: layers.py, compression.py, zips.py, pgp.py; for files that are cut:
                    deflate.py, resume.py, gzip_points.py, zstd_frames.py
    text.py         text encodings to UTF-8
    records.py      record boundaries of delimited text: quotes, escapes, line ends
    blocks.py       splits a text stream into blocks of whole records
    lines.py        lines that are not records: before the header, and the trailer
    headers.py      a file's header → the contract's columns
    dates.py        dates and times in declared formats
    value_checks.py checks that Arrow's casts lack
    casts.py        text cells → typed values
    rejects.py      reason codes; splits a block into valid rows and rejects
    members.py      names the members of an archive that have no rows
    row_locator.py  a row's line and raw record, for delimited text
    delimited.py    delimited text
    fixedwidth.py   fixed-width text
    jsonpaths.py    nested JSON values as columns
    jsonvalues.py   strict JSON
    jsonkeys.py     a JSON file's keys, checked like a header
    jsonblocks.py   blocks of JSON lines that Arrow's reader can read
    jsonlines.py    JSON lines
    arrow_values.py casts of Parquet columns, and their cells as text
    int96.py        INT96 timestamps of Parquet files
    parquet_file.py columns of a Parquet file in bounded memory, counted twice
    parquet_plan.py how many rows of a Parquet file to read at once
    parquet.py      Parquet
    xlsxxml.py      XML of workbooks, in bounded memory and time
    xlsxcells.py    what the cells of a workbook mean
    xlsxrows.py     the rows of a sheet
    xlsx.py         the parts of a workbook
    excel.py        Excel workbooks
    cuts.py         where a file can be cut into pieces, as data
    cutting.py      finds the cuts while a file's bytes pass by
    pieces.py       reads one piece of a file
    export.py       writes rejected records in the vendor's format, to send back
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from growth_verticals.source import Delimited, Excel, FixedWidth, JsonLines, Parquet

if TYPE_CHECKING:
    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source


def open_reader(
    raw: BinaryIO,
    name: str,
    source: Source,
    contract: TableContract,
    keys: KeyFinder | None = None,
    period: Period | None = None,
) -> Reader:
    """Return the reader of one file of `source`.

    :param raw: the file's bytes, seekable. They are read from the start, and `raw` is not closed.
    :param name: the file's name. Its suffixes (`.gz`, `.zst`, `.bz2`, `.zip`, `.pgp`) say how to unpack it.
    :param contract: the table's contract. `ParsedBlock.rows` has its columns.
    :param keys: finds the keys that `format.pgp` names; by default `key_from_environment` (`unpack/pgp.py`).
    :param period: the delivery's period, which decides which aliases hold. None: the newest ones.

    Raises `DeclarationError` or `ContractError` if the source and the contract contradict each other. The reader's
    methods raise `FileRefusedError` for anything wrong with the file.
    """
    from growth_verticals.files.unpack.layers import open_members
    from growth_verticals.files.unpack.pgp import key_from_environment

    source, form = source.in_period(period), source.format
    members = open_members(raw, name, form, source.name, keys or key_from_environment)
    if isinstance(form, Delimited):
        from growth_verticals.files.delimited import DelimitedReader

        return DelimitedReader(members, source, form, contract)
    if isinstance(form, FixedWidth):
        from growth_verticals.files.fixedwidth import FixedWidthReader

        return FixedWidthReader(members, source, form, contract)
    if isinstance(form, JsonLines):
        from growth_verticals.files.jsonlines import JsonLinesReader

        return JsonLinesReader(members, source, form, contract)
    if isinstance(form, Parquet):
        from growth_verticals.files.parquet import ParquetReader

        return ParquetReader(members, source, form, contract)
    if isinstance(form, Excel):
        from growth_verticals.files.excel import ExcelReader

        return ExcelReader(members, source, form, contract)
    raise NotImplementedError(type(form).__name__)
