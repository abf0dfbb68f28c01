"""The declarations of the sources and of their alerts, read again when a file changes, by one thread at a time."""

from __future__ import annotations

from functools import lru_cache
from http import HTTPStatus
from threading import Lock
from typing import TYPE_CHECKING

from fastapi import HTTPException

from growth_verticals.alerting import for_source
from growth_verticals.declarations import ALERTS_FILE, SOURCES_FOLDER, read_alerts, read_source
from growth_verticals.errors import DeclarationError, GrowthVerticalsError, PeriodError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from growth_verticals.alerting import AlertRules, Alerts
    from growth_verticals.cadence import Period
    from growth_verticals.source import Source

#: `runpy`, which runs the files, changes `sys.modules` and is not thread-safe.
_lock = Lock()


def declared_source(name: str) -> Source:
    """Return a source that there is. Raises `DeclarationError` if its file does not declare it."""
    with _lock:
        return _read(name, (SOURCES_FOLDER / f"{name}.py").stat().st_mtime_ns)


def declared_sources(names: Iterable[str]) -> tuple[list[Source], list[DeclarationError]]:
    """Return the sources, and the errors of those whose files do not declare them."""
    sources, errors = [], []
    for name in names:
        try:
            sources.append(declared_source(name))
        except DeclarationError as error:
            errors.append(error)
    return sources, errors


def alert_rules(sources: Iterable[Source]) -> dict[str, AlertRules]:
    """Return source → what it is alerted about. Raises `DeclarationError` if that declaration does not run."""
    with _lock:
        alerts = _read_alerts(ALERTS_FILE.stat().st_mtime_ns if ALERTS_FILE.exists() else 0)
    return {source.name: for_source(alerts, source.alerts) for source in sources}


def source_and_period(source: str, period: str) -> tuple[Source, Period]:
    """Return both. Raises 404 for a period that is not of the source's cadence, 503 for a broken declaration."""
    try:
        declared = declared_source(source)
        return declared, declared.cadence.parse(period)
    except PeriodError as error:
        raise HTTPException(HTTPStatus.NOT_FOUND, str(error)) from error
    except GrowthVerticalsError as error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, str(error)) from error


@lru_cache(maxsize=256)
def _read(name: str, _changed: int) -> Source:
    return read_source(SOURCES_FOLDER / f"{name}.py")


@lru_cache(maxsize=1)
def _read_alerts(_changed: int) -> Alerts:
    return read_alerts()
