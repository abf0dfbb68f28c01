"""The tables of the sources: content, newest load, maintenance, and what a person should look at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from growth_verticals.errors import GrowthVerticalsError
from growth_verticals.web.declared import declared_sources
from growth_verticals.web.live_tables import live_tables
from growth_verticals.web.render import page
from growth_verticals.web.security import LoggedIn, ReadableSource, readable_sources

if TYPE_CHECKING:
    from datetime import datetime

    from growth_verticals.web.live_tables import LiveTable

router = APIRouter()


@router.get("/tables")
def tables_page(request: Request, user: LoggedIn) -> Response:
    """Return the page with the names of all tables. The rest of each source's tables comes apart."""
    sources, errors = declared_sources(readable_sources(user))
    return page(request, "tables.html", tab="Tables", sources=sources, notes=[str(error) for error in errors])


@router.get("/tables/{source}")
def tables_fragment(request: Request, source: ReadableSource) -> Response:
    """Return a source's table and rejects table as a `<tbody>`. Asks the catalog and S3 Tables."""
    tables: list[LiveTable] = []
    read_at: datetime | None = None
    error = None
    try:
        read_at, tables = live_tables(source)
    except GrowthVerticalsError as caught:
        error = caught
    return page(request, "tables_of_source.html", source=source, read_at=read_at, tables=tables, error=error)
