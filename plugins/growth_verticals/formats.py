"""The words in which a source declares what its files' bytes mean. `source.py` offers them with all the others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal

from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, kw_only=True)
class Pgp:
    """OpenPGP around every file of a source: encrypted to us, signed by the vendor, or both.

    Keys are named here and stand elsewhere: a name is an Airflow connection, and in upper case the environment
    variable that holds the path of a key file (`files/pgp.py`).

    :param key: our private key; None if files are signed and not encrypted.
    :param signer: the vendor's certificate. With it, a file without a good signature of that certificate is refused;
        without it, signatures are not looked at.
    """

    key: str | None = None
    signer: str | None = None

    def __post_init__(self) -> None:
        if self.key is None and self.signer is None:
            raise DeclarationError("pgp names a key, a signer, or both")
        for name in (self.key, self.signer):
            if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise DeclarationError("pgp holds names of keys and no keys", expected="lower_snake_case")


@dataclass(frozen=True, kw_only=True)
class Format:
    """What a file's bytes mean. `.gz`, `.zst`, `.bz2` or `.zip` around them is read from the name, and not declared.

    :param member: shell pattern of the members of a zip archive to read; others are skipped.
    :param pgp: the keys, when every file is an OpenPGP message (`.pgp`, `.gpg`, `.asc`, or no such suffix).
    :param nulls: spellings that mean NULL (an empty unquoted cell always does).
    :param trim: whether spaces and tabs around a cell are dropped; a cell of nothing else is NULL then. (Around numbers
        and dates they never count.)
    :param true, false: spellings of a boolean, matched exactly.
    :param dates: strptime formats of DATE columns, by column; the key `*` is for all others. Default ISO.
    :param timestamps: the same for TIMESTAMP columns. Default ISO with `T` or a space.
    """

    member: str = "*"
    pgp: Pgp | None = None
    nulls: tuple[str, ...] = ()
    trim: bool = False
    true: tuple[str, ...] = ("true",)
    false: tuple[str, ...] = ("false",)
    dates: Mapping[str, str] = field(default_factory=dict)
    timestamps: Mapping[str, str] = field(default_factory=dict)

    label: ClassVar[str]


@dataclass(frozen=True, kw_only=True)
class Text(Format):
    """Lines of text; what `Delimited` and `FixedWidth` share.

    :param skip_lines: how many physical lines stand before the header (or before the data, where there is none).
    :param trailer: the last line, which is no record: text with `{rows}` where it counts the records before it
        (digits, zeros in front allowed) and `*` for anything: `TRL|*|{rows}`. A file without that line, or with
        another count than was read, refuses the delivery.
    :param decimal: the decimal mark of numbers. A point in a number is not taken for one when this is a comma.
    :param thousands: what may stand between groups of three digits of a number.
    """

    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    skip_lines: int = 0
    trailer: str | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal[".", ",", " ", "'", "_"] | None = None

    def __post_init__(self) -> None:
        if self.skip_lines < 0:
            raise DeclarationError("skip_lines is a number of lines", expected="0 or more", found=str(self.skip_lines))
        if self.trailer is not None and (not self.trailer.strip("* ") or self.trailer.count("{rows}") > 1):
            raise DeclarationError("a trailer has text of its own, and {rows} once at most", found=self.trailer)
        if self.decimal == self.thousands:
            raise DeclarationError("decimal and thousands are two characters", found=self.decimal)


@dataclass(frozen=True, kw_only=True)
class Delimited(Text):
    """Text with one record a line (or more, where a quoted cell holds a newline) and a header line.

    :param quote: what is around a cell that holds delimiters or newlines, doubled within; None if nothing is.
    :param escape: what stands before a delimiter, a quote or itself where that is plain text. Before anything else it
        is itself plain text.
    :param header: False for a file that starts with its first record.
    :param columns: then, the columns in the file's order; default the SQL file's order.
    """

    delimiter: str = ","
    quote: str | None = '"'
    escape: str | None = None
    header: bool = True
    columns: tuple[str, ...] = ()

    label: ClassVar[str] = "delimited"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.delimiter) != 1 or self.delimiter in "\r\n" or self.delimiter == self.quote:
            raise DeclarationError("a delimiter is one character, no newline and not the quote")
        if self.escape is not None and (len(self.escape) != 1 or self.escape in (self.delimiter, self.quote, *"\r\n")):
            raise DeclarationError("an escape is one character, no newline, and not the delimiter or the quote")
        if self.columns and self.header:
            raise DeclarationError("columns are for a file without a header; with one, declare aliases")


@dataclass(frozen=True, kw_only=True)
class FixedWidth(Text):
    """Text with one record a line, each column in its place: `FixedWidth(columns={"id": 10, "zip5": (41, 5)})`.

    :param columns: by column, its width in characters, where the one before ends; or (start, width), the line's first
        character being 1. Every record is as long as the last column's end.
    :param trim: here by default: padding is how this format writes a short value.
    """

    columns: Mapping[str, int | tuple[int, int]]
    trim: bool = True

    label: ClassVar[str] = "fixed width"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns or any(start < 1 or end < start for start, end in self.places.values()):
            raise DeclarationError("a fixed width column starts at 1 or later and is 1 character wide or more")

    @property
    def places(self) -> dict[str, tuple[int, int]]:
        """First and last character of each column, 1-based and inclusive."""
        places, end = {}, 0
        for name, place in self.columns.items():
            start, width = (end + 1, place) if isinstance(place, int) else place
            end = start + width - 1
            places[name] = (start, end)
        return places


@dataclass(frozen=True, kw_only=True)
class JsonLines(Format):
    """One JSON object a line; keys are columns, and so are values within where an alias names their path.

    `aliases={"user.address.zip": "zip5"}` in the source: the zip of the object `address` in the object `user`.
    """

    label: ClassVar[str] = "JSON lines"


@dataclass(frozen=True, kw_only=True)
class Parquet(Format):
    """Parquet; columns by name, cast only where no value can change."""

    label: ClassVar[str] = "Parquet"


@dataclass(frozen=True, kw_only=True)
class Excel(Format):
    """An .xlsx workbook; the first row of the sheet is the header.

    :param sheet: the sheet's name; without it the workbook must have exactly one that is not empty.
    """

    sheet: str | None = None

    label: ClassVar[str] = "Excel"
