"""The words in which a source is declared. Frozen dataclasses, no behaviour beyond checking themselves.

A file in `dags/sources/` says what differs from the defaults here, and nothing else.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.errors import DeclarationError
from growth_verticals.formats import Delimited, Excel, FixedWidth, Format, JsonLines, Parquet, Pgp

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
