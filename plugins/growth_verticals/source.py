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
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from growth_verticals.aliases import Alias, aliases_in, check_aliases
from growth_verticals.cadence import Cadence, Daily, Monthly, OnDemand, Quarterly
from growth_verticals.checks import Check, ControlSum, ExpectedRows, KnownKeys, NullShare, Rows, RowsBand, UniqueKey
from growth_verticals.completeness import US_STATES, Each, Files, Manifest, Marker, Parts, Quiet, Rule
from growth_verticals.errors import DeclarationError, DeliveryRefusedError, PeriodError
from growth_verticals.formats import Delimited, Excel, FixedWidth, Format, JsonLines, Parquet, Pgp, trailer_sums
from growth_verticals.transports import S3, Delivery, Inbox, Sftp

if TYPE_CHECKING:
    from datetime import datetime

    from growth_verticals.alerting import Alerts
    from growth_verticals.cadence import Period

__all__ = [
    "S3",
    "US_STATES",
    "Alias",
    "Cadence",
    "Check",
    "ControlSum",
    "Daily",
    "Delimited",
    "Delivery",
    "Each",
    "Excel",
    "ExpectedRows",
    "Files",
    "FixedWidth",
    "Format",
    "Inbox",
    "JsonLines",
    "KnownKeys",
    "Maintenance",
    "Manifest",
    "Marker",
    "Monthly",
    "NullShare",
    "OnDemand",
    "Parquet",
    "Parts",
    "Pgp",
    "Quarterly",
    "Quiet",
    "Retention",
    "Rows",
    "RowsBand",
    "Rule",
    "Sftp",
    "Source",
    "UniqueKey",
]  # fmt: skip

