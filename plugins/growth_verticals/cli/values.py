"""A query's values as text for people, and as plain values for CSV and JSON. Decimals and times stay exact."""

from __future__ import annotations

import json
import math
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from growth_verticals.cli.output import printable

if TYPE_CHECKING:
    import pyarrow as pa


def plain_values(column: pa.Array) -> list[Any]:
    """Return an Arrow column as None, bool, int, float, Decimal, str, and lists and dicts of them.

    Times are in ISO 8601, those with a time zone in UTC. Bytes are in hexadecimal.
    """
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":  # Python's times have no nanoseconds
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    is_map = pa.types.is_map(column.type)
    return [_plain(dict(value) if is_map and value is not None else value) for value in column.to_pylist()]


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (bool, int, str, Decimal)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, dict):
        return {str(key): _plain(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    return str(value)


def cell(value: Any) -> str:
    """Return a plain value as a table shows it, with control characters escaped."""
    if value is None:
        return "NULL"
    if value == "":
        return "''"
    if isinstance(value, Decimal):
        return format(value, "f")
    return printable(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))


def csv_value(value: Any) -> Any:
    """Return a plain value for `csv_line`: lists and dicts as JSON."""
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, (list, dict)) else value


def is_number(data_type: pa.DataType) -> bool:
    """Whether a table shows values of this Arrow type right-aligned."""
    import pyarrow as pa

    return bool(pa.types.is_integer(data_type) or pa.types.is_floating(data_type) or pa.types.is_decimal(data_type))
