"""The declared sources, read without Airflow: the same files that Airflow parses, run for what they declare.

`delivery_dag`, which every file calls, asks `noted` first. While a file is being read here it hands its `Source` back
instead of building a DAG, so that the command line starts without importing airflow.
"""

from __future__ import annotations

import runpy
from contextvars import ContextVar
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.errors import DeclarationError, GrowthVerticalsError, UnknownSourceError

if TYPE_CHECKING:
    from growth_verticals.source import Source

SOURCES_FOLDER = Path(__file__).resolve().parents[2] / "dags" / "sources"

_being_read: ContextVar[list[Source] | None] = ContextVar("being_read", default=None)


def noted(source: Source) -> bool:
    """Return whether a declaration file is being read here; then `source` is kept, and there is no DAG to build."""
    declared = _being_read.get()
    if declared is None:
        return False
    declared.append(source)
    return True


def read_sources(folder: Path | None = None) -> dict[str, Source]:
    """Return every declared source by name, in the order of names. Raises `DeclarationError` that names the file."""
    return {path.stem: read_source(path) for path in sorted((folder or SOURCES_FOLDER).glob("*.py"))}


def find_source(name: str, folder: Path | None = None) -> Source:
    """Return one source; the other files are not run. Raises `UnknownSourceError` that offers names near `name`."""
    names = sorted(path.stem for path in (folder or SOURCES_FOLDER).glob("*.py"))
    if name not in names:
        near = get_close_matches(name, names, n=3) or names
        raise UnknownSourceError(
            f"no source is called {name[:60]!r}",
            expected=" or ".join(near) or "a file in dags/sources",
            next_step="`./gv sources` lists them all",
        )
    return read_source((folder or SOURCES_FOLDER) / f"{name}.py")


def read_source(path: Path) -> Source:
    """Return the one source that a file declares. Raises `DeclarationError` for anything else that happens."""
    declared: list[Source] = []
    token = _being_read.set(declared)
    try:
        runpy.run_path(str(path))
    except GrowthVerticalsError as error:
        raise DeclarationError(
            error.what, source=error.source, file=path.name, expected=error.expected, found=error.found
        ) from error
    except Exception as error:  # whatever a file's code may raise is that file's fault
        line = error.lineno if isinstance(error, SyntaxError) else None
        raise DeclarationError(
            f"the declaration does not run: {type(error).__name__}: {error}", file=path.name, line=line
        ) from error
    finally:
        _being_read.reset(token)
    if [source.name for source in declared] != [path.stem]:
        raise DeclarationError(
            "a file declares one source, of its own name",
            file=path.name,
            expected=path.stem,
            found=", ".join(source.name for source in declared) or "none",
            next_step="rename the file or the source; a second source needs a file of its own",
        )
    return declared[0]
