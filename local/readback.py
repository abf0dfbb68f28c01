"""Reading a table back with an engine that did not write it: DuckDB, from the table's metadata file."""

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


def read_table(where: Account | Settings, identifier: str, sql: str = "SELECT * FROM t") -> list[tuple[Any, ...]]:
    """Return the rows of `sql`, in which `t` is the current snapshot of the stand-in's table `namespace.name`.

    The S3 Tables API says which metadata file is current, DuckDB reads from there on: pyiceberg has no part in it.
    """
    account = where if isinstance(where, Account) else account_of(where)
    namespace, name = identifier.split(".")
    found = account.client("s3tables").get_table_metadata_location(
        tableBucketARN=account.table_bucket_arn, namespace=namespace, name=name
    )
    engine = _engine(account.s3_endpoint, account.credentials)
    # A view takes no parameters; the text is an URI that our own catalog gave.
    engine.execute(f"CREATE OR REPLACE VIEW t AS SELECT * FROM iceberg_scan('{found['metadataLocation']}')")  # noqa: S608
    rows: list[tuple[Any, ...]] = engine.execute(sql).fetchall()
    return rows


def account_of(settings: Settings) -> Account:
    """Return the stand-in's account, with the platform's own key pair."""
    variables = standin.environment(settings)
    keys = Credentials(access_key=variables["AWS_ACCESS_KEY_ID"], secret_key=variables["AWS_SECRET_ACCESS_KEY"])
    return Account.from_environment(variables, keys)


@cache
def _engine(endpoint: str | None, keys: Credentials | None) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with the extensions that are installed as packages: nothing is fetched. It takes a second, once."""
    import duckdb

    if endpoint is None or keys is None:
        raise ValueError("only the stand-in is read back this way: its endpoint and key pair are known")
    engine = duckdb.connect(config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"})
    for name in _EXTENSIONS:
        engine.execute(f"LOAD '{_extension(name)}'")
    secret = {"key": keys.access_key, "secret": keys.secret_key, "endpoint": urlsplit(endpoint).netloc}
    engine.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $key, SECRET $secret, ENDPOINT $endpoint, URL_STYLE 'path', USE_SSL false)",
        secret,
    )
    return engine


def _extension(name: str) -> Path:
    package = find_spec(f"duckdb_extension_{name}")
    if package is None or package.origin is None:
        raise ModuleNotFoundError(f"the package duckdb-extension-{name} is not installed. Next: make install")
    return next(Path(package.origin).parent.glob(f"extensions/*/{name}.duckdb_extension"))
