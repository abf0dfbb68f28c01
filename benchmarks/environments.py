"""The peers' virtual environments: one a peer, made with uv from the pins beside its script.

The pins are what `uv pip compile --no-annotate --no-header` makes of these. Daft does not take our pyarrow and
pyiceberg, and has its own.

    polars, pyiceberg    polars, or nothing more; pyiceberg[pyarrow], pyarrow and boto3 as we have them
    duckdb               duckdb, duckdb-extension-iceberg, -httpfs and -avro 1.5.5, boto3
    daft                 daft[iceberg], boto3
    dlt                  dlt[filesystem,s3], pyiceberg[pyarrow,sql-sqlite] and pyarrow as we have them
    dlt-csv              the same and pandas, which would slow the other down where Arrow finds it
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_PINS = Path(__file__).parent / "peers"

#: Each environment, with the packages whose versions the results name.
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
    """:param script: in `peers/`. :param environment: the one that it runs in."""

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
#: dlt as its documentation has it: so slow that only the many small files are given to it, once.
DLT_CSV = Peer("dlt_csv", "dlt-csv")


def python_of(folder: Path, environment: str) -> Path:
    """Return the Python of an environment under `folder`, made if it is missing or its pins have changed."""
    place = folder / environment
    python, kept, wanted = place / "bin" / "python", place / "pins.txt", _file(environment).read_text()
    if kept.exists() and kept.read_text() == wanted:
        return python
    print(f"  making the environment of {environment}", flush=True)
    shutil.rmtree(place, ignore_errors=True)
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, place], check=True)
    install = [*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python, "-r", _file(environment)]
    subprocess.run(install, check=True)
    kept.write_text(wanted)
    return python


def pins(environment: str) -> dict[str, str]:
    """Return the pinned version of each package of an environment."""
    lines = _file(environment).read_text().split()
    return dict(line.split("==") for line in lines)


def _file(environment: str) -> Path:
    return _PINS / f"requirements-{environment}.txt"
