"""What is declared for the table bucket as a whole: `include/bucket.json`, and two settings of the environment.

The DAG `table_maintenance` applies the days; `./gv tables plan` and `apply` cover all of it.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

from growth_verticals.bucket.maintenance import BucketMaintenance
from growth_verticals.contract.declared import SCHEMAS
from growth_verticals.errors import ConfigurationError, DeclarationError
from growth_verticals.source import StorageClass

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Encryption = Literal["AES256", "aws:kms"]
BUCKET_FILE = SCHEMAS.parent / "bucket.json"


@dataclass(frozen=True, kw_only=True)
class BucketDeclaration:
    """The table bucket's settings, with AWS's defaults.

    :param unreferenced_days: ≥ 1. A delivery must be committed within this time after its files are staged.
    :param noncurrent_days: ≥ 1, from the removal of a file to its permanent deletion.
    :param storage_class: of tables that are created without their own.
    :param request_metrics: whether CloudWatch gets metrics of requests, which cost as custom metrics do.
    :param encryption: of tables that are created without their own key. It is compared, and never changed.
    """

    unreferenced_days: int = 3
    noncurrent_days: int = 10
    storage_class: StorageClass = "STANDARD"
    request_metrics: bool = False
    encryption: Encryption = "AES256"

    def __post_init__(self) -> None:
        if type(self.unreferenced_days) is not int or type(self.noncurrent_days) is not int:
            raise DeclarationError("the days of bucket maintenance are not numbers", expected="1 or more")
        BucketMaintenance(unreferenced_days=self.unreferenced_days, non_current_days=self.noncurrent_days)
        for name, value, valid in (
            ("storage_class", self.storage_class, get_args(StorageClass)),
            ("encryption", self.encryption, get_args(Encryption)),
            ("request_metrics", self.request_metrics, (True, False)),
        ):
            if value not in valid:
                raise DeclarationError(f"{name} is not valid", expected=" or ".join(map(str, valid)))

    @property
    def maintenance(self) -> BucketMaintenance:
        return BucketMaintenance(unreferenced_days=self.unreferenced_days, non_current_days=self.noncurrent_days)


def read_declaration(path: Path = BUCKET_FILE) -> BucketDeclaration:
    """Return what the file declares. Raises `DeclarationError` that names the file."""
    try:
        return BucketDeclaration(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise DeclarationError(
            "the declaration of the table bucket cannot be read", file=path.name, found=type(error).__name__
        ) from error
    except DeclarationError as error:
        raise DeclarationError(error.what, file=path.name, expected=error.expected) from error


def environment_name(environment: Mapping[str, str] | None = None) -> str | None:
    """Return `GV_ENVIRONMENT`, such as `prod`: the value of the tag `environment`. None: the tag is not managed."""
    name = (os.environ if environment is None else environment).get("GV_ENVIRONMENT") or None
    if name is not None and not re.fullmatch(r"[a-z][a-z0-9-]{1,9}", name):
        raise ConfigurationError("GV_ENVIRONMENT is not valid", expected="2-10 of a-z, 0-9 and -, such as prod")
    return name


def access_log_bucket(environment: Mapping[str, str] | None = None) -> str | None:
    """Return `GV_ACCESS_LOG_BUCKET`: where S3 writes the table bucket's access log. None: logging is not managed."""
    return (os.environ if environment is None else environment).get("GV_ACCESS_LOG_BUCKET") or None
