"""What another engine does to a table while it is loaded: rewrites it, or expires its snapshots."""

from __future__ import annotations

import time
from contextlib import closing
from datetime import UTC, datetime

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from tests.faults.campaign.plan import Meddling

#: How long it waits for a table that the first load creates.
_TABLE_WITHIN_S = 20.0


def meddle(account: Account, namespace: str, meddling: Meddling) -> None:
    """Do it once, without retries. Raises pyiceberg's exception for a conflict with a load."""
    with closing(open_catalog(account)) as catalog:
        identifier = f"{namespace}.{meddling.table}"
        deadline = time.monotonic() + _TABLE_WITHIN_S
        while not catalog.table_exists(identifier) and time.monotonic() < deadline:
            time.sleep(0.1)
        table = catalog.load_table(identifier)
        if meddling.action == "expire":
            table.maintenance.expire_snapshots().older_than(datetime.now(UTC)).commit()
            return
        table.metadata.properties["commit.retry.num-retries"] = "0"  # of this copy: a retry would be a rebase
        if (rows := table.scan().to_arrow()).num_rows:
            table.overwrite(rows)
