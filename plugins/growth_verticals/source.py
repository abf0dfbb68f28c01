"""The building blocks of a declaration: `Source`, with its cadence, delivery, format and maintenance settings.

Each source is declared in one file of `dags/sources/`, which sets only the values that differ from the defaults here:

    dag = delivery_dag(
        Source(
            name="acme_person",
            table="acme.person",
            cadence=Monthly(due_business_day=5),
            delivery=Sftp(conn_id="sftp_acme", directory="/outgoing", pattern="person_{period}.csv.gz"),
            format=Delimited(delimiter="|"),
        ),
        doc=__doc__,
    )

All classes are frozen dataclasses. They check their values, raise `DeclarationError` for a wrong one, and do nothing
else.
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

#: Names that can be used in braces in a directory, prefix, pattern or marker. Their values come from the period only.
PERIOD_TOKENS = ("period", "year", "quarter", "month", "day")
Strategy = Literal["auto", "binpack", "sort", "z-order"]
ExtraColumns = Literal["ignore", "refuse", "keep"]


# --- where a source's files are -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where to find a period's files, and how to decide that the delivery is complete.

    Use one of the subclasses: `Sftp`, `S3` or `Inbox`.

    :param pattern: shell pattern for file names (`*`, `?`, `[…]`). It can contain period tokens: `{period}` (2026Q4,
        2026-11, 2026-11-22), and `{year}`, `{quarter}`, `{month}`, `{day}` of the period's first day. If neither the
        folder nor the pattern has a token, a period's files are those modified after it opened and before the next
        period opened.
    :param done_marker: name of a file (tokens allowed) in the same folder. The delivery is complete when that file
        exists. Without a marker, the delivery is complete when two consecutive polls find the same files, unchanged in
        size, modification time and version.
    :param also_from: URI prefixes (`s3://bucket/prefix/`). A person who starts a run can name files under them.
    """

    pattern: str
    done_marker: str | None = None
    also_from: tuple[str, ...] = ()

    label: ClassVar[str]

    def __post_init__(self) -> None:
        for template in (self.pattern, self.done_marker or "", self.folder):
            check_tokens(template)
        if "/" in self.pattern or ".." in self.folder.split("/"):
            raise DeclarationError("a delivery's pattern must match files in one folder only", found=self.pattern)

    @property
    def folder(self) -> str:
        """The directory or prefix, with its period tokens not filled in."""
        raise NotImplementedError

    @property
    def has_period_token(self) -> bool:
        """Whether the folder or the pattern contains a period token."""
        return "{" in self.folder + self.pattern


@dataclass(frozen=True, kw_only=True)
class Sftp(Delivery):
    """Files on a vendor's SFTP server. The Airflow connection `conn_id` must pin the server's host key."""

    conn_id: str
    directory: str

    label: ClassVar[str] = "SFTP"

    @property
    def folder(self) -> str:
        return self.directory


@dataclass(frozen=True, kw_only=True)
class S3(Delivery):
    """Files in a vendor's bucket, read with the Airflow connection `conn_id`. `prefix` is empty or ends in `/`."""

    conn_id: str
    bucket: str
    prefix: str = ""

    label: ClassVar[str] = "S3"

    @property
    def folder(self) -> str:
        return self.prefix


@dataclass(frozen=True, kw_only=True)
class Inbox(Delivery):
    """Files that a person puts in `<GV_LANDING_URI>/inbox/<source>/` and names when starting the run."""

    pattern: str = "*"

    label: ClassVar[str] = "inbox"

    @property
    def folder(self) -> str:
        return ""


