"""Checks of the configured account, for `./gv doctor`: does it allow what a delivery needs?"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.catalog.create import ensure_namespace
from growth_verticals.catalog.rest import find_credentials, open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import GrowthVerticalsError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from growth_verticals.account import Account

_NAMESPACE = "gv_doctor"


@dataclass(frozen=True)
class Check:
    """One line of `./gv doctor`. `detail` says what was found or, when not `ok`, what went wrong and what to do."""

    name: str
    ok: bool
    detail: str


def probe_account(account: Account) -> Iterator[Check]:
    """Run the checks in turn and yield each result: a failed check does not stop the others. Never raises.

    The namespace `gv_doctor` is left over. A check that is killed can also leave a table in it.
    """
    checks: list[tuple[str, Callable[[Account], str]]] = [
        ("credentials", find_credentials),
        ("landing bucket", _landing),
        ("table bucket", _table_bucket),
        ("catalog", _catalog),
        ("table", _table),
    ]
    for name, check in checks:
        try:
            detail = check(account)
        except GrowthVerticalsError as error:
            yield Check(name, False, str(error))
        except Exception as error:  # noqa: BLE001 - one broken check must not hide the others
            yield Check(name, False, f"{type(error).__name__}: {error}")
        else:
            yield Check(name, True, detail)


def _landing(account: Account) -> str:
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    key = f"{prefix}/" * bool(prefix) + f"{_NAMESPACE}/{uuid.uuid4()}"
    client, content = account.client("s3"), b"written by ./gv doctor"
    with service_errors(
        f"writing, reading and deleting a small object under {account.landing_uri}", account.endpoint_name("s3")
    ):
        client.put_object(Bucket=bucket, Key=key, Body=content)
        read = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        client.delete_object(Bucket=bucket, Key=key)
    if read != content:
        raise ServiceError(f"a small object under {account.landing_uri} was read back with other content")
    return f"{account.landing_uri}: an object was written, read and deleted"


def _table_bucket(account: Account) -> str:
    endpoint = account.endpoint_name("s3tables")
    with service_errors("looking up the table bucket", endpoint):
        bucket = account.client("s3tables").get_table_bucket(tableBucketARN=account.table_bucket_arn)
    return f"{bucket['name']}, reached through {endpoint}"


def _catalog(account: Account) -> str:
    catalog = open_catalog(account)
    with service_errors("listing the namespaces", account.catalog_uri):
        namespaces = catalog.list_namespaces()
    return f"{account.catalog_uri}: {len(namespaces)} namespace(s)"


def _table(account: Account) -> str:
    import pyarrow as pa

    catalog = open_catalog(account)
    name = f"{_NAMESPACE}.probe_{uuid.uuid4().hex}"
    rows = pa.table({"n": pa.array([1, 2, 3], pa.int64())})
    with service_errors(f"creating, writing, reading and dropping the table {name}", account.catalog_uri):
        ensure_namespace(catalog, _NAMESPACE)
        table = catalog.create_table(name, rows.schema)
        try:
            table.append(rows)
            read = catalog.load_table(name).scan().to_arrow()
        finally:
            catalog.purge_table(name)
    if read.column("n").to_pylist() != [1, 2, 3]:
        raise ServiceError(f"the table {name} was read back with other content")
    return "a table was created, written, read back and dropped"
