"""The options that all `gv tables` commands share, and the account that they select."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from growth_verticals.account import Account
from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    import argparse


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `-b`, `-n`, `--region`, `--endpoint-url`, `--profile` and `--json`."""
    group = parser.add_argument_group("common options")
    group.add_argument(
        "-b", "--bucket", metavar="BUCKET", help="table bucket: name or ARN (default GV_TABLE_BUCKET_ARN)"
    )
    group.add_argument("-n", "--namespace", metavar="NAMESPACE", help="namespace (the default depends on the command)")
    group.add_argument("--region", help="AWS Region (default AWS_REGION)")
    group.add_argument("--endpoint-url", metavar="URL", help="S3 Tables endpoint (default AWS_ENDPOINT_URL_S3TABLES)")
    group.add_argument("--profile", help="AWS profile (default AWS_PROFILE)")
    group.add_argument("--json", action="store_true", help="print one JSON document")


def account_of(arguments: argparse.Namespace) -> Account:
    """Return the account that the options select; the environment gives what they do not.

    Raises `ConfigurationError` if no table bucket is given, or if none has the given name.
    """
    if arguments.profile:
        os.environ["AWS_PROFILE"] = arguments.profile
    environment = dict(os.environ)
    if arguments.region:
        environment["AWS_REGION"] = arguments.region
    if arguments.endpoint_url:
        url = arguments.endpoint_url.rstrip("/")
        environment |= {"AWS_ENDPOINT_URL_S3TABLES": url, "GV_CATALOG_URI": f"{url}/iceberg"}
    if arguments.bucket:
        environment["GV_TABLE_BUCKET_ARN"] = _arn_of(arguments.bucket, environment)
    return Account.from_environment(environment, needs_landing=False)


def _arn_of(bucket: str, environment: dict[str, str]) -> str:
    """Return a bucket's ARN; a name is looked up, because the ARN contains the account number, which nobody types."""
    configured = environment.get("GV_TABLE_BUCKET_ARN", "")
    if bucket.startswith("arn:"):
        return bucket
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", bucket):
        raise ConfigurationError("invalid table bucket name", expected="3-63 of a-z, 0-9 and -", found=bucket[:80])
    if configured.endswith(f":bucket/{bucket}"):
        return configured
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    any_bucket = {"GV_TABLE_BUCKET_ARN": f"arn:aws:s3tables:{region}:000000000000:bucket/{bucket}"}
    client = Account.from_environment(environment | any_bucket, needs_landing=False).client("s3tables")
    for page in client.get_paginator("list_table_buckets").paginate(prefix=bucket):
        for table_bucket in page["tableBuckets"]:
            if table_bucket["name"] == bucket:
                return str(table_bucket["arn"])
    raise ConfigurationError(
        f"there is no table bucket {bucket!r} in {region}",
        next_step="check the name and --region; `./gv tables list` shows the buckets that this role is allowed to see",
    )