# --- the source and its table -------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Maintenance:
    """Maintenance settings of one table in S3 Tables. Defaults and ranges are AWS's ("S3 Tables maintenance").

    :param target_file_size_mb: file size that compaction aims for, 64 to 512.
    :param strategy: compaction strategy: `auto`, `binpack`, `sort` or `z-order`. `sort` and `z-order` require a sort
        order in the SQL file.
    :param min_snapshots_to_keep: ≥ 1.
    :param max_snapshot_age_hours: ≥ 1. Older snapshots expire, except for the newest `min_snapshots_to_keep`.
    """

    target_file_size_mb: int = 512
    strategy: Strategy = "auto"
    min_snapshots_to_keep: int = 1
    max_snapshot_age_hours: int = 120

    def __post_init__(self) -> None:
        if not 64 <= self.target_file_size_mb <= 512:
            raise DeclarationError("target_file_size_mb is out of range", expected="64 to 512")
        if self.strategy not in get_args(Strategy):
            raise DeclarationError("strategy is not valid", expected=" or ".join(get_args(Strategy)))
        if self.min_snapshots_to_keep < 1 or self.max_snapshot_age_hours < 1:
            raise DeclarationError("snapshot management settings are out of range", expected="1 or more")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A feed that a vendor or client sends.

    :param name: lower_snake_case. It is also the DAG id, and the name of `include/schemas/<name>.sql`.
    :param table: `namespace.table`, the same as in the SQL file.
    :param cadence: when the source delivers: `Quarterly`, `Monthly`, `Daily` or `OnDemand`.
    :param delivery: where its files are: `Sftp`, `S3` or `Inbox`.
    :param format: how to read its files: `Delimited`, `FixedWidth`, `JsonLines`, `Parquet` or `Excel`.
    :param paused: why the DAG is created paused; None for an active DAG.
    :param aliases: vendor's column name → table column, where they differ by more than case, spaces and punctuation.
    :param extra_columns: what to do with a column that is not in the SQL file: `ignore` it (the log reports it),
        `refuse` the file, or `keep` its values in the table's column `extra` of type MAP<STRING,STRING>.
    :param min_known_columns: share of the table's columns (0 to 1; `extra` does not count) that a file must have. A
        file with fewer is refused: it may be a file of another source. Files without column names are not checked.
    :param max_rejected: share of records (0 to 1). If more are rejected, the whole delivery is refused.
    :param maintenance: the table's maintenance settings in S3 Tables.
    """

    name: str
    table: str
    cadence: Cadence
    delivery: Delivery
    format: Format
    paused: str | None = None
    aliases: Mapping[str, str] = field(default_factory=dict)
    extra_columns: ExtraColumns = "ignore"
    min_known_columns: float = 0.5
    max_rejected: float = 0.01
    maintenance: Maintenance = Maintenance()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", self.name) or self.name == "inbox":
            raise DeclarationError("a source's name must be lower_snake_case, and not 'inbox'", source=self.name)
        if not re.fullmatch(r"[a-z0-9][a-z0-9_]*\.[a-z0-9][a-z0-9_]*", self.table):
            raise DeclarationError("a source's table must be namespace.table in lower case", source=self.name)
        for option in ("min_known_columns", "max_rejected"):
            if not 0 <= getattr(self, option) <= 1:
                raise DeclarationError(f"{option} must be a share", source=self.name, expected="0 to 1")
        if self.extra_columns not in get_args(ExtraColumns):
            expected = " or ".join(get_args(ExtraColumns))
            raise DeclarationError("extra_columns is not valid", source=self.name, expected=expected)

    @property
    def namespace(self) -> str:
        return self.table.split(".")[0]

    @property
    def rejects_table(self) -> str:
        return f"{self.table}_rejects"


def check_tokens(template: str) -> None:
    """Raise `DeclarationError` if `template` contains a brace that is not part of a period token."""
    remainder = template
    for token in PERIOD_TOKENS:
        remainder = remainder.replace("{" + token + "}", "")
    if "{" in remainder or "}" in remainder:
        raise DeclarationError(
            "unknown token in braces", expected=", ".join(f"{{{token}}}" for token in PERIOD_TOKENS), found=template
        )


def expand_tokens(template: str, period: Period) -> str:
    """Return `template` with its period tokens filled in. `{month}` and `{day}` have two digits."""
    first = period.first
    values = (period.key, f"{first:%Y}", str((first.month + 2) // 3), f"{first:%m}", f"{first:%d}")
    for token, value in zip(PERIOD_TOKENS, values, strict=True):
        template = template.replace("{" + token + "}", value)
    return template
