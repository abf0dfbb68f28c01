"""Read the source declarations in `dags/sources/` without importing airflow.

This module runs the DAG files themselves. Each file calls `delivery_dag`, which calls `collect_declaration` first.
While a file is read here, that call collects the `Source`, and no DAG is built. So `./gv` does not import airflow.
"""

from __future__ import annotations

import runpy
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.errors import DeclarationError, GrowthVerticalsError, UnknownSourceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.alerting import Alerts
    from growth_verticals.source import Source

SOURCES_FOLDER = Path(__file__).resolve().parents[2] / "dags" / "sources"
ALERTS_FILE = SOURCES_FOLDER.parent / "operations" / "alerts.py"

#: The sources declared so far by the file that is being read. None if Airflow runs the file.
_collected: ContextVar[list[Source] | None] = ContextVar("collected", default=None)


def collect_declaration(source: Source) -> bool:
    """Collect `source` if this module is reading a declaration file. Return whether it is; then build no DAG."""
    declared = _collected.get()
    if declared is None:
        return False
    declared.append(source)
    return True


def read_sources(folder: Path | None = None) -> dict[str, Source]:
    """Return all declared sources by name, sorted by name. Raises `DeclarationError` that names the file."""
    return {path.stem: read_source(path) for path in sorted((folder or SOURCES_FOLDER).glob("*.py"))}


def source_names(folder: Path | None = None) -> list[str]:
    """Return the names of all sources, sorted. No declaration is run."""
    return sorted(path.stem for path in (folder or SOURCES_FOLDER).glob("*.py"))


def find_source(name: str, folder: Path | None = None) -> Source:
    """Return one source. Other files are not run. Raises `UnknownSourceError` that lists similar names."""
    names = source_names(folder)
    if name not in names:
        similar = get_close_matches(name, names, n=3) or names
        raise UnknownSourceError(
            f"there is no source {name[:60]!r}",
            expected=" or ".join(similar) or "a file in dags/sources",
            next_step="list all sources with `./gv sources`",
        )
    return read_source((folder or SOURCES_FOLDER) / f"{name}.py")


def named_sources(names: Sequence[str]) -> list[Source]:
    """Return the sources of these names, in this order; without names, all. Raises as `find_source`."""
    return [find_source(name) for name in names] or list(read_sources().values())


def read_source(path: Path) -> Source:
    """Return the one source that a file declares. Raises `DeclarationError` if it does not do exactly that."""
    declared: list[Source] = []
    token = _collected.set(declared)
    try:
        runpy.run_path(str(path))
    except GrowthVerticalsError as error:
        raise DeclarationError(
            error.what, source=error.source, file=path.name, expected=error.expected, found=error.found
        ) from error
    except Exception as error:  # a file's code can raise anything
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise DeclarationError(
            f"the declaration does not run: {type(error).__name__}: {error}", file=path.name, line=line
        ) from error
    finally:
        _collected.reset(token)
    if [source.name for source in declared] != [path.stem]:
        raise DeclarationError(
            "a file must declare exactly one source, with the same name as the file",
            file=path.name,
            expected=path.stem,
            found=", ".join(source.name for source in declared) or "none",
            next_step="rename the file or the source, and put a second source in its own file",
        )
    return declared[0]


def read_alerts() -> Alerts:
    """Return what `dags/operations/alerts.py` declares for all sources. Unlike the sources, it imports airflow.

    Raises `DeclarationError` if the file does not run.
    """
    try:
        alerts: Alerts = runpy.run_path(str(ALERTS_FILE))["ALERTS"]
    except Exception as error:  # a file's code can raise anything
        raise DeclarationError(
            f"the declaration of the alerts does not run: {type(error).__name__}: {error}", file=ALERTS_FILE.name
        ) from error
    return alerts
