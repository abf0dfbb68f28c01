"""The statement or snippet with which each engine reads a table of the table bucket, with the account's values.

A text counts the rows of each delivery. docs/query.md says what each engine needs, with the source of each fact.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from growth_verticals.account import Account

_ARN = re.compile(r"arn:(aws[a-z-]*):s3tables:([a-z0-9-]+):(\d{12}):bucket/([a-z0-9-]+)")
#: The Iceberg version of the Spark packages: from 1.7 on, a catalog of type `rest` signs with `rest.sigv4-enabled`.
_ICEBERG = "1.9.2"
_PERIOD = "delivery_period"
#: What the engines call the table bucket.
_CATALOG = "s3tables"


@dataclass(frozen=True, kw_only=True)
class QueriedTable:
    """A table and how to reach it.

    :param columns: names of all columns.
    :param s3_endpoint: URL of the object store if it is not AWS's: the stand-in.
    """

    arn: str
    region: str
    catalog_uri: str
    s3_endpoint: str | None
    namespace: str
    name: str
    columns: tuple[str, ...]

    @property
    def partition(self) -> str:
        return self._part(1)

    @property
    def account_id(self) -> str:
        return self._part(3)

    @property
    def bucket(self) -> str:
        return self._part(4)

    def _part(self, number: int) -> str:
        match = _ARN.fullmatch(self.arn)
        if match is None:
            raise ConfigurationError("not a table bucket's ARN", found=self.arn)
        return match[number]


def queried_table(account: Account, identifier: str, columns: Sequence[str]) -> QueriedTable:
    """Return the table `namespace.table` of the account's table bucket."""
    namespace, name = identifier.split(".")
    return QueriedTable(
        arn=account.table_bucket_arn,
        region=account.region,
        catalog_uri=account.catalog_uri,
        s3_endpoint=account.s3_endpoint,
        namespace=namespace,
        name=name,
        columns=tuple(columns),
    )


def query_text(engine: str, table: QueriedTable) -> str:
    """Return the text to copy for one of `ENGINES`. It contains no secret: each engine uses its own credentials."""
    return ENGINES[engine](table)


def _select(table: QueriedTable, reference: str) -> str:
    """Return the query: the rows of each delivery, or of a table without provenance columns, all rows."""
    if _PERIOD not in table.columns:
        return f"SELECT count(*) AS row_count\nFROM {reference}"
    return f"SELECT {_PERIOD}, count(*) AS row_count\nFROM {reference}\nGROUP BY {_PERIOD}\nORDER BY {_PERIOD}"


def _settings(settings: Mapping[str, str], line: str) -> str:
    """Return each setting as a line, in which `{name}` and `{value}` stand for it."""
    return "\n".join(line.format(name=name, value=value) for name, value in settings.items())


def _only_on_aws(table: QueriedTable) -> str:
    if table.s3_endpoint is None:
        return ""
    return "-- For the table bucket on AWS: this engine cannot read the stand-in. ./gv sql can.\n"


def _athena(table: QueriedTable) -> str:
    reference = f'"s3tablescatalog/{table.bucket}"."{table.namespace}"."{table.name}"'
    return f"""\
{_only_on_aws(table)}-- In the workgroup of the stack of include/cfn/analytics.yaml
{_select(table, reference)};
"""


def _spark(table: QueriedTable) -> str:
    catalog = f"spark.sql.catalog.{_CATALOG}"
    settings = {
        "spark.sql.extensions": "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "rest",
        f"{catalog}.uri": table.catalog_uri,
        f"{catalog}.warehouse": table.arn,
        f"{catalog}.rest.sigv4-enabled": "true",
        f"{catalog}.rest.signing-name": "s3tables",
        f"{catalog}.rest.signing-region": table.region,
        f"{catalog}.rest-metrics-reporting-enabled": "false",
        f"{catalog}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{catalog}.client.region": table.region,
    }
    if table.s3_endpoint:
        settings |= {f"{catalog}.s3.endpoint": table.s3_endpoint, f"{catalog}.s3.path-style-access": "true"}
    packages = (
        f"org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:{_ICEBERG},org.apache.iceberg:iceberg-aws-bundle:{_ICEBERG}"
    )
    options = _settings(settings, "  --conf {name}={value} \\")
    return f"""\
spark-sql --packages {packages} \\
{options}
  -e "{_select(table, f"{_CATALOG}.{table.namespace}.{table.name}")}"
"""


