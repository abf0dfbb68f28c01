"""Read a table back with an engine that did not write it: DuckDB, from the table's metadata file."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from growth_verticals.account import Account, Credentials
from local import standin

if TYPE_CHECKING:
    import duckdb

    from local.settings import Settings

_EXTENSIONS = ("avro", "httpfs", "iceberg")


def read_table(target: Account | Settings, identifier: str, sql: str = "SELECT * FROM t") -> list[tuple[Any, ...]]:
    """Run `sql` in DuckDB and return its rows. In `sql`, `t` is the current snapshot of a table of the stand-in.

    The S3 Tables API returns the location of the current metadata file, and DuckDB reads the rest. pyiceberg is not
    involved.

    :param target: the stand-in.
    :param identifier: the table, as `namespace.name`.
    """
    account = target if isinstance(target, Account) else _account(target)
    namespace, name = identifier.split(".")
    response = account.client("s3tables").get_table_metadata_location(
        tableBucketARN=account.table_bucket_arn, namespace=namespace, name=name
    )
    connection = _connect(account.s3_endpoint, account.credentials)
    # A view takes no parameters. The interpolated text is a URI from our own catalog.
    view = f"CREATE OR REPLACE VIEW t AS SELECT * FROM iceberg_scan('{response['metadataLocation']}')"  # noqa: S608
    connection.execute(view)
    rows: list[tuple[Any, ...]] = connection.execute(sql).fetchall()
    return rows


def _account(settings: Settings) -> Account:
    """Return the stand-in's account, with the platform's key pair."""
    variables = standin.environment(settings)
    keys = Credentials(access_key=variables["AWS_ACCESS_KEY_ID"], secret_key=variables["AWS_SECRET_ACCESS_KEY"])
    return Account.from_environment(variables, keys)


@cache
def _connect(endpoint: str | None, keys: Credentials | None) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with the extensions that are installed as packages; nothing is downloaded. Takes a second, once."""
    import duckdb

    if endpoint is None or keys is None:
        raise ValueError("tables can only be read back from the stand-in, with its endpoint and key pair")
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for name in _EXTENSIONS:
        connection.execute(f"LOAD '{_extension_file(name)}'")
    parameters = {"key": keys.access_key, "secret": keys.secret_key, "endpoint": urlsplit(endpoint).netloc}
    connection.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $key, SECRET $secret, ENDPOINT $endpoint, URL_STYLE 'path', USE_SSL false)",
        parameters,
    )
    return connection


def _extension_file(name: str) -> Path:
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f"the package duckdb-extension-{name} is not installed. Next: make install")
    return next(Path(package.origin).parent.glob(f"extensions/*/{name}.duckdb_extension"))
