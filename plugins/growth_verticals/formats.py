"""File formats that a source can declare, and their options. Import them from `source.py`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

Encoding = Literal["utf-8", "latin-1", "cp1252", "utf-16", "utf-16-le", "utf-16-be"]
#: Two-digit years below it are in the 2000s.
POSIX_PIVOT_YEAR = 69


@dataclass(frozen=True, kw_only=True)
class Pgp:
    """OpenPGP encryption or signature of every file of a source, or both.

    The declaration contains the names of keys, never the keys. A name is the id of an Airflow connection; `./gv` reads
    the key file whose path is in the environment variable of that name, in upper case (`files/unpack/pgp.py`).

    :param key: name of our private key; None if the files are signed and not encrypted.
    :param signer: name of the vendor's certificate. If it is set, a file without a valid signature by that certificate
        is refused. If it is None, signatures are not checked.
    """

    key: str | None = None
    signer: str | None = None

    def __post_init__(self) -> None:
        if self.key is None and self.signer is None:
            raise DeclarationError("pgp must name a key, a signer, or both")
        for name in (self.key, self.signer):
            if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise DeclarationError("pgp must contain the names of keys, not the keys", expected="lower_snake_case")


@dataclass(frozen=True, kw_only=True)
class Format:
    """How to read a file, and the options that all formats share.

    Use one of the subclasses. Compression is not declared: `.gz`, `.zst`, `.bz2` and `.zip` are recognized by the
    file's name.

    :param member: shell pattern for the members of a zip archive, without regard to case. Other members are skipped,
        and named in the log.
    :param max_ratio: how many times its size compressed data can expand (gzip, Zstandard, bzip2, zip, OpenPGP). Data
        over 1 MiB that expands more is refused as a decompression bomb. Sparse files can need more.
    :param pgp: the key names, if every file is an OpenPGP message (`.pgp`, `.gpg`, `.asc`, or without such a suffix).
    :param nulls: texts that mean NULL. An empty unquoted cell is always NULL.
    :param trim: whether to remove spaces and tabs around a cell; a cell of only these is then NULL. Around numbers and
        dates they are always ignored.
    :param true, false: texts that mean true and false, matched exactly.
    :param dates: strptime formats of DATE columns, by column name; `*` is for all other columns. Default: ISO 8601.
    :param timestamps: the same for TIMESTAMP columns. Default: ISO 8601, with `T` or a space.
    :param pivot_year: where `%y` turns: two-digit years below it are in the 2000s, others in the 1900s. One number, or
        one by column name, `*` for all other columns. Default: 69, as in POSIX, which reads a birth year 45 as 2045.
    """

    member: str = "*"
    max_ratio: int = 100
    pgp: Pgp | None = None
    nulls: tuple[str, ...] = ()
    trim: bool = False
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    dates: Mapping[str, str] = field(default_factory=dict)
    timestamps: Mapping[str, str] = field(default_factory=dict)
    pivot_year: int | Mapping[str, int] = POSIX_PIVOT_YEAR

    label: ClassVar[str]

    def __post_init__(self) -> None:
        pivots = [self.pivot_year] if isinstance(self.pivot_year, int) else [*self.pivot_year.values()]
        if not all(0 <= pivot <= 100 for pivot in pivots):
            raise DeclarationError("pivot_year is out of range", expected="0 to 100", found=str(self.pivot_year))
        if self.max_ratio < 1:
            raise DeclarationError("max_ratio is out of range", expected="1 or more", found=str(self.max_ratio))

    def pivot_of(self, column: str) -> int:
        """Return the pivot of a column's two-digit years."""
        if isinstance(self.pivot_year, int):
            return self.pivot_year
        return self.pivot_year.get(column, self.pivot_year.get("*", POSIX_PIVOT_YEAR))


@dataclass(frozen=True, kw_only=True)
class TextFormat(Format):
    """Options that the text formats `Delimited` and `FixedWidth` share.

    :param encoding: the files' text encoding. `utf-16` requires a byte-order mark, which says which of `utf-16-le` and
        `utf-16-be` a file is. Declare one of these for files without the mark.
    :param skip_lines: number of physical lines to skip before the header (before the first record if there is none).
    :param trailer: pattern of the last line, if that is not a record, such as `TRL|*|{rows}|{sum:amount}`: `{rows}` is
        the number of records (digits, leading zeros allowed), `{sum:amount}` the sum of a column of the table, which
        the check `ControlSum` compares, `*` is any text. A file without that line is refused. If the number differs
        from the records read, the delivery is refused.
    :param decimal: decimal separator of numbers. If it is a comma, a point is never read as a decimal separator.
    :param thousands: separator that numbers can have between groups of three digits.
    """

    encoding: Encoding = "utf-8"
    skip_lines: int = 0
    trailer: str | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'", "_"] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.encoding not in get_args(Encoding):
            raise DeclarationError("encoding is not valid", expected=" or ".join(get_args(Encoding)))
        _check_lines(self)
        if self.decimal == self.thousands:
            raise DeclarationError("decimal and thousands must be different characters", found=self.decimal)


