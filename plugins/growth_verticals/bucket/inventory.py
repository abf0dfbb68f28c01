"""Inventory: table buckets, their namespaces and tables, and each table's rows, files, size and last load."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from growth_verticals.bucket.history import last_load, totals
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.errors import ConfigurationError, GrowthVerticalsError

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.bucket.history import Load

#: Tables that are read in parallel; each takes one catalog call, and reads of its manifests.
_PARALLEL_TABLES = 8


@dataclass(frozen=True, kw_only=True)
class TableInfo:
    """What a table's current snapshot contains. If it cannot be read, the numbers are None and `problem` says why.

    :param bytes: size of the data files.
    :param last_load: None if it was never loaded.
    """

    name: str
    rows: int | None = None
    files: int | None = None
    bytes: int | None = None
    last_load: Load | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Bucket:
    """A table bucket: its tables by namespace, sorted by name. `problem` says why it could not be listed."""

    arn: str
    namespaces: dict[str, list[TableInfo]]
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


def bucket_arns(account: Account) -> list[str]:
    """Return the ARNs of the table buckets in the account's Region that this role is allowed to see.

    If the role is not allowed to list them: only the configured bucket.
    """
    arns: list[str] = []
    try:
        with service_errors("listing the table buckets", account.endpoint_name("s3tables")):
            for page in account.client("s3tables").get_paginator("list_table_buckets").paginate():
                arns += [str(bucket["arn"]) for bucket in page["tableBuckets"]]
    except ConfigurationError:
        return [account.table_bucket_arn]
    return sorted(arns)


def namespace_names(account: Account) -> list[str]:
    """Return the names of the bucket's namespaces, including empty ones."""
    pages = (
        account.client("s3tables").get_paginator("list_namespaces").paginate(tableBucketARN=account.table_bucket_arn)
    )
    with service_errors("listing the namespaces", account.endpoint_name("s3tables")):
        return sorted(each["namespace"][0] for page in pages for each in page["namespaces"])


def table_names(account: Account, namespace: str | None = None) -> list[str]:
    """Return `namespace.table` of every table of the bucket, or of one namespace.

    A role that is not allowed to list the whole bucket gets the tables of the namespaces that it is allowed to list.
    """
    try:
        return _list_tables(account, namespace)
    except ConfigurationError:
        if namespace is not None:
            raise
    names: list[str] = []
    for each in namespace_names(account):
        with suppress(ConfigurationError):
            names += _list_tables(account, each)
    return names


def _list_tables(account: Account, namespace: str | None) -> list[str]:
    scope = {"namespace": namespace} if namespace else {}
    paginator = account.client("s3tables").get_paginator("list_tables")
    with service_errors(f"listing the tables of {namespace or 'the table bucket'}", account.endpoint_name("s3tables")):
        pages = paginator.paginate(tableBucketARN=account.table_bucket_arn, **scope)
        return sorted(f"{table['namespace'][0]}.{table['name']}" for page in pages for table in page["tables"])


def resolve_table(account: Account, name: str, namespace: str | None = None) -> str:
    """Return `namespace.table` of the one table that `name` means; a bare name is searched for in all namespaces.

    Raises `ConfigurationError` with suggestions if no table, or more than one, has that name.
    """
    if "." in name:
        namespace, name = name.split(".", 1)
    existing = table_names(account)
    matches = [each for each in existing if each.split(".")[1] == name and namespace in (None, each.split(".")[0])]
    if len(matches) == 1:
        return matches[0]
    from difflib import get_close_matches

    suggestions = matches or get_close_matches(f"{namespace}.{name}", existing, n=3) or existing[:10]
    requested = f"{namespace}.{name}"[:80] if namespace else name[:80]
    raise ConfigurationError(
        f"{'more than one table is' if matches else 'no table is'} called {requested!r} in the table bucket",
        expected=" or ".join(suggestions) or "a table; the table bucket has none",
        next_step="write namespace.table; `./gv tables list` shows all tables",
    )


def take_inventory(account: Account, arn: str, namespace: str | None = None) -> Bucket:
    """Return a bucket's namespaces and tables; a table that cannot be read is listed with its `problem`."""
    account = replace(account, table_bucket_arn=arn)
    try:
        names = table_names(account, namespace)
        tables: dict[str, list[TableInfo]] = {
            each: [] for each in ([namespace] if namespace else namespace_names(account))
        }
        infos = _read_tables(account, names)
    except GrowthVerticalsError as error:
        return Bucket(arn=arn, namespaces={}, problem=str(error))
    for name, info in zip(names, infos, strict=True):
        tables.setdefault(name.split(".")[0], []).append(info)
    return Bucket(arn=arn, namespaces=tables)


def _read_tables(account: Account, names: list[str]) -> list[TableInfo]:
    if not names:
        return []
    try:
        catalog = open_catalog(account)
    except GrowthVerticalsError as error:
        return [TableInfo(name=name.split(".")[1], problem=str(error)) for name in names]
    with ThreadPoolExecutor(_PARALLEL_TABLES) as pool:
        return list(pool.map(lambda name: _table_info(catalog, name), names))


def _table_info(catalog: RestCatalog, identifier: str) -> TableInfo:
    name = identifier.split(".")[1]
    try:
        with service_errors(f"reading {identifier}", catalog.uri):
            table = catalog.load_table(identifier)
            rows, files, size = totals(table)
            return TableInfo(name=name, rows=rows, files=files, bytes=size, last_load=last_load(table))
    except GrowthVerticalsError as error:
        return TableInfo(name=name, problem=str(error))