def _duckdb(table: QueriedTable) -> str:
    return f"""\
{_only_on_aws(table)}INSTALL aws; INSTALL httpfs; INSTALL iceberg;
LOAD aws; LOAD httpfs; LOAD iceberg;
CREATE SECRET (TYPE s3, PROVIDER credential_chain, REGION '{table.region}');
ATTACH '{table.arn}' AS {_CATALOG} (TYPE iceberg, ENDPOINT_TYPE s3_tables, READ_ONLY);
{_select(table, f"{_CATALOG}.{table.namespace}.{table.name}")};
"""


def _pyiceberg(table: QueriedTable) -> str:
    properties = {
        "type": "rest",
        "uri": table.catalog_uri,
        "warehouse": table.arn,
        "rest.sigv4-enabled": "true",
        "rest.signing-name": "s3tables",
        "rest.signing-region": table.region,
        "s3.region": table.region,
    }
    if table.s3_endpoint:
        properties["s3.endpoint"] = table.s3_endpoint
    head = f"""\
# pip install "pyiceberg[pyarrow]" boto3
from collections import Counter

from pyiceberg.catalog import load_catalog

properties = {{
{_settings(properties, '    "{name}": "{value}",')}
}}
table = load_catalog("{_CATALOG}", **properties).load_table("{table.namespace}.{table.name}")
"""
    if _PERIOD not in table.columns:
        return f"{head}print(table.scan().count())\n"
    return f"""\
{head}rows = Counter()
for batch in table.scan(selected_fields=("{_PERIOD}",)).to_arrow_batch_reader():
    for group in batch["{_PERIOD}"].value_counts().to_pylist():
        rows[group["values"]] += group["counts"]
for period, count in sorted(rows.items()):
    print(period, count)
"""


def _snowflake(table: QueriedTable) -> str:
    integration = f"{_CATALOG}_{table.namespace}"
    return f"""\
{_only_on_aws(table)}-- Once, by an administrator. Snowflake assumes the role; Lake Formation grants it the table.
CREATE CATALOG INTEGRATION {integration}
  CATALOG_SOURCE = ICEBERG_REST
  TABLE_FORMAT = ICEBERG
  CATALOG_NAMESPACE = '{table.namespace}'
  REST_CONFIG = (
    CATALOG_URI = 'https://glue.{table.region}.amazonaws.com/iceberg'
    CATALOG_API_TYPE = AWS_GLUE
    CATALOG_NAME = '{table.account_id}:s3tablescatalog/{table.bucket}'
    ACCESS_DELEGATION_MODE = VENDED_CREDENTIALS
  )
  REST_AUTHENTICATION = (
    TYPE = SIGV4
    SIGV4_IAM_ROLE = 'arn:{table.partition}:iam::{table.account_id}:role/NAME-OF-THE-ROLE'
    SIGV4_SIGNING_REGION = '{table.region}'
  )
  ENABLED = TRUE;
CREATE ICEBERG TABLE {table.name}
  CATALOG = '{integration}'
  CATALOG_TABLE_NAME = '{table.name}'
  AUTO_REFRESH = TRUE;
-- For each query:
{_select(table, table.name)};
"""


def _trino(table: QueriedTable) -> str:
    properties = {
        "connector.name": "iceberg",
        "iceberg.security": "read_only",
        "iceberg.catalog.type": "rest",
        "iceberg.rest-catalog.uri": table.catalog_uri,
        "iceberg.rest-catalog.warehouse": table.arn,
        "iceberg.rest-catalog.security": "SIGV4",
        "iceberg.rest-catalog.signing-name": "s3tables",
        "iceberg.rest-catalog.view-endpoints-enabled": "false",
        "fs.native-s3.enabled": "true",
        "s3.region": table.region,
    }
    if table.s3_endpoint:
        properties |= {"s3.endpoint": table.s3_endpoint, "s3.path-style-access": "true"}
    return f"""\
-- etc/catalog/{_CATALOG}.properties, for Trino 477 to 480. From 481 on, fs.native-s3.enabled is called fs.s3.enabled.
{_settings(properties, "-- {name}={value}")}
{_select(table, f"{_CATALOG}.{table.namespace}.{table.name}")};
"""


#: Engine → the function that returns its text.
ENGINES: Mapping[str, Callable[[QueriedTable], str]] = {
    "athena": _athena,
    "spark": _spark,
    "duckdb": _duckdb,
    "pyiceberg": _pyiceberg,
    "snowflake": _snowflake,
    "trino": _trino,
}