@dataclass(frozen=True, kw_only=True)
class Delimited(TextFormat):
    """Delimited text, such as CSV: one record per line, after a header line.

    A record can span several lines if a quoted cell contains a newline.

    :param delimiter: one character between cells.
    :param quote: character around a cell that contains delimiters or newlines; it is doubled inside the cell. None if
        the files have no quoting.
    :param escape: character before a delimiter, a quote or itself that is part of the text. Before any other character
        it is ordinary text.
    :param quoted_empty: what an empty quoted cell (`""`) is. `text`: empty text in a text column, and a reject in every
        other column. `null`: NULL in every column, for vendors that put quotes around every cell.
    :param header: False if the file starts with its first record.
    :param columns: for a file without a header, its columns in order. Default: the SQL file's columns in their order.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    quoted_empty: Literal["text", "null"] = "text"
    header: bool = True
    columns: tuple[str, ...] = ()

    label: ClassVar[str] = "delimited"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.delimiter) != 1 or self.delimiter in "\r\n" or self.delimiter == self.quote:
            raise DeclarationError("delimiter must be one character, and not a newline or the quote")
        if self.escape is not None and (len(self.escape) != 1 or self.escape in (self.delimiter, self.quote, *"\r\n")):
            raise DeclarationError("escape must be one character, and not a newline, the delimiter or the quote")
        if self.quoted_empty not in ("text", "null"):
            raise DeclarationError("quoted_empty is not valid", expected="text or null")
        _check_header(self)


@dataclass(frozen=True, kw_only=True)
class FixedWidth(TextFormat):
    """Fixed-width text, one record per line: `FixedWidth(columns={"id": 10, "zip5": (41, 5)})`.

    :param columns: for each column, its width in characters if it starts where the previous column ends, or
        (start, width); the first character of a line is 1. Every record must end where the last column ends.
    :param trim: as in `Format`, but on by default, because this format pads short values.
    """

    columns: Mapping[str, int | tuple[int, int]]
    trim: bool = True

    label: ClassVar[str] = "fixed width"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns or any(start < 1 or end < start for start, end in self.positions.values()):
            raise DeclarationError("fixed-width columns must start at 1 or later and be 1 character wide or more")

    @property
    def positions(self) -> dict[str, tuple[int, int]]:
        """First and last character of each column, 1-based and inclusive."""
        positions, end = {}, 0
        for name, column in self.columns.items():
            start, width = (end + 1, column) if isinstance(column, int) else column
            end = start + width - 1
            positions[name] = (start, end)
        return positions


@dataclass(frozen=True, kw_only=True)
class JsonLines(Format):
    """One JSON object per line. Its keys are the columns.

    A column whose key no record of a file has is missing, as one that a header lacks.

    For a nested value, declare its path as an alias in the source: `aliases=(Alias("user.address.zip", "zip5"),)`.
    """

    label: ClassVar[str] = "JSON lines"


@dataclass(frozen=True, kw_only=True)
class Parquet(Format):
    """Parquet. Columns are matched by name, and cast only if no value can change."""

    label: ClassVar[str] = "Parquet"


@dataclass(frozen=True, kw_only=True)
class Excel(Format):
    """An .xlsx workbook. The first row of the sheet that is not empty is the header.

    :param sheet: the sheet's name. If it is None, the workbook must have exactly one sheet that is not empty.
    :param skip_lines: number of the sheet's rows to skip before the header (before the first record if there is none),
        empty rows included: a header in row 4 needs 3, or fewer if the rows above it are empty.
    :param trailer: pattern of the last row that is not empty, if that is not a record: the texts of its filled cells,
        joined by `|`, such as `Total|{rows}|*`; the placeholders are as in `TextFormat`. For several rows, their
        patterns with a newline between them.
    :param header: False if the sheet starts with its first record.
    :param columns: for a sheet without a header, its columns in order, from column A. Default: the SQL file's columns
        in their order.
    """

    sheet: str | None = None
    skip_lines: int = 0
    trailer: str | None = None
    header: bool = True
    columns: tuple[str, ...] = ()

    label: ClassVar[str] = "Excel"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_lines(self)
        _check_header(self)


def _check_lines(form: TextFormat | Excel) -> None:
    if form.skip_lines < 0:
        raise DeclarationError("skip_lines is out of range", expected="0 or more", found=str(form.skip_lines))
    if form.trailer is None:
        return
    if not form.trailer.strip("*| \n") or form.trailer.count("{rows}") > 1:
        raise DeclarationError("trailer must contain some text, and {rows} at most once", found=form.trailer)
    columns = trailer_sums(form.trailer)
    if len(columns) != len(set(columns)) or form.trailer.count("{sum:") != len(columns):
        raise DeclarationError(
            "trailer must name each column at most once", expected="such as {sum:amount}", found=form.trailer
        )


def trailer_sums(trailer: str) -> tuple[str, ...]:
    """Return the columns whose sums a trailer states, in their order."""
    return tuple(re.findall(r"\{sum:([a-z][a-z0-9_]*)\}", trailer))


def _check_header(form: Delimited | Excel) -> None:
    if form.columns and form.header:
        raise DeclarationError("columns are for files without a header; for a file with a header, declare aliases")
