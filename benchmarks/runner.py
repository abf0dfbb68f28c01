"""Run the engine, its limit and the peers against a stand-in for the benchmark. Every run has a new namespace."""

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
from benchmarks.environments import Peer, ensure_environment
from benchmarks.measure import Run, run
from benchmarks.shapes import SHAPES, Shape
from local import standin
from local.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pyiceberg.catalog.rest import RestCatalog

REPOSITORY = Path(__file__).resolve().parent.parent
STATE = REPOSITORY / ".state" / "bench"


class Runner:
    """Runs contestants against one stand-in.

    :param environment: variables that make a process use the stand-in, and that turn off the peers' telemetry.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment
        self._numbers = itertools.count(1)

    def engine(self, shape: str, path: Path) -> Run:
        """Run the engine on landed bytes: everything that a load does except the raw copy."""
        return self._python("benchmarks.engine", shape, path, self._new_namespace())

    def limit(self, shape: str, path: Path) -> Run:
        folder = STATE / "limit"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return self._python("benchmarks.limit", shape, path, folder)

    def file(self, shape: str, size: int, *, bad: float = 0.0, suffix: str = ".csv") -> Path:
        """Return a generated file, which is kept from one benchmark to the next; see `generate.ensure_file`."""
        return _in_new_process(generate.ensure_file, STATE / "files", shape, size, bad=bad, suffix=suffix)

    def small_files(self, count: int, rows: int) -> Path:
        """Return the folder of `count` CSV files with `rows` events each."""
        return _in_new_process(generate.ensure_small_files, STATE / "files", count, rows)[0].parent

    def load(self, shape: str, *paths: Path) -> Run:
        """Run `./gv load`, which includes the raw copy, in a copy of the repository that has a source for the shape."""
        self._declare_source(shape)
        return self._gv({"GV_PYTHON": sys.executable}, shape, *paths)

    def start_up(self, shape: str, path: Path) -> Run:
        """Run `./gv load`; `inner` is the time until the first block is parsed."""
        self._declare_source(shape)
        stamp, python = STATE / "start-up.txt", STATE / "start-up-python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).parent / "start_up.py"}" "$@"\n')
        python.chmod(0o755)
        finished = self._gv({"BENCH_STAMP": str(stamp), "GV_PYTHON": str(python)}, shape, path)
        return replace(finished, inner=float(stamp.read_text()))

    def appends(self, folder: Path) -> Run:
        return self._python("benchmarks.appends", folder, self._new_namespace())

    def peer(self, peer: Peer, shape_name: str, path: Path) -> Run:
        """Run a peer's script on an existing table without provenance columns. Report the table's `rows`."""
        shape = SHAPES[shape_name]
        job = {
            "path": str(path),
            "table": self._create_table(shape),
            "columns": {column.name: column.sql for column in shape.columns},
            "delimiter": shape.delimiter,
        }
        python = ensure_environment(STATE / "venvs", peer.environment)
        script = Path(__file__).parent / "peers" / f"{peer.script}.py"
        finished = run([python, script, json.dumps(job)], self._environment, STATE)
        if (snapshot := self._catalog.load_table(job["table"]).current_snapshot()) is None:
            return finished
        return replace(finished, report=finished.report | {"rows": int(snapshot.summary["total-records"])})

    def _declare_source(self, shape_name: str) -> None:
        """Add a source for the shape to the copy of the repository. Its table does not exist yet."""
        shape, namespace = SHAPES[shape_name], self._new_namespace()
        (self._repository_copy / f"dags/sources/{shape_name}.py").write_text(shape.declaration(namespace))
        (self._repository_copy / f"include/schemas/{shape_name}.sql").write_text(shape.ddl(namespace))

    def _gv(self, settings: dict[str, str], shape: str, *paths: Path) -> Run:
        environment = self._environment | settings
        environment.pop("PYTHONPATH")
        return run([self._repository_copy / "gv", "load", shape, *paths, "--json"], environment, self._repository_copy)

    @cached_property
    def _catalog(self) -> RestCatalog:
        from growth_verticals.account import Account
        from growth_verticals.catalog.rest import open_catalog

        os.environ.update(self._environment)
        return open_catalog(Account.from_environment())

    @cached_property
    def _repository_copy(self) -> Path:
        """A copy of the repository, compiled like one that was used before."""
        copy = STATE / "repository"
        shutil.rmtree(copy, ignore_errors=True)
        ignored = shutil.ignore_patterns("__pycache__")
        for folder in ("plugins", "dags"):
            shutil.copytree(REPOSITORY / folder, copy / folder, ignore=ignored)
        (copy / "include" / "schemas").mkdir(parents=True)
        shutil.copy(REPOSITORY / "gv", copy / "gv")
        subprocess.run([sys.executable, "-m", "compileall", "-q", copy / "plugins"], check=True)
        return copy

    def _python(self, module: str, *arguments: str | Path) -> Run:
        return run([sys.executable, "-m", module, *arguments], self._environment, REPOSITORY)

    def _new_namespace(self) -> str:
        return f"bench_{next(self._numbers)}"

    def _create_table(self, shape: Shape) -> str:
        from growth_verticals.catalog.create import ensure_table
        from growth_verticals.contract.ddl import read_ddl

        contract = read_ddl(shape.ddl(self._new_namespace()))
        ensure_table(self._catalog, replace(contract, provenance=False, partition_by=()))
        return contract.identifier


def _in_new_process(function: Callable[..., Any], *arguments: object, **options: object) -> Any:
    """Call `function` in another process, because this one's peak memory counts for every process that it starts."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments, **options).result()


@contextmanager
def running_stand_in() -> Iterator[Runner]:
    """Run a stand-in and yield a runner for it. Stop the stand-in and remove its data afterward."""
    STATE.mkdir(parents=True, exist_ok=True)
    standin.down(Settings(state=STATE / "stand-in"))  # a killed benchmark leaves its stand-in running
    with standin.running(STATE / "stand-in") as settings:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "GV_", "PYTHON"))
        }
        fixed = {
            "PYTHONPATH": f"{REPOSITORY / 'plugins'}:{REPOSITORY}",
            "DAFT_ANALYTICS_ENABLED": "0",
            "DO_NOT_TRACK": "true",
            "RUNTIME__DLTHUB_TELEMETRY": "false",
            "DUCKDB_NO_TELEMETRY": "1",
        }
        yield Runner(inherited | standin.environment(settings) | fixed)
