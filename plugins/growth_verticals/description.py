"""A source's declaration in words, for its page in Airflow. Only what is declared: it is the same on every day."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.checks import ControlSum, ExpectedRows, KnownKeys, NullShare, Rows, RowsBand, UniqueKey
from growth_verticals.completeness import Each, Files, Manifest, Marker, Parts, Quiet
from growth_verticals.source import OnDemand
from growth_verticals.transports import S3, Inbox, Sftp

if TYPE_CHECKING:
    from growth_verticals.checks import Check
    from growth_verticals.completeness import Rule
    from growth_verticals.source import Source
    from growth_verticals.transports import Delivery

_OUTCOMES = {"warn": "or a warning", "ask": "or a person must approve it", "refuse": "or it is refused"}
_RESTATED = {
    "ask": "a person is asked before anything is loaded",
    "replace": "the new file replaces the old one",
    "replace_period": "a delivery replaces all other files of its period",
    "add": "both are loaded",
    "refuse": "the delivery is refused",
}
_EXTRA_COLUMNS = {"ignore": "ignored", "refuse": "the file is refused", "keep": "kept in the column extra"}


def describe(source: Source) -> list[tuple[str, str]]:
    """Return what a source declares, as terms with plain text. Terms about which it declares nothing are left out."""
    cadence, delivery = source.cadence, source.delivery
    due = f"18:00 New York time on business day {cadence.due_business_day} after the period"
    terms = [
        ("Place", _place(source)),
        ("Files", delivery.pattern),
        ("Known and skipped", ", ".join(delivery.ignore)),
        ("Table", f"{source.table}, with rejects in {source.rejects_table}"),
        ("Cadence", f"{cadence.label}, for periods such as {cadence.example}"),
        ("First period", source.since),
        ("Due", None if isinstance(cadence, OnDemand) else due),
        ("Complete", None if isinstance(delivery, Inbox) else _complete(delivery)),
        ("Restatement", _RESTATED[source.restated]),
        *(("Check", f"{_check(check)}, {_OUTCOMES[check.outcome]}") for check in source.checks),
        ("Rejects", f"if more than {_percent(source.max_rejected)} of the records are rejected, nothing is loaded"),
        ("Kept", _kept(source)),
        ("Columns that are not in the SQL file", _EXTRA_COLUMNS[source.extra_columns]),
        ("Owner", source.owner),
        ("Whom to ask", source.contact),
        ("Created paused", source.paused),
    ]
    return [(term, text) for term, text in terms if text]


def _kept(source: Source) -> str:
    kept = source.retention
    parts = [
        f"rows and rejects of the newest {kept.keep_periods} periods" if kept.keep_periods else "all rows",
        f"rejected records {kept.rejects_days} days" if kept.rejects_days else "all rejected records",
        f"raw copies {kept.landing_days} days" if kept.landing_days else "all raw copies",
    ]
    return ", ".join(parts)


def _place(source: Source) -> str:
    match source.delivery:
        case Sftp(conn_id=conn_id, directory=directory):
            place = f"SFTP server of the connection {conn_id}, folder {directory}"
        case S3(conn_id=conn_id, bucket=bucket, prefix=prefix):
            place = f"s3://{bucket}/{prefix}, with the connection {conn_id}"
        case _:
            place = f"inbox/{source.name}/ in the landing zone; a person names the files of each run"
    return "; or ".join((place, *source.delivery.also_from))


def _complete(delivery: Delivery) -> str:
    rules = [_rule(rule) for rule in delivery.rules]
    return f"when {' and '.join(rules or ['two polls in a row have found the same files'])}"


def _rule(rule: Rule) -> str:
    match rule:
        case Marker(name=name):
            return f"the marker {name} is there"
        case Manifest(pattern=pattern):
            return f"all files that the manifest {pattern} lists are there"
        case Files(count=count):
            return f"exactly {count} {'file is' if count == 1 else 'files are'} there"
        case Parts():
            return "all parts are there, as their names say"
        case Each(values=values, at_least=at_least) if not rule.is_exact:
            least = f"{at_least or len(rule.always)} of {len(values)}"
            return f"files for at least {least} values are there ({_short(values)})"
        case Each(values=values):
            return f"there is a file for each of {len(values)} values ({_short(values)})"
        case Quiet(duration=duration):
            hours = duration.total_seconds() / 3600
            return f"nothing has changed for {hours:g} hour{'s' if hours != 1 else ''}"
    raise AssertionError(f"no such rule: {rule}")


def _check(check: Check) -> str:
    match check:
        case ExpectedRows():
            return "each file has as many records as the vendor's manifest says"
        case ControlSum(column=column):
            return f"the sum of {column} is that of the vendor's manifest"
        case Rows(min=low, max=high):
            return f"the number of rows in the period is {_between(low, high)}"
        case RowsBand(within=within, periods=periods):
            return f"the rows are within {_percent(within)} of {_median(periods)}"
        case NullShare(columns=columns, within=within, periods=periods):
            of = _short(columns) if columns else "each column"
            return f"the share of NULL of {of} is within {within * 100:g} percentage points of {_median(periods)}"
        case UniqueKey(columns=columns):
            return f"no key ({', '.join(columns)}) is repeated"
        case KnownKeys(columns=columns, min=low, max=high):
            shares = _between(*(None if share is None else _percent(share) for share in (low, high)))
            return f"{shares} of the keys ({', '.join(columns)}) were there in the period before"
    raise AssertionError(f"no such check: {check}")


def _between(low: object, high: object) -> str:
    limits = (f"at least {low}" if low is not None else "", f"at most {high}" if high is not None else "")
    return " and ".join(limit for limit in limits if limit)


def _median(periods: int) -> str:
    return "the period before" if periods == 1 else f"the median of the {periods} periods before"


def _percent(share: float) -> str:
    return f"{share * 100:g} %"


def _short(values: tuple[str, ...]) -> str:
    return ", ".join(values[:5]) + (", …" if len(values) > 5 else "")
