"""How a live table differs from its contract, and the single commit that removes the differences.

Columns are compared by name, not by position: a column that was added later comes after the provenance columns.
Changes that Iceberg makes without rewriting rows are allowed (add a nullable column, rename a provenance column, widen
a type, relax NOT NULL, comments, sort order, properties). All others are refused, except that a person can allow
dropping a column by naming it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table.sorting import NullOrder, SortDirection
from pyiceberg.transforms import IdentityTransform

from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.contract.render import type_in_sql
from growth_verticals.contract.schema import iceberg_schema
from growth_verticals.contract.table import FORMER_NAMES
from growth_verticals.errors import CommitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.schema import Schema
    from pyiceberg.table import Table
    from pyiceberg.table.update.schema import UpdateSchema
    from pyiceberg.types import NestedField

    from growth_verticals.contract.table import TableContract

Kind = Literal[
    "add", "rename", "widen", "retype", "relax", "require", "drop", "repartition", "comment", "sort", "doc", "property"
]

PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
}
# Complete names and digests in the manifests show which data files have a landed file's rows, without opening them.
PROVENANCE_PROPERTIES = {
    f"write.metadata.metrics.column.{name}": "full" for name in ("source_file", "source_file_sha256")
}

_MISMATCH = {
    "add": "{name} is missing in the table",
    "rename": "{name} is still named {live} in the table",
    "widen": "{name} is {live} in the table, {declared} in the file",
    "retype": "{name} is {live} in the table, {declared} in the file",
    "relax": "{name} is NOT NULL in the table, nullable in the file",
    "require": "{name} is nullable in the table, NOT NULL in the file",
    "drop": "{name} is in the table, but not in the file",
    "repartition": "the table is partitioned by {live}, not by {declared}",
    "comment": "the comment of {name} differs",
    "sort": "the table is sorted by {live}, not by {declared}",
    "doc": "the comment of the table differs",
    "property": "the property {name} is {live}, not {declared}",
}
_CHANGE = {
    "add": "add the column {name}, {declared}",
    "rename": "rename the column {live} to {name}",
    "widen": "widen the column {name} from {live} to {declared}",
    "retype": "replace the column {name}, {live}, with a new one, {declared}: its values are lost",
    "relax": "make the column {name} nullable",
    "require": "make the column {name} NOT NULL",
    "drop": "drop the column {name}, {live}: its values are lost",
    "repartition": "partition by {declared} instead of {live}",
    "comment": "set the comment of the column {name}",
    "sort": "sort by {declared} instead of {live}",
    "doc": "set the comment of the table",
    "property": "set the property {name} to {declared}",
}
_DECLARABLE_ORDER = ("identity", SortDirection.ASC, NullOrder.NULLS_LAST)
_WIDENS = {("int", "long"), ("float", "double")}


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One difference between a live table and its contract.

    :param name: the column or property; empty for the table's partitioning and sort order.
    :param live, declared: its value in the table and in the contract, as text.
    :param refused: why the change is not made, or is not made without permission; empty if it is made.
    :param droppable: whether a person can allow the change by naming the column.
    """

    kind: Kind
    name: str = ""
    live: str = ""
    declared: str = ""
    refused: str = ""
    droppable: bool = False

    @property
    def mismatch(self) -> str:
        """What differs, for error messages."""
        return self._fill(_MISMATCH)

    @property
    def change(self) -> str:
        """The change that removes the difference, for plans."""
        return self._fill(_CHANGE)

    @property
    def blocks_loading(self) -> bool:
        """Whether rows cannot be loaded safely while the difference exists."""
        return self.kind not in ("comment", "sort", "doc", "property")

    def _fill(self, templates: Mapping[str, str]) -> str:
        return templates[self.kind].format(name=self.name, live=self.live, declared=self.declared)


def differences(table: Table, contract: TableContract) -> list[Difference]:
    """Return all differences, those of columns first, in the contract's order. The list can be empty."""
    live, declared = table.schema(), iceberg_schema(contract)
    used = {str(live.find_column_name(part.source_id)): "sorted" for part in table.sort_order().fields}
    for spec in table.specs().values():
        used |= {str(live.find_column_name(part.source_id)): "partitioned" for part in spec.fields}
    has_rows = table.current_snapshot() is not None
    return [
        *_column_differences(live, declared, used, has_rows=has_rows, provenance=contract.provenance),
        *_partition_differences(table, contract),
        *_sort_differences(table, contract),
        *_property_differences(table, contract),
    ]


def table_properties(contract: TableContract) -> dict[str, str]:
    """Return the properties that a table of the contract is created with."""
    comment = {"comment": contract.doc} if contract.doc else {}
    return PROPERTIES | (PROVENANCE_PROPERTIES if contract.provenance else {}) | comment


def alter(catalog: RestCatalog, table: Table, contract: TableContract, found: Iterable[Difference]) -> None:
    """Remove the differences in one commit to `table` as it was read. Droppable ones count as allowed.

    A retry reads the table again and finds what was done. Raises `CommitError` when another client altered the table
    in the meantime; then nothing was changed. Raises `ServiceError` when the result is unknown; a new plan shows it.
    """
    found = list(found)
    try:
        with service_errors(f"altering the table {contract.identifier}", catalog.uri):
            _alter(table, contract, found)
    except CommitFailedException as error:
        raise CommitError(
            f"the table {contract.identifier} was altered by another client in the meantime; nothing was changed",
            next_step="run `./gv tables plan` again",
        ) from error


