"""The findings of a source's checks. Pure: everything that was measured comes in, nothing is read."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from functools import singledispatch
from statistics import median
from typing import TYPE_CHECKING

from growth_verticals.checks import Check, ControlSum, ExpectedRows, KnownKeys, NullShare, Rows, RowsBand, UniqueKey
from growth_verticals.quality.report import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from growth_verticals.delivery import StagedFile
    from growth_verticals.quality.keys import KeyCount
    from growth_verticals.quality.profile import Profile
    from growth_verticals.quality.report import FindingOutcome

_MAX_NAMED = 5
#: Differences of a float that are no differences: a share of 0.3 within 0.1 of 0.2.
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was measured of a delivery.

    :param period: the period as it will be after the load; None if its rows cannot be told from those that leave.
    :param earlier: the periods before it, newest first.
    :param staged: the delivery's files.
    :param expected_sums: column → the sum over the delivery according to the sender, as a decimal number in text.
    :param sums: column → sum over the delivery.
    :param repeated: key → rows of the period after the load, and those of them that repeat a key.
    :param known: key → rows of the delivery, and those of them whose key the period before has.
    :param nullable: the columns that can be NULL.
    :param shown: the columns of class N. The sum of another column is not shown: with one row, it is that row's value.
    """

    period: Profile | None
    earlier: Sequence[Profile] = ()
    staged: Sequence[StagedFile] = ()
    expected_sums: Mapping[str, str] = field(default_factory=dict)
    sums: Mapping[str, Decimal] = field(default_factory=dict)
    repeated: Mapping[tuple[str, ...], KeyCount] = field(default_factory=dict)
    known: Mapping[tuple[str, ...], KeyCount] = field(default_factory=dict)
    nullable: Sequence[str] = ()
    shown: Collection[str] = ()


def evaluate(checks: Iterable[Check], measured: Measured) -> list[Finding]:
    """Return one finding for each check, in order."""
    return [_find(check, measured) for check in checks]


@singledispatch
def _find(check: Check, measured: Measured) -> Finding:
    raise NotImplementedError(type(check).__name__)


@_find.register
def _(check: ExpectedRows, measured: Measured) -> Finding:
    read = [file for file in measured.staged if file.status == "staged"]
    unstated = [file.name for file in read if file.expected_rows is None]
    wrong = [file for file in read if file.expected_rows not in (None, file.rows_read)]
    if wrong:
        expected = _named([f"{file.expected_rows:,} records in {file.name}" for file in wrong])
        return _finding(check, check.outcome, expected, _named([f"{file.rows_read:,}" for file in wrong]))
    if unstated:
        return _finding(check, "info", "a number of records from the sender", f"none for {_named(unstated)}")
    return _finding(check, "pass", "the sender's numbers of records", "the same")


@_find.register
def _(check: ControlSum, measured: Measured) -> Finding:
    stated, total = measured.expected_sums.get(check.column), measured.sums.get(check.column)
    columns = (check.column,)
    if stated is None or total is None:
        return _finding(check, "info", f"a sum of {check.column} from the sender", "none", columns)
    try:
        is_equal = Decimal(stated.strip()) == total
    except InvalidOperation:
        return _finding(check, check.outcome, f"a number as the sender's sum of {check.column}", "other text", columns)
    outcome: FindingOutcome = "pass" if is_equal else check.outcome
    if check.column not in measured.shown:
        found = "the same" if is_equal else "another sum"
        return _finding(check, outcome, f"the sender's sum of {check.column}", found, columns)
    return _finding(check, outcome, f"{stated.strip()} for {check.column}", f"{total:f}", columns)


@_find.register
def _(check: Rows, measured: Measured) -> Finding:
    if measured.period is None:
        return _unknown_period(check)
    rows = measured.period.rows
    is_within = (check.min is None or rows >= check.min) and (check.max is None or rows <= check.max)
    limits = [
        f"at least {check.min:,}" if check.min is not None else "",
        f"at most {check.max:,}" if check.max is not None else "",
    ]
    return _finding(check, "pass" if is_within else check.outcome, " and ".join(filter(None, limits)), f"{rows:,}")


