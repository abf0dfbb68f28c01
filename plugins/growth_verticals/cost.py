"""What a source costs a month, estimated from the sizes and files of its tables and landed copies.

Prices come from `include/prices.json`, which says when and where they were read, and what the estimate leaves out.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from growth_verticals.bucket.history import data_files
from growth_verticals.bucket.storage import read_table
from growth_verticals.catalog.create import find_table
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.declared import SCHEMAS
from growth_verticals.errors import ConfigurationError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from growth_verticals.account import Account
    from growth_verticals.bucket.history import FileInfo
    from growth_verticals.source import Source

PRICES_FILE = SCHEMAS.parent / "prices.json"
_GB = 2**30
#: Size of a part of an upload. Each is a request (landing/upload.py; PyArrow's is the same order of magnitude).
_PART_BYTES = 8 * 2**20
_MONTH = timedelta(days=365.25 / 12)


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written in a month, on average. `parts`: requests that uploaded it."""

    bytes: float = 0.0
    files: float = 0.0
    parts: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a source stores and writes.

    :param tables: storage class → bytes, of the data files that its table and its rejects table hold now.
    :param files: number of these data files.
    :param written: of the data files, by the time their newest rows were staged.
    :param landed: storage class → bytes, of the landed copies, receipts and profiles.
    :param landed_written: of these, by the time they were written.
    """

    source: str
    client: str
    tables: Mapping[str, int] = field(default_factory=dict)
    files: int = 0
    written: Written = Written()
    landed: Mapping[str, int] = field(default_factory=dict)
    landed_written: Written = Written()


@dataclass(frozen=True, kw_only=True)
class Cost:
    """US dollars a month."""

    source: str
    client: str
    gb: float
    files: int
    storage: float
    landing: float
    monitoring: float
    compaction: float
    requests: float

    @property
    def total(self) -> float:
        return self.storage + self.landing + self.monitoring + self.compaction + self.requests


def read_prices(path: Path = PRICES_FILE) -> dict[str, Any]:
    """Return the prices. Raises `ConfigurationError` that names the file."""
    try:
        prices: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError("the prices cannot be read", file=path.name, found=type(error).__name__) from error
    return prices


def cost_of(usage: Usage, prices: Mapping[str, Any]) -> Cost:
    """Return what this usage costs a month. A storage class without a price costs as STANDARD."""
    written, landed = usage.written, usage.landed_written
    compaction = (
        written.bytes / _GB * prices["table_compaction_per_gb"]
        + written.files / 1_000 * prices["table_compaction_per_1000_files"]
    )
    return Cost(
        source=usage.source,
        client=usage.client,
        gb=sum(usage.tables.values()) / _GB,
        files=usage.files,
        storage=_stored(usage.tables, prices["table_storage_gb"]),
        landing=_stored(usage.landed, prices["object_storage_gb"]),
        monitoring=usage.files / 1_000 * prices["table_monitoring_per_1000_files"],
        compaction=compaction,
        requests=(written.parts + landed.parts) / 1_000 * prices["put_per_1000"],
    )


def by_client(costs: Iterable[Cost]) -> dict[str, float]:
    """Return client → US dollars a month, the largest first."""
    totals: Counter[str] = Counter()
    for cost in costs:
        totals[cost.client] += cost.total  # type: ignore[assignment] # typeshed's Counter has int values only
    return dict(totals.most_common())


def usage_of(account: Account, source: Source, now: datetime | None = None) -> Usage:
    """Return what a source stores and writes. Reads the metadata of its tables, and lists its landed copies.

    Requests: four per table and its manifests, and one for 1,000 landed objects. Memory: one manifest.
    Raises `ConfigurationError` or `ServiceError`.
    """
    now = now or datetime.now(UTC)
    tables: Counter[str] = Counter()
    written = Writes(now)
    for name in (source.table, source.rejects_table):
        for storage_class, file in _files_of(account, name):
            tables[storage_class] += file.bytes
            written.add(file.bytes, file.load.at if file.load else now)
    landed: Counter[str] = Counter()
    landed_written = Writes(now)
    for entry in _landed_objects(account, source):
        landed[entry.get("StorageClass", "STANDARD")] += entry["Size"]
        landed_written.add(entry["Size"], entry["LastModified"])
    return Usage(
        source=source.name,
        client=source.client or source.namespace,
        tables=tables,
        files=written.files,
        written=written.monthly(),
        landed=landed,
        landed_written=landed_written.monthly(),
    )


class Writes:
    """Sums up what was written in the last twelve months."""

    def __init__(self, now: datetime) -> None:
        self._now = self._oldest = now
        self.files = 0
        self._recent: list[int] = [0, 0, 0]

    def add(self, size: int, at: datetime) -> None:
        self.files += 1
        if at >= self._now - 12 * _MONTH:
            self._oldest = min(self._oldest, at)
            parts = max(1, math.ceil(size / _PART_BYTES))
            self._recent = [total + each for total, each in zip(self._recent, (size, 1, parts), strict=True)]

    def monthly(self) -> Written:
        """Return the average of the months since the first write, at least one and at most twelve."""
        months = max((self._now - self._oldest) / _MONTH, 1.0)
        size, files, parts = (total / months for total in self._recent)
        return Written(bytes=size, files=files, parts=parts)


def _files_of(account: Account, name: str) -> Iterable[tuple[str, FileInfo]]:
    """Yield the data files of a table, with its storage class; nothing if there is no such table."""
    catalog = open_catalog(account)
    table = find_table(catalog, name)
    if table is None:
        return
    storage_class = read_table(account, name).storage_class
    with service_errors(f"reading {name}", catalog.uri):
        for file in data_files(table):
            yield storage_class, file


def _landed_objects(account: Account, source: Source) -> Iterable[Mapping[str, Any]]:
    bucket, prefix = split_s3_uri(f"{account.landing_uri}/{source.name}/")
    client = account.client("s3")
    with object_errors(client, bucket, s3_uri(bucket, prefix)):
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            yield from page.get("Contents", ())


def _stored(sizes: Mapping[str, int], prices: Mapping[str, float]) -> float:
    return sum(size / _GB * prices.get(storage_class, prices["STANDARD"]) for storage_class, size in sizes.items())
