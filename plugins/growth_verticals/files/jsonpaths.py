"""Nested JSON values that an alias maps to a column by their path: `{"user.address.zip": "zip5"}`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KeyPath = tuple[str, ...]


class JsonObject(list[tuple[str, Any]]):
    """A JSON object as (key, value) pairs, in the file's order and with duplicate keys."""


class NestedColumns:
    """A source's columns that come from values in nested objects.

    :param paths: two or more keys, from the outermost object inwards → the contract's column.
    """

    def __init__(self, paths: Mapping[KeyPath, str]) -> None:
        self._paths = paths
        self._object_paths = {path[:end] for path in paths for end in range(1, len(path))}
        self._roots = {path[0] for path in paths}

    def values_by_path(self, json_object: JsonObject, parent: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
        """Yield the path and value of each key, and of the keys in each object that is on a declared path.

        If a declared path leads through a value that is not an object, yields an empty list as the value at the end of
        the path, because no column accepts a list. Raises `KeyError` for an object with a duplicate key.
        """
        if len({key for key, _ in json_object}) != len(json_object):
            raise KeyError
        for key, value in json_object:
            path = (*parent, key)
            if path not in self._object_paths:
                yield path, value
            elif isinstance(value, JsonObject):
                yield from self.values_by_path(value, path)
            elif value is not None:
                for declared in self._paths:
                    if declared[: len(path)] == path:
                        yield declared, []

    def arrow_fields(self, column_types: Mapping[str, pa.DataType]) -> list[tuple[str, pa.DataType]]:
        """Return the fields of the schema for Arrow's JSON reader.

        :param column_types: the Arrow type that each of the contract's columns is read as.
        """
        nested = {path: column_types[column] for path, column in self._paths.items() if column in column_types}
        top_level = [(name, data_type) for name, data_type in column_types.items() if name not in self._roots]
        return [*top_level, *((root, _struct_type(root, nested)) for root in sorted(self._roots))]

    def flatten(self, table: pa.Table) -> pa.Table | None:
        """Return Arrow's table with the nested values as the contract's columns, without the objects around them.

        Returns None if a column has values both at its path and under its own name, or if an object contains other
        values than the declared ones. `values_by_path` handles those files.
        """
        if not self._paths:
            return table
        for root in self._roots:
            declared = {path for path in self._paths if path[0] == root}
            if _leaf_paths(table.schema.field(root).type, (root,)) != declared:
                return None
        for path, name in self._paths.items():
            if name in table.column_names and table[name].null_count < table.num_rows:
                return None
            column = pc.struct_field(table[path[0]].combine_chunks(), list(path[1:]))
            index = table.schema.get_field_index(name)
            table = table.remove_column(index) if index >= 0 and name not in self._roots else table
            table = table.append_column(name, pa.chunked_array([column]))
        return table.drop_columns(sorted(self._roots))


def _struct_type(key: str, paths: Mapping[KeyPath, pa.DataType]) -> pa.DataType:
    """Return the type of the object at `key`, from the types of the paths that start with it."""
    inner = {path[1:]: data_type for path, data_type in paths.items() if path[0] == key}
    keys = dict.fromkeys(path[0] for path in inner)
    return pa.struct([(name, inner[name,] if (name,) in inner else _struct_type(name, inner)) for name in keys])


def _leaf_paths(data_type: pa.DataType, parent: KeyPath) -> set[KeyPath]:
    if not pa.types.is_struct(data_type):
        return {parent}
    return {leaf for field in data_type for leaf in _leaf_paths(field.type, (*parent, field.name))}