Strategy = Literal["auto", "binpack", "sort", "z-order"]
StorageClass = Literal["STANDARD", "INTELLIGENT_TIERING"]
ExtraColumns = Literal["ignore", "refuse", "keep"]
Restated = Literal["ask", "replace", "replace_period", "add", "refuse"]
#: Parts of every time limit: what a task needs whatever its files are, and what each file needs for its requests.
_START_UP, _PER_FILE = timedelta(minutes=15), timedelta(seconds=2)
#: Folders of the landing zone that belong to no source.
_RESERVED = ("inbox", "alerts")


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
class Retention:
    """How long a source's data is kept. None: forever. The DAG `retention` removes daily what is older.

    :param rejects_days: ≥ 1. Rejected records leave so long after they were staged.
    :param landing_days: ≥ 1. Landed copies leave so long after the end of their period and after they were landed,
        if their rows were loaded. Without them, a file can be neither replayed nor reloaded.
    :param keep_periods: ≥ 1. The newest periods that have opened, by the calendar: 8 quarters, 24 months or 400 days
        (a period of an on-demand source is a day). Rows and rejects of older periods leave, and no run loads them
        again.
    """

    rejects_days: int | None = 90
    landing_days: int | None = None
    keep_periods: int | None = None

    def __post_init__(self) -> None:
        for name in ("rejects_days", "landing_days", "keep_periods"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise DeclarationError(f"{name} is out of range", expected="1 or more, or None to keep all")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A feed that a vendor or client sends.

    :param name: lower_snake_case. It is also the DAG id, and the name of `include/schemas/<name>.sql`.
    :param table: `namespace.table`, the same as in the SQL file.
    :param cadence: when the source delivers: `Quarterly`, `Monthly`, `Daily` or `OnDemand`.
    :param delivery: where its files are: `Sftp`, `S3` or `Inbox`.
    :param format: how to read its files: `Delimited`, `FixedWidth`, `JsonLines`, `Parquet` or `Excel`.
    :param contact: whom to ask about a delivery, as a sentence names them: `the AIQ account manager`.
    :param owner: the team of ours that answers for the source. It owns the DAG's tasks.
    :param since: key of the first period that must get a run, such as `2026Q3`. None: the newest that is open when the
        DAG is first active. An earlier `since` in a later version of the declaration schedules the added periods.
    :param paused: why the DAG is created paused; None for an active DAG.
    :param aliases: the vendor's names of columns, where they differ from the table's by more than case, spaces and
        punctuation: `(Alias("zip", "zip5", since="2026Q4"),)`. `since` is the first period whose files have the name.
    :param extra_columns: what to do with a column that is not in the SQL file: `ignore` it (the log reports it),
        `refuse` the file, or `keep` its values in the table's column `extra` of type MAP<STRING,STRING>.
    :param min_known_columns: share of the table's columns (0 to 1; `extra` does not count) that a file must have. A
        file with fewer is refused: it may be a file of another source. Files without column names are not checked.
    :param max_rejected: share of records (0 to 1). If more are rejected, the whole delivery is refused.
    :param restated: what to do with a restatement: a file that is loaded for the period comes again under the same name
        (apart from its `{release}`) with other content. `ask`: load nothing until a person has answered. `replace`: the
        old file's rows leave and the new ones come, in one snapshot. `replace_period`: every delivery is a full
        snapshot of its period; the rows of all files that it does not contain leave. `add`: load both. `refuse`: never.
    :param checks: what must be true of a delivery as a whole before it is committed: `ExpectedRows`, `ControlSum`,
        `Rows`, `RowsBand`, `NullShare`, `UniqueKey`, `KnownKeys`. Each can warn, ask or refuse.
    :param answer_within_hours: how long a required action waits for an answer. After that the delivery is refused.
    :param unit_gb: GB (10^9 bytes) of files, as they were sent, that one task lands or stages. A larger file has a task
        of its own; smaller ones share one, at most 1,000 together.
    :param min_mb_per_s: the slowest that files may be landed, or staged, in MB a second, plus two seconds a file.
        A task that takes 15 minutes longer than that is ended, and Airflow tries it again.
    :param maintenance: the table's maintenance settings in S3 Tables.
    :param retention: how long rows, rejects and landed copies are kept.
    :param client: the client whose data it is, as in the tag `client`. None: a vendor's data; the tag is the namespace.
    :param storage_class: of the table and its rejects table, when `./gv tables apply` creates them. None: the table
        bucket's default.
    :param alerts: who is alerted, and about what, where it differs from `dags/operations/alerts.py`.
    """

    name: str
    table: str
    cadence: Cadence
    delivery: Delivery
    format: Format
    contact: str | None = None
    owner: str = "data team"
    since: str | None = None
    paused: str | None = None
    aliases: tuple[Alias, ...] = ()
    extra_columns: ExtraColumns = "ignore"
    min_known_columns: float = 0.5
    max_rejected: float = 0.01
    restated: Restated = "ask"
    checks: tuple[Check, ...] = ()
    answer_within_hours: int = 72
    unit_gb: float = 2.0
    min_mb_per_s: float = 2.0
    maintenance: Maintenance = Maintenance()
    retention: Retention = Retention()
    client: str | None = None
    storage_class: StorageClass | None = None
    alerts: Alerts | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", self.name) or self.name in _RESERVED:
            raise DeclarationError(
                f"a source's name must be lower_snake_case, and not {' or '.join(map(repr, _RESERVED))}",
                source=self.name,
            )
        if not re.fullmatch(r"[a-z0-9][a-z0-9_]*\.[a-z0-9][a-z0-9_]*", self.table):
            raise DeclarationError("a source's table must be namespace.table in lower case", source=self.name)
        if not isinstance(self.checks, tuple) or not all(isinstance(check, Check) for check in self.checks):
            raise DeclarationError(
                "checks must be a tuple of checks", source=self.name, expected="checks=(Rows(min=1),)"
            )
        for option in ("min_known_columns", "max_rejected"):
            if not 0 <= getattr(self, option) <= 1:
                raise DeclarationError(f"{option} must be a share", source=self.name, expected="0 to 1")
        if self.extra_columns not in get_args(ExtraColumns):
            expected = " or ".join(get_args(ExtraColumns))
            raise DeclarationError("extra_columns is not valid", source=self.name, expected=expected)
        if self.answer_within_hours < 1:
            raise DeclarationError("answer_within_hours is out of range", source=self.name, expected="1 or more")
        if self.unit_gb <= 0:
            raise DeclarationError("unit_gb is out of range", source=self.name, expected="more than 0")
        if self.min_mb_per_s <= 0:
            raise DeclarationError("min_mb_per_s is out of range", source=self.name, expected="more than 0")
        if self.restated not in get_args(Restated):
            expected = " or ".join(get_args(Restated))
            raise DeclarationError("restated is not valid", source=self.name, expected=expected)
        if self.client is not None and not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", self.client):
            raise DeclarationError("a client's name must be lower_snake_case", source=self.name, found=self.client)
        if self.storage_class not in (None, *get_args(StorageClass)):
            expected = " or ".join(get_args(StorageClass))
            raise DeclarationError("storage_class is not valid", source=self.name, expected=expected)
        self._check_since()
        self._check_trailer()
        check_aliases(self.aliases, self.cadence, self.name)

    def time_limit(self, size: int, files: int = 1) -> timedelta:
        """Return how long landing or staging files of `size` bytes together may take (`min_mb_per_s`)."""
        return _START_UP + files * _PER_FILE + timedelta(seconds=size / (self.min_mb_per_s * 1e6))

    def _check_since(self) -> None:
        if self.since is None:
            return
        if isinstance(self.cadence, OnDemand):
            raise DeclarationError("an on-demand source cannot have `since`", source=self.name, found=self.since)
        try:
            self.cadence.parse(self.since)
        except PeriodError as error:
            raise DeclarationError(
                "`since` is not a period of the cadence", source=self.name, expected=error.expected, found=error.found
            ) from error

    def _check_trailer(self) -> None:
        compared = {check.column for check in self.checks if isinstance(check, ControlSum)}
        for column in trailer_sums(getattr(self.format, "trailer", None) or ""):
            if column not in compared:
                raise DeclarationError(
                    "the trailer states a sum that no check compares",
                    source=self.name,
                    expected=f'checks=(ControlSum(column="{column}"),)',
                )

    @property
    def namespace(self) -> str:
        return self.table.split(".")[0]

    @property
    def rejects_table(self) -> str:
        return f"{self.table}_rejects"

    @property
    def unit_bytes(self) -> int:
        """The bytes of a work unit (`unit_gb`)."""
        return round(self.unit_gb * 1e9)

    def oldest_kept(self, now: datetime) -> Period | None:
        """Return the oldest period whose rows are kept at this time (timezone-aware); None if all are."""
        if self.retention.keep_periods is None:
            return None
        period = self.cadence.latest_open(now)
        for _ in range(self.retention.keep_periods - 1):
            period = self.cadence.before(period)
        return period

    def keeps(self, period: Period, now: datetime) -> bool:
        """Whether the rows of a period are kept at this time."""
        oldest = self.oldest_kept(now)
        return oldest is None or period.first >= oldest.first

    def require_kept(self, period: Period, now: datetime) -> None:
        """Raise `DeliveryRefusedError` for a period whose rows are not kept: retention would remove them again."""
        oldest = self.oldest_kept(now)
        if oldest is not None and period.first < oldest.first:
            raise DeliveryRefusedError(
                f"{period} is older than what is kept: its rows, and their rejects, are removed by retention",
                source=self.name,
                expected=f"{oldest} or a newer period",
                next_step="nothing; or raise keep_periods in the declaration, and load the files again",
            )

    def in_period(self, period: Period | None) -> Source:
        """Return the source with the aliases that hold for a period: of each vendor's name, one. None: the newest."""
        return replace(self, aliases=aliases_in(self.aliases, self.cadence, self.name, period))
