"""`./gv tables` against the stand-in: run in this process, or by the scripts in include/scripts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.cli.__main__ import main

SCRIPTS = Path(__file__).resolve().parents[4] / "include/scripts"


@dataclass(frozen=True)
class Result:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def row(self, *words: str) -> str:
        """Return the one output line that contains all of these words, with runs of blanks collapsed."""
        [line] = [line for line in self.out.splitlines() if all(word in line for word in words)]
        return " ".join(line.split())


Gv = Callable[..., Result]


@pytest.fixture
def gv(stand_in_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gv:
    """`gv("list", "--json")` runs `./gv tables list --json`; `answers` is the input, one line per prompt."""
    for name, value in stand_in_environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)

    def run(*arguments: object, answers: str = "") -> Result:
        monkeypatch.setattr(sys, "stdin", StringIO(answers))
        capsys.readouterr()
        try:
            code = main(["tables", *map(str, arguments)])
        except SystemExit as error:
            code = int(error.code or 0)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture
def script(stand_in_environment: dict[str, str]) -> Gv:
    """`script("maintenance.sh", "-n", "aiq")` runs a script of include/scripts in its own process."""
    environment = os.environ | stand_in_environment | {"GV_PYTHON": sys.executable}

    def run(name: str, *arguments: object, answers: str = "") -> Result:
        command = [SCRIPTS / name, *map(str, arguments)]
        completed = subprocess.run(
            command, env=environment, input=answers, capture_output=True, text=True, check=False, cwd=SCRIPTS.parent
        )
        return Result(completed.returncode, completed.stdout, completed.stderr)

    return run


@pytest.fixture
def catalog(account: Account) -> Iterator[RestCatalog]:
    with closing(open_catalog(account)) as catalog:
        yield catalog


@pytest.fixture
def table_params(account: Account, namespace: str) -> dict[str, str]:
    """The parameters that identify the table `census` in a call of the S3 Tables API."""
    return {"tableBucketARN": account.table_bucket_arn, "namespace": namespace, "name": "census"}


@pytest.fixture
def census(catalog: RestCatalog, namespace: str) -> str:
    """The identifier of an empty table of two columns."""
    schema = pa.schema([pa.field("state", pa.string()), pa.field("people", pa.int64())])
    catalog.create_table(f"{namespace}.census", schema)
    return f"{namespace}.census"


@pytest.fixture
def append(catalog: RestCatalog) -> Callable[..., None]:
    """`append(table, times)` adds that many snapshots of one small file each."""

    def add(identifier: str, times: int = 1) -> None:
        table = catalog.load_table(identifier)
        for _ in range(times):
            table.append(pa.table({"state": ["Ohio", "Iowa"], "people": [1, 2]}))

    return add
