"""Checks of a delivery as a whole, before its rows are committed. Import them from `source.py`.

    checks=(
        ExpectedRows(),
        RowsBand(within=0.2),
        NullShare(within=0.1, outcome="ask"),
        UniqueKey(columns=("household_id", "person_id")),
    )

Every check has an outcome, which happens if the delivery is not as expected: `warn` loads it and says so, `ask` loads
it only after a person has approved it, `refuse` never loads it. docs/checks.md lists what each check costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from growth_verticals.errors import DeclarationError

Outcome = Literal["warn", "ask", "refuse"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A check of a delivery. Use one of the subclasses.

    "Earlier periods" are the newest ones before the delivery's period of which the table holds rows, whatever their
    weekday or season. If there are fewer than a check needs, it says so and lets the delivery pass.

    :param outcome: what happens if the delivery is not as expected: `warn`, `ask` or `refuse`.
    """

    outcome: Outcome = "ask"

    label: ClassVar[str]

    def __post_init__(self) -> None:
        if self.outcome not in get_args(Outcome):
            expected = " or ".join(get_args(Outcome))
            raise DeclarationError("a check's outcome is not valid", expected=expected, found=str(self.outcome))
        if not isinstance(self.checked_columns, tuple):
            raise DeclarationError(f"the columns of the check {self.label!r} must be a tuple", expected='("column",)')

    @property
    def checked_columns(self) -> tuple[str, ...]:
        """The columns that the check names; they must be in the SQL file."""
        return ()


@dataclass(frozen=True, kw_only=True)
class ExpectedRows(Check):
    """Every file has the number of records that the vendor's manifest states, rejected records included.

    A count in a file's trailer is checked while the file is staged, without this check.
    """

    outcome: Outcome = "refuse"

    label: ClassVar[str] = "expected rows"


@dataclass(frozen=True, kw_only=True)
class ControlSum(Check):
    """The sum of a column over the whole delivery is the one that the vendor's manifest states, exactly.

    :param column: of type INT, BIGINT or DECIMAL. Values of rejected records are not in the sum.
    """

    column: str
    outcome: Outcome = "refuse"

    label: ClassVar[str] = "control sum"

    @property
    def checked_columns(self) -> tuple[str, ...]:
        return (self.column,)


@dataclass(frozen=True, kw_only=True)
class Rows(Check):
    """The period has at least `min` and at most `max` rows after the load. None: no limit."""

    min: int | None = None
    max: int | None = None

    label: ClassVar[str] = "rows"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_range(self.label, self.min, self.max, None)


@dataclass(frozen=True, kw_only=True)
class RowsBand(Check):
    """The period has about as many rows after the load as earlier periods.

    :param within: by which share of their median it may differ, in either direction. 0.3 is 30 %.
    :param periods: number of earlier periods, 1 or more.
    """

    within: float = 0.3
    periods: int = 4

    label: ClassVar[str] = "rows against earlier periods"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_band(self.label, self.within, self.periods)


@dataclass(frozen=True, kw_only=True)
class NullShare(Check):
    """Each column has about the same share of NULL after the load as in earlier periods.

    :param columns: default: every column that can be NULL and is not a map.
    :param within: by how much a share may differ from their median, in either direction: 0.1 is 10 percentage points.
    :param periods: number of earlier periods, 1 or more.
    """

    columns: tuple[str, ...] = ()
    within: float = 0.1
    periods: int = 4
    outcome: Outcome = "warn"

    label: ClassVar[str] = "NULL share against earlier periods"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_band(self.label, self.within, self.periods)

    @property
    def checked_columns(self) -> tuple[str, ...]:
        return self.columns


@dataclass(frozen=True, kw_only=True)
class _KeyCheck(Check):
    """:param columns: the columns of the key. A row with NULL in one of them has no key and is not checked."""

    columns: tuple[str, ...]

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.columns:
            raise DeclarationError(f"the check {self.label!r} needs a column or more")

    @property
    def checked_columns(self) -> tuple[str, ...]:
        return self.columns


@dataclass(frozen=True, kw_only=True)
class UniqueKey(_KeyCheck):
    """No key is repeated within the period, after the load. Reads the key's columns once more."""

    label: ClassVar[str] = "repeated keys"


@dataclass(frozen=True, kw_only=True)
class KnownKeys(_KeyCheck):
    """The share of the delivery's rows whose key was there in the period before is at least `min` and at most `max`.

    Reads the key's columns of both periods. Above half a million rows, the share is that of a sample of the keys.
    """

    min: float | None = None
    max: float | None = None

    label: ClassVar[str] = "known keys"

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_range(self.label, self.min, self.max, 1)


def _require_range(label: str, low: float | None, high: float | None, largest: float | None) -> None:
    limits = [limit for limit in (low, high) if limit is not None]
    is_ordered = limits == sorted(limits)
    if not limits or not is_ordered or limits[0] < 0 or (largest is not None and limits[-1] > largest):
        expected = f"min or max or both, 0 {f'to {largest}' if largest else 'or more'}, and min not above max"
        raise DeclarationError(f"the limits of the check {label!r} are not valid", expected=expected)


def _require_band(label: str, within: float, periods: int) -> None:
    if not 0 <= within <= 1 or periods < 1:
        expected = "within from 0 to 1, and 1 period or more"
        raise DeclarationError(f"the check {label!r} is out of range", expected=expected)
