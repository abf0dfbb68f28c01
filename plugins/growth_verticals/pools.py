"""Airflow pools: from which pool each task of a source takes its slot, and which task goes first.

`include/pools.json` declares the slots. A pool limits what one resource gets at the same time, on all workers together:
a vendor's server, the table bucket, or the workers themselves. Airflow never runs a task whose pool does not exist, so
whatever starts Airflow imports that file.

A quarterly delivery can keep workers busy for a day. Its tasks land and stage in the vendor's pool and `stage_bulk`,
which have fewer slots than the workers, and every other source goes first when a slot is free.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth_verticals.cadence import Monthly, Quarterly

if TYPE_CHECKING:
    from growth_verticals.source import Source

FILE = Path(__file__).resolve().parents[2] / "include" / "pools.json"
#: Of the landing zone's inbox.
INBOX = "inbox"
#: Of tasks that parse files: of all sources but the quarterly ones, and of these.
STAGE, STAGE_BULK = "stage", "stage_bulk"
#: Of tasks that commit to the table bucket.
TABLE_BUCKET = "table_bucket"


def declared_pools() -> dict[str, dict[str, Any]]:
    """Return the pools by name, each with `slots`, `description` and `include_deferred`, as Airflow imports them."""
    return dict(json.loads(FILE.read_text(encoding="utf-8")))


def landing_pool(source: Source) -> str:
    """Return the pool of tasks that read from the source's origin: its connection's name, or `inbox`."""
    return str(getattr(source.delivery, "conn_id", INBOX))


def staging_pool(source: Source) -> str:
    """Return the pool of tasks that parse the source's files."""
    return STAGE_BULK if isinstance(source.cadence, Quarterly) else STAGE


def priority(source: Source) -> int:
    """Return the weight of the source's tasks: of tasks that wait for a slot, those with the greatest go first."""
    return {Quarterly: 1, Monthly: 2}.get(type(source.cadence), 3)
