"""What there is: table buckets, their namespaces and tables, and what each table holds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
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

#: Tables that are looked into at the same time; each is one call of the catalog and reads of its manifests.
_AT_ONCE = 8


@dataclass(frozen=True, kw_only=True)
class TableFacts:
    """What a table's current snapshot holds. `problem` says why the numbers are not known, and they are None then.

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
    """A table bucket: its tables by namespace, in the order of names. `problem` says why it could not be listed."""

    arn: str
    namespaces: dict[str, list[TableFacts]]
    problem: str | None = None

    @property
    def name(self) -> str:
        return self.arn.rpartition("/")[2]


def bucket_arns(account: Account) -> list[str]:
    """Return the ARNs of the table buckets in the account's Region that this role may see.

    The configured bucket alone, if the role may not list them.
    """
    found = []
    try:
        with service_errors("listing the table buckets", account.endpoint_name("s3tables")):
            for page in account.client("s3tables").get_paginator("list_table_buckets").paginate():
                found += [str(bucket["arn"]) for bucket in page["tableBuckets"]]
    except ConfigurationError:
        return [account.table_bucket_arn]
    return sorted(found)


def namespace_names(account: Account) -> list[str]:
    """Return the names of the bucket's namespaces, empty ones among them."""
    pages = (
        account.client("s3tables").get_paginator("list_namespaces").paginate(tableBucketARN=account.table_bucket_arn)
    )
    with service_errors("listing the namespaces", account.endpoint_name("s3tables")):
        return sorted(each["namespace"][0] for page in pages for each in page["namespaces"])


def table_names(account: Account, namespace: str | None = None) -> list[str]:
    """Return `namespace.table` of every table of the bucket, or of one namespace."""
    within = {"namespace": namespace} if namespace else {}
    paginator = account.client("s3tables").get_paginator("list_tables")
    with service_errors(f"listing the tables of {namespace or 'the table bucket'}", account.endpoint_name("s3tables")):
        pages = paginator.paginate(tableBucketARN=account.table_bucket_arn, **within)
        return sorted(f"{table['namespace'][0]}.{table['name']}" for page in pages for table in page["tables"])


def resolve_table(account: Account, name: str, namespace: str | None = None) -> str:
    """Return `namespace.table` of the one table that `name` means; a bare name is looked for in all namespaces.

    Raises `ConfigurationError` that offers what is there, if there is none or more than one.
    """
    if "." in name:
        namespace, name = name.split(".", 1)
    there = table_names(account)
    found = [each for each in there if each.split(".")[1] == name and namespace in (None, each.split(".")[0])]
    if len(found) == 1:
        return found[0]
    from difflib import get_close_matches

    offered = found or get_close_matches(f"{namespace}.{name}", there, n=3) or there[:10]
    called = f"{namespace}.{name}"[:80] if namespace else name[:80]
    raise ConfigurationError(
        f"{'more than one table is' if found else 'no table is'} called {called!r} in the table bucket",
        expected=" or ".join(offered) or "a table; there is none",
        next_step="name it as namespace.table; `./gv tables list` shows them all",
    )


def take_inventory(account: Account, arn: str, namespace: str | None = None) -> Bucket:
    """Return a bucket's namespaces and tables with what they hold; a table that cannot be read says so by itself."""
    there = replace(account, table_bucket_arn=arn)
    try:
        names = table_names(there, namespace)
        tables: dict[str, list[TableFacts]] = {
            each: [] for each in ([namespace] if namespace else namespace_names(there))
        }
        facts = _look_into(there, names)
    except GrowthVerticalsError as error:
        return Bucket(arn=arn, namespaces={}, problem=str(error))
    for name, found in zip(names, facts, strict=True):
        tables.setdefault(name.split(".")[0], []).append(found)
    return Bucket(arn=arn, namespaces=tables)


def _look_into(account: Account, names: list[str]) -> list[TableFacts]:
    if not names:
        return []
    try:
        catalog = open_catalog(account)
    except GrowthVerticalsError as error:
        return [TableFacts(name=name.split(".")[1], problem=str(error)) for name in names]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda name: _facts_of(catalog, name), names))


def _facts_of(catalog: RestCatalog, identifier: str) -> TableFacts:
    name = identifier.split(".")[1]
    try:
        with service_errors(f"reading {identifier}", catalog.uri):
            table = catalog.load_table(identifier)
            rows, files, size = totals(table)
            return TableFacts(name=name, rows=rows, files=files, bytes=size, last_load=last_load(table))
    except GrowthVerticalsError as error:
        return TableFacts(name=name, problem=str(error))