@_find.register
def _(check: RowsBand, measured: Measured) -> Finding:
    if measured.period is None:
        return _unknown_period(check)
    if len(measured.earlier) < check.periods:
        return _not_enough(check, check.periods, len(measured.earlier))
    rows = measured.period.rows
    usual = median(profile.rows for profile in measured.earlier[: check.periods])
    difference = rows / usual - 1 if usual else (0.0 if rows == 0 else float("inf"))
    is_within = abs(difference) <= check.within + _ROUNDING
    return _finding(
        check,
        "pass" if is_within else check.outcome,
        f"{usual:,.0f} ± {check.within:.1%}, the median of {check.periods} period(s)",
        f"{rows:,}" + (f" ({difference:+.1%})" if usual else ""),
    )


@_find.register
def _(check: NullShare, measured: Measured) -> Finding:
    if measured.period is None:
        return _unknown_period(check)
    if len(measured.earlier) < check.periods:
        return _not_enough(check, check.periods, len(measured.earlier))
    if not measured.period.rows:
        return _finding(check, "info", "rows", "none")
    changed, unknown = {}, []
    columns = check.columns or measured.nullable
    for column in columns:
        share = measured.period.null_share(column)
        before = [profile.null_share(column) for profile in measured.earlier[: check.periods] if profile.rows]
        usual = [each for each in before if each is not None]
        if share is None or len(usual) < len(before) or not usual:
            unknown.append(column)
        elif abs(share - median(usual)) > check.within + _ROUNDING:
            changed[column] = f"{column} {share:.1%} (usually {median(usual):.1%})"
    expected = f"within {check.within:.1%} of the median of {check.periods} period(s)"
    if changed:
        return _finding(check, check.outcome, expected, _named(list(changed.values())), tuple(changed))
    if unknown and (check.columns or len(unknown) == len(columns)):
        return _finding(check, "info", expected, f"no counts for {_named(unknown)}", tuple(unknown))
    without = f", without {len(unknown)} column(s) that have no counts" if unknown else ""
    return _finding(check, "pass", expected, f"{len(columns) - len(unknown)} column(s) within{without}")


@_find.register
def _(check: UniqueKey, measured: Measured) -> Finding:
    count = measured.repeated[check.columns]
    outcome: FindingOutcome = check.outcome if count.hits else "pass"
    found = f"{count.hits:,} of {count.rows:,} rows repeat a key"
    return _finding(check, outcome, f"each key ({', '.join(check.columns)}) once", found, check.columns)


@_find.register
def _(check: KnownKeys, measured: Measured) -> Finding:
    if not measured.earlier:
        return _not_enough(check, 1, 0)
    count = measured.known[check.columns]
    if not count.rows:
        return _finding(check, "info", "rows with a key", "none", check.columns)
    share = count.hits / count.rows
    low, high = check.min or 0, 1 if check.max is None else check.max
    is_within = low - _ROUNDING <= share <= high + _ROUNDING
    expected = f"{low:.1%} to {high:.1%} of the keys known from the period before"
    outcome: FindingOutcome = "pass" if is_within else check.outcome
    return _finding(check, outcome, expected, f"{share:.1%}", check.columns)


def _finding(
    check: Check, outcome: FindingOutcome, expected: str, found: str, columns: tuple[str, ...] = ()
) -> Finding:
    return Finding(check=check.label, outcome=outcome, expected=expected, found=found, columns=columns)


def _not_enough(check: Check, needed: int, found: int) -> Finding:
    return _finding(check, "info", f"{needed} earlier period(s) to compare with", f"{found}: not enough history")


def _unknown_period(check: Check) -> Finding:
    found = "rows that leave in the same data files as rows that stay"
    return _finding(check, "info", "the period's rows after the load", found)


def _named(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _MAX_NAMED} more" if len(texts) > _MAX_NAMED else ""
    return ", ".join(texts[:_MAX_NAMED]) + more
