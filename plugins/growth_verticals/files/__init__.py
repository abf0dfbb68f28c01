"""Landed bytes to typed record batches and rejected rows. One module a format; `open_reader` picks it."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from growth_verticals.source import Delimited, Excel, FixedWidth, JsonLines, Parquet

if TYPE_CHECKING:
    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source


def open_reader(
    raw: BinaryIO, name: str, source: Source, contract: TableContract, keys: KeyFinder | None = None
) -> Reader:
    """Return the reader of one file of `source`.

    :param raw: its bytes, seekable; read from the start, and not closed.
    :param name: the file's own name: `.gz`, `.zst`, `.bz2`, `.zip` or `.pgp` at its end says what is around the format.
    :param contract: the table's; `Parsed.rows` has its columns.
    :param keys: finds the keys that `format.pgp` names; default in the environment (`files/pgp.py`).

    Raises `DeclarationError` or `ContractError` when source and table contradict each other. All that is wrong with
    the file comes as `FileRefusedError` from the reader's methods.
    """
    from growth_verticals.files.unpack.layers import open_members
    from growth_verticals.files.unpack.pgp import key_from_environment

    form = source.format
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
