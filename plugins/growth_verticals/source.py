"""The words in which a source is declared. Frozen dataclasses, no behaviour beyond checking themselves.

A file in `dags/sources/` says what differs from the defaults here, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from growth_verticals.cadence import Period

__all__ = [
    "S3",
    "Cadence",
    "Daily",
    "Delimited",
    "Delivery",
    "Excel",
    "FixedWidth",
    "Format",
    "Inbox",
    "JsonLines",
    "Maintenance",
    "Monthly",
    "OnDemand",
    "Parquet",
    "Pgp",
    "Quarterly",
    "Sftp",
    "Source",
]  # fmt: skip

#: What may stand in braces in a directory, prefix or pattern; each is made from the period, never from free text.
PERIOD_TOKENS = ("period", "year", "quarter", "month", "day")
Strategy = Literal["auto", "binpack", "sort", "z-order"]
ExtraColumns = Literal["ignore", "refuse", "keep"]


# --- how files come -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where a period's files appear, and how one knows that they are complete.

    :param pattern: shell pattern that a file's name matches (`*`, `?`, `[…]`), with period tokens in braces:
        `{period}` (2026Q4, 2026-11, 2026-11-22), `{year}`, `{quarter}`, `{month}`, `{day}` of the period's first day.
        Without a token anywhere, the files of a period are those modified after it opened and before the next opened.
    :param done_marker: a name (tokens allowed) in the same folder whose presence says that the delivery is complete;
        without it, files are complete when size and time have held still over two looks.
    :param also_from: URI prefixes (`s3://bucket/prefix/`) from which a person may name a file by hand.
    """

    pattern: str
    done_marker: str | None = None
    also_from: tuple[str, ...] = ()

    label: ClassVar[str]

    def __post_init__(self) -> None:
        for text in (self.pattern, self.done_marker or "", self.place):
            check_tokens(text)
        if "/" in self.pattern or ".." in self.place.split("/"):
            raise DeclarationError("a delivery's pattern names files of one folder", found=self.pattern)

    @property
    def place(self) -> str:
        """The folder, unexpanded."""
        raise NotImplementedError

    @property
    def names_period(self) -> bool:
        """Whether the folder or the pattern holds a period token."""
        return "{" in self.place + self.pattern


@dataclass(frozen=True, kw_only=True)
class Sftp(Delivery):
    """A vendor's SFTP server, through the Airflow connection `conn_id` (which must pin the host key)."""

    conn_id: str
    directory: str

    label: ClassVar[str] = "SFTP"

    @property
    def place(self) -> str:
        return self.directory


@dataclass(frozen=True, kw_only=True)
class S3(Delivery):
    """A vendor's bucket, read with the Airflow connection `conn_id`. `prefix` ends in `/` or is empty."""

    conn_id: str
    bucket: str
    prefix: str = ""

    label: ClassVar[str] = "S3"

    @property
    def place(self) -> str:
        return self.prefix


@dataclass(frozen=True, kw_only=True)
class Inbox(Delivery):
    """Files that a person drops under `<GV_LANDING_URI>/inbox/<source>/` and names when starting the run."""

    pattern: str = "*"

    label: ClassVar[str] = "inbox"

    @property
    def place(self) -> str:
        return ""


# --- what is in them ----------------------------------------------------------------------------------------------


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


# --- how its table is kept ----------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Table-level maintenance of S3 Tables. Defaults and ranges are AWS's (user guide, "S3 Tables maintenance").

    :param target_file_size_mb: compaction's goal, 64 to 512.
    :param strategy: `auto`, `binpack`, `sort` or `z-order`; the last two need a sort order in the SQL file.
    :param min_snapshots_to_keep: ≥ 1.
    :param max_snapshot_age_hours: ≥ 1; a snapshot expires when it is older and more than the minimum are kept.
    """

    target_file_size_mb: int = 512
    strategy: Strategy = "auto"
    min_snapshots_to_keep: int = 1
    max_snapshot_age_hours: int = 120

    def __post_init__(self) -> None:
        if not 64 <= self.target_file_size_mb <= 512:
            raise DeclarationError("target_file_size_mb is out of range", expected="64 to 512")
        if self.strategy not in get_args(Strategy):
            raise DeclarationError("there is no such strategy", expected=" or ".join(get_args(Strategy)))
        if self.min_snapshots_to_keep < 1 or self.max_snapshot_age_hours < 1:
            raise DeclarationError("snapshot management settings are out of range", expected="1 or more")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A feed that a vendor or client sends.

    :param name: lower_snake_case; also the DAG's id, and the name of `include/schemas/<name>.sql`.
    :param table: `namespace.table`, as the SQL file says too.
    :param paused: why the DAG is created paused; None for an active one.
    :param aliases: vendor's header → our column, where the vendor's name differs by more than case and spaces.
    :param extra_columns: what to do with a column that the SQL file does not know: `ignore` it (reported in the log),
        `refuse` the file, or `keep` it in the table's `extra` column of type MAP<STRING,STRING>.
    :param max_rejected: share of rows (0 to 1) over which the delivery is refused whole.
    """

    name: str
    table: str
    cadence: Cadence
    delivery: Delivery
    format: Format
    paused: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    extra_columns: ExtraColumns = "ignore"
    max_rejected: float = 0.01
    maintenance: Maintenance = Maintenance()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", self.name) or self.name == "inbox":
            raise DeclarationError("a source's name is lower_snake_case, and not 'inbox'", source=self.name)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_]*\.[a-z0-9][a-z0-9_]*", self.table):
            raise DeclarationError("a source's table is namespace.table in lower case", source=self.name)
        if not 0 <= self.max_rejected <= 1:
            raise DeclarationError("max_rejected is a share", source=self.name, expected="0 to 1")
        if self.extra_columns not in get_args(ExtraColumns):
            expected = " or ".join(get_args(ExtraColumns))
            raise DeclarationError("extra_columns is none of its words", source=self.name, expected=expected)

    @property
    def namespace(self) -> str:
        return self.table.split(".")[0]

    @property
    def rejects_table(self) -> str:
        return f"{self.table}_rejects"


def check_tokens(template: str) -> None:
    """Raise `DeclarationError` unless every brace in `template` is part of a known period token."""
    bare = template
    for token in PERIOD_TOKENS:
        bare = bare.replace("{" + token + "}", "")
    if "{" in bare or "}" in bare:
        raise DeclarationError(
            "unknown token in braces", expected=", ".join(f"{{{token}}}" for token in PERIOD_TOKENS), found=template
        )


def expand_tokens(template: str, period: Period) -> str:
    """Return `template` with its period tokens filled in: `{month}` and `{day}` have two digits."""
    first = period.first
    values = (period.key, f"{first:%Y}", str((first.month + 2) // 3), f"{first:%m}", f"{first:%d}")
    for token, value in zip(PERIOD_TOKENS, values, strict=True):
        template = template.replace("{" + token + "}", value)
    return template
