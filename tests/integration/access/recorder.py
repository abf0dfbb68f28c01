"""Records which actions of S3 and KMS the requests of a role need on AWS, by botocore's events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import botocore

from local.settings import LANDING_BUCKET

#: Operation of botocore → IAM action (service authorization reference of Amazon S3), for the operations in use.
#: DeleteObjects always names versions here.
_S3_ACTIONS = {
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "HeadBucket": "s3:ListBucket",
    "GetBucketLocation": "s3:GetBucketLocation",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObjectVersion",
}
#: What a request for an object encrypted with a KMS key also needs (S3 user guide, "Using server-side encryption with
#: AWS KMS keys"): a multipart upload decrypts the parts' data keys.
_KMS_ACTIONS = {
    "GetObject": {"kms:Decrypt"},
    "PutObject": {"kms:GenerateDataKey"},
    "CreateMultipartUpload": {"kms:GenerateDataKey", "kms:Decrypt"},
}


@dataclass
class Recorder:
    """Actions on the landing bucket that each role's requests needed. Requests to tables are in the gateway's trail.

    :param role: whose requests are recorded now; None: nobody's.
    """

    role: str | None = None
    actions: dict[str, set[str]] = field(default_factory=dict)

    @classmethod
    @contextmanager
    def recording(cls) -> Iterator[Recorder]:
        """Record the requests of all sessions that are created in the block."""
        recorder = cls()
        initializer = recorder._listen
        botocore.register_initializer(initializer)
        try:
            yield recorder
        finally:
            botocore.unregister_initializer(initializer)

    def _listen(self, session: Any) -> None:
        session.register("before-sign.s3", self._record)

    def _record(self, request: Any, operation_name: str, **_: Any) -> None:
        if self.role and urlsplit(request.url).path.split("/")[1] == LANDING_BUCKET:
            actions = self.actions.setdefault(self.role, set())
            actions |= {_S3_ACTIONS[operation_name], *_KMS_ACTIONS.get(operation_name, ())}
