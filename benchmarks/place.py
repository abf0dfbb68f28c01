"""Where the benchmark runs: a stand-in of its own, and a fresh namespace for every run."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import Run, run
from benchmarks.shapes import SHAPES, Shape
from local import standin

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def load(self, shape: str, *paths: Path) -> Run:
        """`./gv load` as a person types it, the raw copy included, in a copy of the repository with a source more."""
        made, namespace, copy = SHAPES[shape], self._namespace(), self._copy
        (copy / f"dags/sources/{shape}.py").write_text(made.declaration(namespace, json=paths[0].suffix == ".jsonl"))
        (copy / f"include/schemas/{shape}.sql").write_text(made.ddl(namespace))
        environment = self._environment | {"GV_PYTHON": sys.executable, "PYTHONPATH": ""}
        return run([copy / "gv", "load", shape, *paths, "--json"], environment, copy)

    def peer(self, python: Path, script: str, shape: str, path: Path) -> Run:
        """A script of `peers/` into a table that exists, without the provenance columns."""
        made = SHAPES[shape]
        table = self._table(made)
        job = {
            "path": str(path),
            "table": table,
            "columns": {column.name: column.sql for column in made.columns},
            "delimiter": made.delimiter,
        }
        return run(
            [python, Path(__file__).parent / "peers" / f"{script}.py", json.dumps(job)], self._environment, STATE
        )

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
        from dataclasses import replace

        from growth_verticals.account import Account
        from growth_verticals.contract.ddl import read_ddl
        from growth_verticals.tables.catalog import open_catalog
        from growth_verticals.tables.create import ensure_table

        contract = read_ddl(shape.ddl(self._namespace()))
        bare = replace(contract, provenance=False, partition_by=())
        os.environ.update(self._environment)
        ensure_table(open_catalog(Account.from_environment()), bare)
        return contract.identifier


@contextmanager
def bench_place() -> Iterator[Place]:
    """Run a stand-in for the length of the benchmark; its data go with it."""
    STATE.mkdir(parents=True, exist_ok=True)
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
