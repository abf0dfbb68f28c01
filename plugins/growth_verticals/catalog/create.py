"""Creates a contract's table if it is missing, and compares an existing one with the contract."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError

from growth_verticals.catalog.differences import differences, table_properties
from growth_verticals.catalog.rest import AccountCatalog
from growth_verticals.catalog.service_errors import http_status, service_errors
from growth_verticals.contract.schema import iceberg_schema, partition_spec, sort_order
from growth_verticals.errors import TableMismatchError

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table

    from growth_verticals.account import Account
    from growth_verticals.contract.table import TableContract

logger = logging.getLogger(__name__)


def ensure_table(catalog: RestCatalog, contract: TableContract, storage_class: str | None = None) -> Table:
    """Return the contract's table; create it and its namespace from the contract if they are missing.

    :param storage_class: of a new table; None: the table bucket's default.

    A retry, or another run at the same time, finds the table and uses it. Raises `TableMismatchError` if the live
    table's columns or partitioning differ from the contract.
    """
    table = find_table(catalog, contract.identifier) or create_table(catalog, contract, storage_class)
    _check_matches(table, contract)
    return table


def find_table(catalog: RestCatalog, identifier: str) -> Table | None:
    """Return the live table `namespace.name`, or None if there is none."""
    with service_errors(f"opening the table {identifier}", catalog.uri):
        try:
            table: Table = catalog.load_table(identifier)
        except NoSuchTableError:
            return None
    return table


def ensure_namespace(catalog: RestCatalog, namespace: str) -> None:
    """Create the namespace if it is missing. Succeeds if another run creates it at the same time."""
    # Checked first because a role that can create tables cannot always create namespaces.
    if catalog.namespace_exists(namespace):
        return
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace(namespace)


def create_table(catalog: RestCatalog, contract: TableContract, storage_class: str | None = None) -> Table:
    """Create the contract's table, and its namespace if that is missing. Return the table if another run created it.

    A table whose namespace has a key (`Account.client_keys`), or that has its own storage class, is created by the S3
    Tables API, because a request to the REST catalog can name neither. They cannot be changed later.
    """
    schema = iceberg_schema(contract)
    account = catalog.account if isinstance(catalog, AccountCatalog) else None
    key = account.client_key(contract.namespace) if account else None
    with service_errors(f"creating the table {contract.identifier}", catalog.uri):
        ensure_namespace(catalog, contract.namespace)
        if account and (key or storage_class):
            _create_by_api(account, contract, key, storage_class)
            with_key: Table = catalog.load_table(contract.identifier)
            return with_key
        try:
            table: Table = catalog.create_table(
                contract.identifier,
                schema,
                partition_spec=partition_spec(contract, schema),
                sort_order=sort_order(contract, schema),
                properties=table_properties(contract),
            )
        except TableAlreadyExistsError:
            logger.info("the table %s was created by another run", contract.identifier)
            table = catalog.load_table(contract.identifier)
        else:
            logger.info("created the table %s with %d columns", contract.identifier, len(schema.fields))
    return table


def create_request(
    contract: TableContract, table_bucket_arn: str, kms_key: str | None = None, storage_class: str | None = None
) -> dict[str, Any]:
    """Return the parameters of S3 Tables' CreateTable for the same table, as boto3 and the AWS CLI spell them.

    Source: botocore's service model of `s3tables`.

    :param kms_key: ARN of the table's own key. Default: the table bucket's encryption.
    :param storage_class: default: the table bucket's.
    """
    stored: dict[str, Any] = {}
    if kms_key:
        stored["encryptionConfiguration"] = {"sseAlgorithm": "aws:kms", "kmsKeyArn": kms_key}
    if storage_class:
        stored["storageClassConfiguration"] = {"storageClass": storage_class}
    schema = iceberg_schema(contract)
    fields = [
        {key: field[key] for key in ("id", "name", "type", "required", "doc") if key in field}
        for field in json.loads(schema.model_dump_json())["fields"]
    ]
    iceberg: dict[str, Any] = {"schemaV2": {"type": "struct", "fields": fields}}
    spec, order = partition_spec(contract, schema), sort_order(contract, schema)
    if spec.fields:
        iceberg["partitionSpec"] = {
            "specId": 0,
            "fields": [
                {
                    "sourceId": part.source_id,
                    "fieldId": part.field_id,
                    "transform": str(part.transform),
                    "name": part.name,
                }
                for part in spec.fields
            ],
        }
    if order.fields:
        iceberg["writeOrder"] = {
            "orderId": order.order_id,
            "fields": [
                {
                    "sourceId": part.source_id,
                    "transform": str(part.transform),
                    "direction": part.direction.value,
                    "nullOrder": part.null_order.value,
                }
                for part in order.fields
            ],
        }
    return {
        "tableBucketARN": table_bucket_arn,
        "namespace": contract.namespace,
        "name": contract.name,
        "format": "ICEBERG",
        "metadata": {"iceberg": iceberg | {"properties": table_properties(contract)}},
        **stored,
    }


def _create_by_api(account: Account, contract: TableContract, key: str | None, storage_class: str | None) -> None:
    """Create the contract's table with its own KMS key or storage class. Do nothing if it exists."""
    request = create_request(contract, account.table_bucket_arn, key, storage_class)
    try:
        account.client("s3tables").create_table(**request)
    except ClientError as error:
        if http_status(error) != 409:
            raise
        logger.info("the table %s was created by another run", contract.identifier)
    else:
        own = " and ".join(filter(None, (key, storage_class)))
        logger.info("created the table %s with %s", contract.identifier, own)


def _check_matches(table: Table, contract: TableContract) -> None:
    mismatches = [each.mismatch for each in differences(table, contract) if each.blocks_loading]
    if mismatches:
        raise TableMismatchError(
            f"the table {contract.identifier} does not match its SQL file: {'; '.join(mismatches)}",
            next_step="run `./gv tables plan` to see all differences, then `./gv tables apply` to change the table, "
            "or edit the SQL file to match the table; then try again",
        )
