"""Which KMS key each table was created with. Nothing is encrypted: the store has no keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class TableKeys:
    """KMS keys by table ARN, kept in one file. A table without one has the bucket's default encryption."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}

    def put(self, arn: str, configuration: dict[str, Any]) -> None:
        """Keep the key of a new table, from CreateTable's `encryptionConfiguration`."""
        if "kmsKeyArn" in configuration:
            self._keys[arn] = configuration["kmsKeyArn"]
        else:
            self._keys.pop(arn, None)  # of a dropped table of the same name
        self._path.write_text(json.dumps(self._keys))

    def configuration(self, arn: str) -> dict[str, Any]:
        """Return GetTableEncryption's `encryptionConfiguration`."""
        key = self._keys.get(arn)
        return {"sseAlgorithm": "aws:kms", "kmsKeyArn": key} if key else {"sseAlgorithm": "AES256"}
