"""Sort rows by a table's sort order, with Arrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER_ID, NullOrder, SortDirection
from pyiceberg.transforms import IdentityTransform

if TYPE_CHECKING:
    from pyiceberg.table import Table

_DIRECTIONS = {SortDirection.ASC: "ascending", SortDirection.DESC: "descending"}
_NULLS = {NullOrder.NULLS_FIRST: "at_start", NullOrder.NULLS_LAST: "at_end"}


@dataclass(frozen=True)
class RowOrder:
    """A table's sort order as Arrow's sort keys. No keys if there is none, or if Arrow does not support it."""

    order_id: int
    keys: list[tuple[str, str, str]]

    @classmethod
    def of(cls, table: Table) -> RowOrder:
        """Return a table's sort order."""
        order = table.sort_order()
        if any(not isinstance(field.transform, IdentityTransform) for field in order.fields):
            return cls(UNSORTED_SORT_ORDER_ID, [])
        names = [table.schema().find_field(field.source_id).name for field in order.fields]
        options = [(_DIRECTIONS[field.direction], _NULLS[field.null_order]) for field in order.fields]
        return cls(order.order_id, [(name, *option) for name, option in zip(names, options, strict=True)])

    def sorted(self, tables: list[pa.Table]) -> pa.Table:
        """Return all rows of `tables` in sort order. Rows with equal keys keep their order.

        Empties `tables`, then sorts column by column, so that at most one column is in memory twice.
        """
        rows = pa.concat_tables(tables)
        if not self.keys:
            return rows
        tables.clear()
        indices, schema, columns = pc.sort_indices(rows, sort_keys=self.keys), rows.schema, rows.columns
        del rows
        for position in range(len(columns)):
            columns[position] = columns[position].take(indices)
        return pa.Table.from_arrays(columns, schema=schema)
