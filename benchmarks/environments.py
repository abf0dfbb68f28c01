"""Virtual environments for the peers, created by uv from the pinned requirements in `peers/`.

`uv pip compile --no-annotate --no-header` compiled the pins from the packages below. pyiceberg, pyarrow and boto3 have
this project's versions. Daft does not work with that pyiceberg and pyarrow, so its environment has older ones.

    polars       polars, pyiceberg[pyarrow], pyarrow, boto3
    pyiceberg    pyiceberg[pyarrow], pyarrow, boto3
    duckdb       duckdb, duckdb-extension-iceberg, -httpfs and -avro 1.5.5, boto3
    daft         daft[iceberg], boto3
    dlt          dlt[filesystem,s3], pyiceberg[pyarrow,sql-sqlite], pyarrow
    dlt-csv      the same, and pandas. Arrow is slower where pandas is installed, so dlt alone is without it
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_REQUIREMENTS = Path(__file__).parent / "peers"

#: Each environment, with the packages whose versions are in the results.
ENVIRONMENTS = {
    "polars": ("polars",),
    "pyiceberg": ("pyiceberg",),
    "duckdb": ("duckdb",),
    "daft": ("daft",),
    "dlt": ("dlt",),
    "dlt-csv": ("pandas",),
}


@dataclass(frozen=True)
class Peer:
    """Another tool that loads a file.

    :param script: name of its script in `peers/`, without `.py`.
    :param environment: name of the environment in which it runs.
    """

    script: str
    environment: str


PEERS = {
    "polars": Peer("polars_sink", "polars"),
    "pyiceberg append": Peer("pyiceberg_append", "pyiceberg"),
    "pyiceberg stream": Peer("pyiceberg_stream", "pyiceberg"),
    "duckdb": Peer("duckdb_insert", "duckdb"),
    "daft": Peer("daft_write", "daft"),
    "dlt": Peer("dlt_load", "dlt"),
}
#: dlt as in its documentation. It is so slow that it loads the many small files only, and only once.
DLT_CSV = Peer("dlt_csv", "dlt-csv")


def ensure_environment(folder: Path, environment: str) -> Path:
    """Return the Python of an environment under `folder`. Create it if it is missing or its pins have changed."""
    venv = folder / environment
    python, installed = venv / "bin" / "python", venv / "pins.txt"
    requirements = _requirements_file(environment)
    if installed.exists() and installed.read_text() == requirements.read_text():
        return python
    print(f"  creating the environment {environment}", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", requirements]
    subprocess.run(install, check=True)
    installed.write_text(requirements.read_text())
    return python


def pinned_versions(environment: str) -> dict[str, str]:
    """Return the pinned version of each package in an environment."""
    lines = _requirements_file(environment).read_text().split()
    return dict(line.split("==") for line in lines)


def _requirements_file(environment: str) -> Path:
    return _REQUIREMENTS / f"requirements-{environment}.txt"
