"""Values within JSON objects, where an alias names their path: `{"user.address.zip": "zip5"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Path = tuple[str, ...]


class Pairs(list[tuple[str, Any]]):
    """A JSON object, its keys as they stand in the file."""


class Paths:
    """The declared paths of a source.

    :param paths: the keys from the outermost object on, two or more → our column.
    """

    def __init__(self, paths: Mapping[Path, str]) -> None:
        self._paths = paths
        self._inner = {path[:end] for path in paths for end in range(1, len(path))}
        self._roots = {path[0] for path in paths}

    def walk(self, pairs: Pairs, above: Path = ()) -> Iterator[tuple[Path, Any]]:
        """Yield path and value of every value in an object; objects on the way of a declared path are gone into.

        Where another value stands in place of such an object, what would be in it is a list, which no column takes.
        Raises `KeyError` for an object that has a key twice.
        """
        if len({key for key, _ in pairs}) != len(pairs):
            raise KeyError
        for key, value in pairs:
            path = (*above, key)
            if path not in self._inner:
                yield path, value
            elif isinstance(value, Pairs):
                yield from self.walk(value, path)
            elif value is not None:
                for lost in self._paths:
                    if lost[: len(path)] == path:
                        yield lost, []

    def schema(self, kinds: Mapping[str, pa.DataType]) -> list[tuple[str, pa.DataType]]:
        """Return the fields that Arrow's reader is to expect, given our columns' types."""
        within = {path: kinds[ours] for path, ours in self._paths.items() if ours in kinds}
        plain = [(name, kind) for name, kind in kinds.items() if name not in self._roots]
        return [*plain, *((root, _struct(root, within)) for root in sorted(self._roots))]

    def flattened(self, table: pa.Table) -> pa.Table | None:
        """Return Arrow's table with the declared paths' values as our columns, and without the objects around them.

        None if a value of one column stands in two places, or an object holds more than what is declared: what
        becomes of that, `walk` tells.
        """
        if not self._paths:
            return table
        for root in self._roots:
            if _leaves(table.schema.field(root).type, (root,)) != {path for path in self._paths if path[0] == root}:
                return None
        for path, ours in self._paths.items():
            if ours in table.column_names and table[ours].null_count < table.num_rows:
                return None
            column = pc.struct_field(table[path[0]].combine_chunks(), list(path[1:]))
            place = table.schema.get_field_index(ours)
            table = table.remove_column(place) if place >= 0 and ours not in self._roots else table
            table = table.append_column(ours, pa.chunked_array([column]))
        return table.drop_columns(sorted(self._roots))


def _struct(name: str, paths: Mapping[Path, pa.DataType]) -> pa.DataType:
    """Return the type of the object `name`, whose paths start with it."""
    below = {path[1:]: kind for path, kind in paths.items() if path[0] == name}
    keys = dict.fromkeys(path[0] for path in below)
    return pa.struct([(key, below[key,] if (key,) in below else _struct(key, below)) for key in keys])


def _leaves(kind: pa.DataType, above: Path) -> set[Path]:
    if not pa.types.is_struct(kind):
        return {above}
    return {leaf for field in kind for leaf in _leaves(field.type, (*above, field.name))}
