"""Settings of the table bucket that the store does not have. They are kept in one file, and nothing acts on them.

Default storage class, request metrics and access log can be set. Encryption is always S3's own (AES256), and nothing is
replicated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local.gateway.errors import ApiError
from local.gateway.names import table_arn

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from local.gateway.model import Call
    from local.gateway.upstream import Upstream

_STANDARD = "STANDARD"
_NOT_CONFIGURED = {
    "GetTableBucketReplication": "The table bucket has no replication configuration",
    "GetTableReplication": "The table has no replication configuration",
    "GetTableReplicationStatus": "The table has no replication configuration",
}


class BucketSettings:
    """The operations of the S3 Tables API that read and change these settings."""

    def __init__(self, upstream: Upstream, path: Path) -> None:
        self._upstream = upstream
        self._path = path
        self._stored: dict[str, Any] = {"storage_class": _STANDARD, "metrics": False, "logging": {}, "tables": {}}
        if path.exists():
            self._stored |= json.loads(path.read_text())

    @property
    def operations(self) -> dict[str, Callable[[Call], Awaitable[dict[str, Any]]]]:
        """The operations by name."""
        return dict.fromkeys(_NOT_CONFIGURED, self._not_configured) | {
            "GetTableBucketStorageClass": self._get_storage_class,
            "PutTableBucketStorageClass": self._put_storage_class,
            "GetTableStorageClass": self._get_table_storage_class,
            "GetTableBucketEncryption": self._get_encryption,
            "GetTableBucketMetricsConfiguration": self._get_metrics,
            "PutTableBucketMetricsConfiguration": self._put_metrics,
            "DeleteTableBucketMetricsConfiguration": self._delete_metrics,
            "GetTableBucketLogging": self._get_logging,
            "PutTableBucketLogging": self._put_logging,
        }

    def put_table_class(self, arn: str, storage_class: str | None) -> None:
        """Keep the storage class of a new table: its own, or the bucket's default."""
        tables = self._stored["tables"] | {arn: storage_class or self._stored["storage_class"]}
        self._store(tables=tables)

    async def _get_storage_class(self, _: Call) -> dict[str, Any]:
        return {"storageClassConfiguration": {"storageClass": self._stored["storage_class"]}}

    async def _put_storage_class(self, call: Call) -> dict[str, Any]:
        self._store(storage_class=call["storageClassConfiguration"]["storageClass"])
        return {}

    async def _get_table_storage_class(self, call: Call) -> dict[str, Any]:
        await self._upstream.get_table(call["namespace"], call["name"])
        arn = table_arn(call["namespace"], call["name"])
        return {"storageClassConfiguration": {"storageClass": self._stored["tables"].get(arn, _STANDARD)}}

    async def _get_encryption(self, _: Call) -> dict[str, Any]:
        return {"encryptionConfiguration": {"sseAlgorithm": "AES256"}}

    async def _get_metrics(self, call: Call) -> dict[str, Any]:
        if not self._stored["metrics"]:
            raise ApiError(404, "The table bucket has no metrics configuration")
        return {"tableBucketARN": call["tableBucketARN"], "id": "EntireBucket"}

    async def _put_metrics(self, _: Call) -> dict[str, Any]:
        self._store(metrics=True)
        return {}

    async def _delete_metrics(self, _: Call) -> dict[str, Any]:
        self._store(metrics=False)
        return {}

    async def _get_logging(self, _: Call) -> dict[str, Any]:
        return {"tableBucketLoggingStatus": self._stored["logging"]}

    async def _put_logging(self, call: Call) -> dict[str, Any]:
        self._store(logging=call["tableBucketLoggingStatus"])
        return {}

    async def _not_configured(self, call: Call) -> dict[str, Any]:
        raise ApiError(404, _NOT_CONFIGURED[call.operation])

    def _store(self, **changed: Any) -> None:
        self._stored |= changed
        self._path.write_text(json.dumps(self._stored))
