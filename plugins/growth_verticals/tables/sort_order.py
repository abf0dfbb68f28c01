"""The order in which a table's rows are written, as Arrow sorts."""

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
    """A table's sort order as Arrow takes it; no keys where it has none, or one that Arrow's sort does not know."""

    order_id: int
    keys: list[tuple[str, str, str]]

    @classmethod
    def of(cls, table: Table) -> RowOrder:
        """Return the order of a table."""
        order = table.sort_order()
        if any(not isinstance(field.transform, IdentityTransform) for field in order.fields):
            return cls(UNSORTED_SORT_ORDER_ID, [])
        names = [table.schema().find_field(field.source_id).name for field in order.fields]
        places = [(_DIRECTIONS[field.direction], _NULLS[field.null_order]) for field in order.fields]
        return cls(order.order_id, [(name, *place) for name, place in zip(names, places, strict=True)])

    def sorted(self, waiting: list[pa.Table]) -> pa.Table:
        """Take all rows out of `waiting` and return them in order; rows of equal keys stay as they came.

        Column by column, so that no more than one of them is there twice.
        """
        rows = pa.concat_tables(waiting)
        if not self.keys:
            return rows
        waiting.clear()
        places, schema, columns = pc.sort_indices(rows, sort_keys=self.keys), rows.schema, rows.columns
        del rows
        for number in range(len(columns)):
            columns[number] = columns[number].take(places)
        return pa.Table.from_arrays(columns, schema=schema)
