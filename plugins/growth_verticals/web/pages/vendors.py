"""The scorecard of each vendor by quarter, to bring to the next call: as a page that prints well, and as CSV."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from airflow.utils.session import create_session
from fastapi import APIRouter, HTTPException, Request, Response

from growth_verticals.files.export import csv_line
from growth_verticals.status.scorecard import Score, scorecard
from growth_verticals.web import airflow_db
from growth_verticals.web.clock import Now
from growth_verticals.web.declared import declared_sources
from growth_verticals.web.render import page
from growth_verticals.web.security import LoggedIn, readable_sources

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from airflow.api_fastapi.auth.managers.models.base_user import BaseUser

router = APIRouter()

#: How many quarters are shown, with the current one.
_QUARTERS = 8
_READ = timedelta(days=_QUARTERS * 92)
#: In place of a source's name, in the sums of a vendor's sources.
_ALL = "all sources"
_COLUMNS = (
    "quarter", "source", "deliveries", "judged", "on_time", "on_time_share", "worst_late_days", "rows_read",
    "rows_rejected", "reject_share", "restatements", "refused", "drift", "gaps",
)  # fmt: skip
_SUMMED = (
    "deliveries", "judged", "on_time", "rows_read", "rows_rejected", "restatements", "refused", "drift", "gaps",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """A vendor, who is named by the namespace of the tables.

    :param contacts: whom to ask, as the sources declare it.
    :param quarters: the newest first. Of each, the sum of several sources, and then the source's scores.
    """

    name: str
    sources: Sequence[str]
    contacts: Sequence[str]
    quarters: Sequence[tuple[str, Sequence[Score]]]


@router.get("/vendors")
def vendors_page(request: Request, user: LoggedIn, now: Now, vendor: str | None = None) -> Response:
    """Return the scorecards of all vendors, or of one."""
    names, vendors, notes = read_vendors(user, vendor, now)
    return page(
        request,
        "vendors.html",
        tab="Vendors",
        vendor=vendor,
        names=names,
        vendors=vendors,
        notes=notes,
        made_at=now,
        all_sources=_ALL,
    )


@router.get("/vendors.csv")
def vendors_csv(user: LoggedIn, now: Now, vendor: str | None = None) -> Response:
    """Return the scores of the page's sources as CSV, without the sums. No cell runs as a formula in a spreadsheet."""
    _, vendors, _ = read_vendors(user, vendor, now)
    lines = [csv_line(("vendor", *_COLUMNS))]
    for each in vendors:
        scores = [score for _, scores in each.quarters for score in scores if score.source != _ALL]
        lines += [csv_line((each.name, *(getattr(score, name) for name in _COLUMNS))) for score in scores]
    name = f"scorecard-{vendor or 'all'}-{now:%Y-%m-%d}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response("".join(lines), media_type="text/csv; charset=utf-8", headers=headers)


def read_vendors(user: BaseUser, only: str | None, now: datetime) -> tuple[list[str], list[Vendor], list[str]]:
    """Return the names of all vendors, the scorecards of the vendors, and what could not be read, one sentence each.

    Of sources that the user may not read, nothing is in it. Raises 404 for a vendor that is not among the names.

    :param only: the name of the only vendor to return. None: all of them.
    """
    sources, errors = declared_sources(readable_sources(user))
    names = sorted({source.namespace for source in sources})
    if only is not None and only not in names:
        raise HTTPException(404, "there is no vendor of this name")
    shown = [source for source in sources if only in (None, source.namespace)]
    with create_session() as session:
        runs = airflow_db.read_runs([source.name for source in shown], now - _READ, session=session)
    vendors = []
    for name in [only] if only else names:
        its = [source for source in shown if source.namespace == name]
        scores = [
            score for source in its for score in scorecard(source, runs[source.name], now=now, quarters=_QUARTERS)
        ]
        vendors.append(
            Vendor(
                name=name,
                sources=[source.name for source in its],
                contacts=sorted({source.contact for source in its if source.contact}),
                quarters=list(_by_quarter(scores)),
            )
        )
    return names, vendors, [str(error) for error in errors]


def _by_quarter(scores: Sequence[Score]) -> Iterator[tuple[str, list[Score]]]:
    for quarter in sorted({score.quarter for score in scores}, reverse=True):
        its = [score for score in scores if score.quarter == quarter]
        yield quarter, [_sum(quarter, its), *its] if len(its) > 1 else its


def _sum(quarter: str, scores: Sequence[Score]) -> Score:
    sums = {name: sum(getattr(score, name) for score in scores) for name in _SUMMED}
    return Score(source=_ALL, quarter=quarter, worst_late_days=max(each.worst_late_days for each in scores), **sums)
