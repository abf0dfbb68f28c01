"""Where the benchmark runs: a stand-in of its own, and a fresh namespace for every run."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import generate
from benchmarks.environments import Peer, python_of
from benchmarks.measure import Run, run
from benchmarks.shapes import SHAPES, Shape
from local import standin
from local.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.catalog.rest import RestCatalog

REPOSITORY = Path(__file__).resolve().parent.parent
STATE = REPOSITORY / ".state" / "bench"


class Place:
    """Runs contestants against one stand-in.

    :param environment: points a process at the stand-in, and keeps every peer from phoning home.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._numbers = itertools.count(1)

    def engine(self, shape: str, path: Path) -> Run:
        """The engine on landed bytes: everything but the raw copy."""
        return self._python("benchmarks.engine", shape, path, self._namespace())

    def limit(self, shape: str, path: Path) -> Run:
        folder = STATE / "limit"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return self._python("benchmarks.limit", shape, path, folder)

    def file(self, shape: str, size: int, *, bad: float = 0.0, suffix: str = ".csv") -> Path:
        """A made-up file, kept from one benchmark to the next; see `generate.file_of`."""
        return _apart(generate.file_of, STATE / "files", shape, size, bad=bad, suffix=suffix)

    def small_files(self, count: int, rows: int) -> Path:
        """The folder of `count` CSV files of `rows` events each."""
        return _apart(generate.small_files, STATE / "files", count, rows)[0].parent

    def load(self, shape: str, *paths: Path) -> Run:
        """`./gv load` as a person types it, the raw copy included, in a copy of the repository with a source more."""
        self._declare(shape)
        return self._gv({"GV_PYTHON": sys.executable}, shape, *paths)

    def start_up(self, shape: str, path: Path) -> Run:
        """`./gv load`; `inner` is the time to the first block parsed."""
        self._declare(shape)
        stamp, python = STATE / "start-up.txt", STATE / "start-up-python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "start_up.py"}" "$@"\n')
        python.chmod(0o755)
        done = self._gv({"BENCH_STAMP": str(stamp), "GV_PYTHON": str(python)}, shape, path)
        return replace(done, inner=float(stamp.read_text()))

    def appends(self, folder: Path) -> Run:
        return self._python("benchmarks.appends", folder, self._namespace())

    def peer(self, peer: Peer, shape: str, path: Path) -> Run:
        """A script of `peers/` into a table that exists, without the provenance columns. Says the table's `rows`."""
        made = SHAPES[shape]
        job = {
            "path": str(path),
            "table": self._table(made),
            "columns": {column.name: column.sql for column in made.columns},
            "delimiter": made.delimiter,
        }
        python = python_of(STATE / "venvs", peer.environment)
        script = Path(__file__).parent / "peers" / f"{peer.script}.py"
        done = run([python, script, json.dumps(job)], self._environment, STATE)
        if (snapshot := self._catalog.load_table(job["table"]).current_snapshot()) is None:
            return done
        return replace(done, said=done.said | {"rows": int(snapshot.summary["total-records"])})

    def _declare(self, shape: str) -> None:
        """Add the source to the copy, for a table that is not there yet."""
        made, namespace = SHAPES[shape], self._namespace()
        (self._copy / f"dags/sources/{shape}.py").write_text(made.declaration(namespace))
        (self._copy / f"include/schemas/{shape}.sql").write_text(made.ddl(namespace))

    def _gv(self, settings: dict[str, str], shape: str, *paths: Path) -> Run:
        environment = self._environment | settings
        environment.pop("PYTHONPATH")
        return run([self._copy / "gv", "load", shape, *paths, "--json"], environment, self._copy)

    @cached_property
    def _catalog(self) -> RestCatalog:
        from growth_verticals.account import Account
        from growth_verticals.catalog.rest import open_catalog

        os.environ.update(self._environment)
        return open_catalog(Account.from_environment())

    @cached_property
    def _copy(self) -> Path:
        """A copy of the repository, compiled as one that was used before."""
        copy = STATE / "repository"
        shutil.rmtree(copy, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        for folder in ("plugins", "dags"):
            shutil.copytree(REPOSITORY / folder, copy / folder, ignore=ignored)
        (copy / "include" / "schemas").mkdir(parents=True)
        shutil.copy(REPOSITORY / "gv", copy / "gv")
        subprocess.run([sys.executable, "-m", "compileall", "-q", copy / "plugins"], check=True)
        return copy

    def _python(self, module: str, *words: str | Path) -> Run:
        return run([sys.executable, "-m", module, *words], self._environment, REPOSITORY)

    def _namespace(self) -> str:
        return f"bench_{next(self._numbers)}"

    def _table(self, shape: Shape) -> str:
        from growth_verticals.catalog.create import ensure_table
        from growth_verticals.contract.ddl import read_ddl

        contract = read_ddl(shape.ddl(self._namespace()))
        ensure_table(self._catalog, replace(contract, provenance=False, partition_by=()))
        return contract.identifier


def _apart(make: Callable[..., Any], *words: object, **named: object) -> Any:
    """Call `make` in a process of its own: a child's peak memory counts that of the process that started it."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(make, *words, **named).result()


@contextmanager
def bench_place() -> Iterator[Place]:
    """Run a stand-in for the length of the benchmark; its data go with it."""
    STATE.mkdir(parents=True, exist_ok=True)
    standin.down(Settings(state=STATE / "stand-in"))  # what a killed benchmark left running
    with standin.running(STATE / "stand-in") as settings:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GV_", "PYTHON"))}
        quiet = {
            "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}",
            "DAFT_ANALYTICS_ENABLED": "0",
            "DO_NOT_TRACK": "true",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DUCKDB_NO_TELEMETRY": "1",
        }
        yield Place(kept | standin.environment(settings) | quiet)