def _alter(table: Table, contract: TableContract, found: list[Difference]) -> None:
    declared = iceberg_schema(contract)
    with table.transaction() as transaction:
        # A table without rows has no NULL that a new NOT NULL could contradict.
        with transaction.update_schema(allow_incompatible_changes=table.current_snapshot() is None) as update:
            renamed = {each.name: each.live for each in found if each.kind == "rename"}
            for difference in found:
                _edit(update, difference, declared, renamed)
        properties = {each.name: each.declared for each in found if each.kind in ("doc", "property")}
        if properties:
            transaction.set_properties(properties)
        if any(each.kind == "sort" for each in found):
            with transaction.update_sort_order() as order:
                for name in contract.sort_by:
                    order.asc(name, IdentityTransform())


def _edit(update: UpdateSchema, difference: Difference, declared: Schema, renamed: Mapping[str, str]) -> None:
    """Add one change of a column to `update`, which knows a column by the name that it has in the live table."""
    name = difference.name
    live_name = renamed.get(name, name)
    if difference.kind == "drop":
        update.delete_column(name)
        return
    if difference.kind == "rename":
        update.rename_column(difference.live, name)
        return
    if difference.kind not in ("add", "widen", "retype", "relax", "require", "comment"):
        return
    field = declared.find_field(name)
    match difference.kind:
        case "widen":
            update.update_column(live_name, field_type=field.field_type)
        case "relax" | "require":
            update.update_column(live_name, required=field.required)
        case "comment":
            update.update_column(live_name, doc=field.doc or "")
        case "retype":
            update.delete_column(live_name)
            update.add_column(name, field.field_type, field.doc, required=field.required)
        case _:
            update.add_column(name, field.field_type, field.doc, required=field.required)


def _column_differences(
    live: Schema, declared: Schema, used: Mapping[str, str], *, has_rows: bool, provenance: bool
) -> Iterator[Difference]:
    found = {field.name: field for field in live.fields}
    needs_values = "existing rows have no value: declare it without NOT NULL" if has_rows else ""
    for field in declared.fields:
        other = found.pop(field.name, None)
        former = FORMER_NAMES.get(field.name, "")
        if other is None and provenance and former in found:
            other = found.pop(former)
            yield Difference(kind="rename", name=field.name, live=former)
        if other is None:
            refused = needs_values if field.required else ""
            yield Difference(kind="add", name=field.name, declared=_shape(field), refused=refused)
            continue
        if _type(other) != _type(field):
            changed = _retype(other, field, used, needs_values if field.required else "")
            yield changed
            if changed.kind == "retype":
                continue  # the new column matches the SQL file in every way
        if other.required and not field.required:
            yield Difference(kind="relax", name=field.name)
        if field.required and not other.required:
            refused = "existing rows may be NULL: Iceberg does not check" if has_rows else ""
            yield Difference(kind="require", name=field.name, refused=refused)
        if (other.doc or "") != (field.doc or ""):
            yield Difference(kind="comment", name=field.name)
    for other in found.values():
        refused, droppable = _drop_refusal(other.name, used)
        yield Difference(kind="drop", name=other.name, live=_type(other), refused=refused, droppable=droppable)


def _retype(live: NestedField, declared: NestedField, used: Mapping[str, str], needs_values: str) -> Difference:
    wider = _is_wider(_type(live), _type(declared))
    refused, droppable = ("", False) if wider else _drop_refusal(live.name, used)
    if needs_values and not wider:
        refused, droppable = f"Iceberg cannot narrow a type, and for a new column {needs_values}", False
    return Difference(
        kind="widen" if wider else "retype",
        name=live.name,
        live=_type(live),
        declared=_type(declared),
        refused=refused,
        droppable=droppable,
    )


def _drop_refusal(name: str, used: Mapping[str, str]) -> tuple[str, bool]:
    """Return why a column is not dropped, and whether a person can allow it."""
    if name in used:
        return f"the table is {used[name]} by it", False
    return "the values would be lost", True


def _is_wider(live: str, declared: str) -> bool:
    """Whether Iceberg can widen `live` to `declared` (table specification, "Schema Evolution")."""
    if (live, declared) in _WIDENS:
        return True
    decimals = [re.fullmatch(r"decimal\((\d+), (\d+)\)", text) for text in (live, declared)]
    before, after = decimals
    return bool(before and after and before[2] == after[2] and int(before[1]) < int(after[1]))


def _partition_differences(table: Table, contract: TableContract) -> Iterator[Difference]:
    schema = table.schema()
    live = [f"{part.transform}({schema.find_column_name(part.source_id)})" for part in table.spec().fields]
    declared = [f"{part.transform}({part.column})" for part in contract.partition_by]
    if live != declared:
        refused = "existing rows would keep the old partitions: create a new table, and load it again"
        yield Difference(kind="repartition", live=_list(live), declared=_list(declared), refused=refused)


def _sort_differences(table: Table, contract: TableContract) -> Iterator[Difference]:
    live = []
    for part in table.sort_order().fields:
        name = str(table.schema().find_column_name(part.source_id))
        simple = (str(part.transform), part.direction, part.null_order) == _DECLARABLE_ORDER
        live.append(name if simple else f"{part.transform}({name}) {part.direction} {part.null_order}")
    if live != list(contract.sort_by):
        yield Difference(kind="sort", live=_list(live), declared=_list(contract.sort_by))


def _property_differences(table: Table, contract: TableContract) -> Iterator[Difference]:
    for name, value in table_properties(contract).items():
        found = table.properties.get(name, "not set")
        # A live table does not list its format version as a property.
        if found != value and name != "format-version":
            kind: Kind = "doc" if name == "comment" else "property"
            yield Difference(kind=kind, name=name, live=found, declared=value)


def _type(field: NestedField) -> str:
    return str(field.field_type)


def _shape(field: NestedField) -> str:
    return type_in_sql(str(field.field_type)) + (" NOT NULL" if field.required else "")


def _list(items: Iterable[str]) -> str:
    return ", ".join(items) or "nothing"
