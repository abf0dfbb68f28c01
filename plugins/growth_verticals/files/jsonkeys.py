"""The keys of a file of JSON lines: checked like a header at the file's end, and the types of unknown keys."""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from growth_verticals.files.headers import ColumnMapping, resolve_header
from growth_verticals.files.jsonpaths import JsonObject
from growth_verticals.files.jsonvalues import NumberLiteral
from growth_verticals.files.value_checks import out_of_range_mask
from growth_verticals.reader import PieceFacts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

#: As many unknown keys, nested ones included, are remembered. Records with others are read one by one.
MAX_UNKNOWN_KEYS = 1_000
#: As many of them are named in a message.
_MAX_NAMED_KEYS = 50


class KeyCheck:
    """Collects the keys of one file, block by block, in any order and any thread, and checks them like a header.

    A column is missing if no record of the file has its key. The last call of `add` or `finish` checks, and raises what
    `resolve_header` raises. A file without an object has no keys to check.

    :param is_whole_file: False for a part of a file: its keys are not checked, and are in `facts`.
    """

    def __init__(self, source: Source, contract: TableContract, file: str, *, is_whole_file: bool = True) -> None:
        self._is_whole_file = is_whole_file
        self._source = source
        self._contract = contract
        self._file = file
        self._lock = Lock()
        self._unparsed: set[int] = set()
        self._is_complete = self._has_objects = False
        self._seen: dict[str, str] = {}
        self._unknown: dict[str, str] = {}
        #: The table's columns whose keys were not seen yet. Replaced, never changed, so that any thread can read it.
        self.missing = ColumnMapping(source, contract).columns

    def expect(self, first_line: int) -> None:
        """Register a block that will be parsed, by its first line."""
        with self._lock:
            self._unparsed.add(first_line)

    def saw(self, seen: Mapping[str, str], unknown: Mapping[str, str]) -> None:
        """Add the keys of some objects.

        :param seen: the contract's column → its key in the file.
        :param unknown: the name that an unknown key has as a column → the key.
        """
        with self._lock:
            self._has_objects = True
            self._seen = {**seen, **self._seen}
            self.missing = self.missing - seen.keys()
            for name, key in unknown.items():
                if len(self._unknown) < _MAX_NAMED_KEYS:
                    self._unknown.setdefault(name, key)

    def add(self, first_line: int) -> None:
        """Mark a block as parsed."""
        with self._lock:
            self._unparsed.discard(first_line)
            self._check()

    def finish(self) -> None:
        """Mark the file as complete: all of its blocks are registered."""
        with self._lock:
            self._is_complete = True
            self._check()

    @property
    def facts(self) -> PieceFacts:
        """The keys that were seen."""
        return PieceFacts(has_objects=self._has_objects, keys=dict(self._seen), unknown_keys=dict(self._unknown))

    def _check(self) -> None:
        if self._is_whole_file and self._is_complete and not self._unparsed:
            check_keys([self.facts], self._source, self._contract, self._file)


def check_keys(parts: Sequence[PieceFacts], source: Source, contract: TableContract, file: str) -> None:
    """Check the keys of all parts of a file like a header: raise what `resolve_header` raises."""
    if not any(part.has_objects for part in parts):
        return
    seen: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for part in parts:
        seen = {**part.keys, **seen}
        for name, key in part.unknown_keys.items():
            if len(unknown) < _MAX_NAMED_KEYS:
                unknown.setdefault(name, key)
    # Writers leave out keys without a value. Without an unknown key, it is not a file of another source.
    source = source if unknown else replace(source, min_known_columns=0)
    resolve_header((*seen.values(), *unknown.values()), source, contract, file, line=None)


class UnknownKeys:
    """The unknown keys of a source's records, with the types as which Arrow's reader can skip their values.

    Arrow infers the types of unknown keys itself, but a block of records with one new key each then takes gigabytes.
    """

    def __init__(self) -> None:
        #: Replaced, never changed, so that any thread can read it.
        self.types: Mapping[str, pa.DataType] = {}
        #: How many values Arrow reads for each record.
        self.width = 0
        self._shapes: dict[str, Any] = {}
        self._too_wide: set[str] = set()
        self._lock = Lock()

    def learn(self, key: str, value: Any) -> None:
        """Remember the type of an unknown key's value."""
        with self._lock:
            known = self._shapes.get(key)
            if key in self._too_wide or (known is None and self.width >= MAX_UNKNOWN_KEYS):
                return
            shape = _shape(value, known)
            if shape is known:
                return
            width = self.width + _width(shape) - _width(known)
            if width > MAX_UNKNOWN_KEYS:
                self._too_wide.add(key)
                return
            self._shapes[key] = shape
            self.types, self.width = {**self.types, key: _type_of(shape)}, width


#: Stands for a value with more keys than are remembered.
_WIDE: dict[str, Any] = {str(number): "null" for number in range(MAX_UNKNOWN_KEYS + 1)}


def _shape(value: Any, known: Any) -> Any:
    """Return the shape of a parsed JSON value: a kind, or shapes by key, or a list with the shape of its elements.

    :param known: the shape of earlier values; returned itself, and not changed, if it describes this value too.
    """
    if value is None:
        return "null" if known is None else known
    if isinstance(value, NumberLiteral):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, JsonObject):
        shapes = known if isinstance(known, dict) else {}
        for key, each in value:
            if (shape := _shape(each, shapes.get(key))) is not shapes.get(key):
                shapes = {**shapes, key: shape}
            if len(shapes) > MAX_UNKNOWN_KEYS:
                return _WIDE
        return shapes
    before = element = known[0] if isinstance(known, list) else "null"
    for each in value:
        element = _shape(each, element)
    return known if isinstance(known, list) and element is before else [element]


def _type_of(shape: Any) -> pa.DataType:
    if isinstance(shape, dict):
        return pa.struct([(key, _type_of(each)) for key, each in shape.items()])
    return pa.list_(_type_of(shape[0])) if isinstance(shape, list) else _TYPES[shape]


_TYPES = {"null": pa.null(), "number": pa.float64(), "string": pa.string(), "boolean": pa.bool_()}


def _width(shape: Any) -> int:
    if isinstance(shape, (dict, list)):
        return 1 + sum(map(_width, shape.values() if isinstance(shape, dict) else shape))
    return 0 if shape is None else 1


def is_finite(array: pa.Array) -> bool:
    """Whether an array of unknown values has only numbers that JSON has. Arrow's reader accepts NaN and infinity."""
    if pa.types.is_struct(array.type):
        return all(is_finite(array.field(number)) for number in range(array.type.num_fields))
    if pa.types.is_list(array.type):
        return is_finite(array.values)
    return not pa.types.is_floating(array.type) or out_of_range_mask(array) is None
