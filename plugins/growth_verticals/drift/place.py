"""Where a column stands, in the file and in the table: between which columns that both have."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Neighbors = tuple[str | None, str | None]


class Places:
    """Compares the neighbors of columns.

    :param table: the table's columns in order.
    :param file: the file's columns in order, under the table's names where they are known.
    """

    def __init__(self, table: Sequence[str], file: Sequence[str]) -> None:
        both = {*table} & {*file}
        self._is_known = bool(both)
        self._in_table = _neighbors(table, both)
        self._in_file = _neighbors(file, both)

    def shared(self, name: str, column: str) -> int:
        """Return how many neighbors are the same, 0 to 2. The start and the end count too."""
        return sum(self._sides(name, column))

    def reason(self, name: str, column: str) -> str | None:
        """Return the sentence for a person; None if no neighbor is the same."""
        before, after = self._in_table[column]
        left, right = self._sides(name, column)
        if left and right:
            if before is None or after is None:
                return f"stands at the {'end' if before else 'start'} of both" if before or after else None
            return f"stands between {before} and {after} in both"
        if left:
            return f"stands after {before} in both" if before else "stands at the start of both"
        if right:
            return f"stands before {after} in both" if after else "stands at the end of both"
        return None

    def _sides(self, name: str, column: str) -> tuple[bool, bool]:
        (left, right), (before, after) = self._in_file[name], self._in_table[column]
        return self._is_known and left == before, self._is_known and right == after


def _neighbors(names: Sequence[str], anchors: set[str]) -> dict[str, Neighbors]:
    """Return for each name the nearest anchors before and after it; None at the start and at the end."""
    before: dict[str, str | None] = {}
    last: str | None = None
    for name in names:
        before[name] = last
        last = name if name in anchors else last
    last = None
    found: dict[str, Neighbors] = {}
    for name in reversed(names):
        found[name] = before[name], last
        last = name if name in anchors else last
    return found
