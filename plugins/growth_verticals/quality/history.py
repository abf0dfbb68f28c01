"""The data files of a period and of the periods before it, from the table's metadata.

The table is the history, as it is the ledger: an undo, a restatement or a replay changes what is compared, and no
second store can disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pyiceberg.conversions import from_bytes
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import PrimitiveType

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

_PERIOD, _DIGEST = "delivery_period", "source_file_sha256"
_DIGEST_LENGTH = 64


@dataclass(kw_only=True)
class History:
    """Data files that the table's current snapshot refers to.

    :param present: those of the period itself, without those of files that are to leave.
    :param earlier: those of periods before it, newest period first.
    :param is_exact: False if a data file holds rows of files that leave and of files that stay. It is in neither list.
    """

    present: list[DataFile] = field(default_factory=list)
    earlier: dict[str, list[DataFile]] = field(default_factory=dict)
    is_exact: bool = True


def read_history(table: Table, period_key: str, periods: int, leaving: Collection[str] = ()) -> History:
    """Return the period's data files and those of the `periods` newest periods before it.

    Period keys sort by time, because all of a source's keys have the same form. A data file that holds rows of several
    periods is skipped. Rows that another engine deleted by position still count. Reads every manifest of the table;
    memory: the metrics of the data files that are returned.

    :param leaving: digests of files whose rows a restatement is going to remove.
    """
    history = History()
    for task in table.scan().plan_files():
        key = _period_of(table, task.file)
        if key == period_key:
            digest = _single_value(table, task.file, _DIGEST) if leaving else ""
            if digest is None or len(digest) not in (0, _DIGEST_LENGTH):
                history.is_exact = False
            elif digest not in leaving:
                history.present.append(task.file)
        elif key is not None and len(key) == len(period_key) and key < period_key:
            history.earlier.setdefault(key, []).append(task.file)
            if len(history.earlier) > periods:
                del history.earlier[min(history.earlier)]
    history.earlier = dict(sorted(history.earlier.items(), reverse=True))
    return history


def _period_of(table: Table, data_file: DataFile) -> str | None:
    """Return the period of all rows of a data file: from its partition, or from its bounds."""
    source_id = table.schema().find_field(_PERIOD).field_id
    for position, part in enumerate(table.specs()[data_file.spec_id].fields):
        if part.source_id == source_id and isinstance(part.transform, IdentityTransform):
            return _text(data_file.partition[position])
    return _text(_single_value(table, data_file, _PERIOD))


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _single_value(table: Table, data_file: DataFile, column: str) -> Any:
    """Return the value that a column has in all rows, if the data file's bounds show it; otherwise None."""
    live = table.schema().find_field(column)
    lower, upper = ((bounds or {}).get(live.field_id) for bounds in (data_file.lower_bounds, data_file.upper_bounds))
    is_single = lower is not None and lower == upper and isinstance(live.field_type, PrimitiveType)
    return from_bytes(live.field_type, lower) if is_single else None  # type: ignore[arg-type]
