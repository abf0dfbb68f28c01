"""A live table for a contract: made if missing, compared if there."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from pyiceberg.exceptions import NamespaceAlreadyExistsError, NoSuchTableError, TableAlreadyExistsError

from growth_verticals.contract.schema import iceberg_schema, partition_spec, sort_order
from growth_verticals.errors import TableMismatchError
from growth_verticals.tables.failures import service_errors

if TYPE_CHECKING:
    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table

    from growth_verticals.contract.table import TableContract

logger = logging.getLogger(__name__)

_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    # Whole digests in the manifests, so that a file's rows can be told from another's without opening it.
    "write.metadata.metrics.column.source_file_sha256": "full",
}


def ensure_table(catalog: RestCatalog, contract: TableContract) -> Table:
    """Return the contract's table; create it and its namespace from the contract if they are missing.

    A retry, or another creator at the same time, finds the table and uses that. Raises `TableMismatchError` if the
    live columns or partitioning are not the contract's.
    """
    with service_errors(f"opening the table {contract.identifier}", catalog.uri):
        try:
            table: Table = catalog.load_table(contract.identifier)
        except NoSuchTableError:
            table = _create(catalog, contract)
    _require_same(table, contract)
    return table


def ensure_namespace(catalog: RestCatalog, namespace: str) -> None:
    """Create the namespace if it is missing; another creator at the same time is fine."""
    # Asked first because a role that may create tables need not be one that may create namespaces.
    if catalog.namespace_exists(namespace):
        return
    with suppress(NamespaceAlreadyExistsError):
        catalog.create_namespace(namespace)


def _create(catalog: RestCatalog, contract: TableContract) -> Table:
    ensure_namespace(catalog, contract.namespace)
    schema = iceberg_schema(contract)
    properties = _PROPERTIES | dict(contract.properties) | ({"comment": contract.doc} if contract.doc else {})
    try:
        table: Table = catalog.create_table(
            contract.identifier,
            schema,
            partition_spec=partition_spec(contract, schema),
            sort_order=sort_order(contract, schema),
            properties=properties,
        )
    except TableAlreadyExistsError:
        logger.info("the table %s was created by another run", contract.identifier)
        table = catalog.load_table(contract.identifier)
    else:
        logger.info("created the table %s with %d columns", contract.identifier, len(schema.fields))
    return table


def _require_same(table: Table, contract: TableContract) -> None:
    differences = _differences(table.schema(), iceberg_schema(contract))
    live = [f"{part.transform}({table.schema().find_column_name(part.source_id)})" for part in table.spec().fields]
    declared = [f"{part.transform}({part.column})" for part in contract.partition_by]
    if live != declared:
        differences.append(f"partitioned by {', '.join(live) or 'nothing'}, not {', '.join(declared) or 'nothing'}")
    if differences:
        raise TableMismatchError(
            f"the table {contract.identifier} is not what its SQL file says: {'; '.join(differences)}",
            next_step="change the SQL file to what the table is, or alter the table to what the file says (add or drop "
            "the column, with its documentation), then run the task again",
        )


def _differences(live: Schema, declared: Schema) -> list[str]:
    found = {field.name: field for field in live.fields}
    differences = []
    for field in declared.fields:
        other = found.pop(field.name, None)
        if other is None:
            differences.append(f"{field.name} is missing in the table")
        elif _shape(str(other.field_type)) != _shape(str(field.field_type)):
            differences.append(f"{field.name} is {other.field_type} in the table, {field.field_type} in the file")
        elif other.required != field.required:
            differences.append(f"{field.name} is {_nullness(other.required)} in the table only")
    return differences + [f"{name} is in the table only" for name in found]


def _shape(iceberg_type: str) -> str:
    return iceberg_type.replace(" ", "")


def _nullness(required: bool) -> str:
    return "NOT NULL" if required else "nullable"
