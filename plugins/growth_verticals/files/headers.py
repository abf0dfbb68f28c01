"""From a file's header to the contract's columns."""

from __future__ import annotations

import logging
import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from growth_verticals.errors import ContractError, DeclarationError, FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

logger = logging.getLogger(__name__)

#: The column that keeps what the SQL file does not know, under the policy `keep`.
EXTRA = "extra"


@dataclass(frozen=True)
class Layout:
    """A file's columns under our names.

    :param names: one a column of the file, in its order; all different.
    :param known: those that the contract has.
    :param extras: those that go into the column `extra`; empty unless the policy is `keep`.
    """

    names: tuple[str, ...]
    known: frozenset[str]
    extras: tuple[str, ...] = ()

    @cached_property
    def read(self) -> frozenset[str]:
        """The columns whose values are wanted."""
        return self.known.union(self.extras)


def normalise(name: str) -> str:
    """Return a header in lower_snake_case: NFC, a run of other characters than letters, digits and `_` to one `_`."""
    return re.sub(r"\W+", "_", unicodedata.normalize("NFC", name).strip().lower()).strip("_")


class Names:
    """Maps a source's headers to its contract's columns: equal after `normalise`, or by an alias."""

    def __init__(self, source: Source, contract: TableContract) -> None:
        self._aliases = {normalise(vendor): ours for vendor, ours in source.aliases.items()}
        #: For formats whose values nest: the path of each alias with points in it → our column.
        self.paths = {tuple(vendor.split(".")): ours for vendor, ours in source.aliases.items() if "." in vendor}
        self.columns = frozenset(column.name for column in contract.columns if not column.type.startswith("map<"))
        if source.extra_columns == "keep" and EXTRA not in {column.name for column in contract.columns} - self.columns:
            raise ContractError(
                "extra columns are to be kept, and the table has no place for them",
                source=source.name,
                expected="a column `extra` of type MAP<STRING,STRING>",
                next_step="add the column to the SQL file, or declare another extra_columns",
            )

    def ours(self, header: str) -> str:
        """Return our name for a header; one that the contract does not have comes back normalised."""
        name = normalise(header)
        return self._aliases.get(name, name)


def resolve(header: Sequence[str], source: Source, contract: TableContract, file: str, line: int | None = 1) -> Layout:
    """Return the layout of a file with this header.

    Raises `FileRefusedError` when two headers are the same column (case, spaces and Unicode forms apart), when a
    required column is missing, when an unknown column is there and the policy is `refuse`, and when a column is
    missing while unknown ones are there, for it may be one that was renamed.
    A nullable column that is missing without that suspicion loads as NULL, and the log says so.
    """
    known = Names(source, contract)
    names = tuple(known.ours(text) or f"column_{number}" for number, text in enumerate(header, start=1))
    check_unique(names, source, file, line)
    unknown = tuple(name for name in names if name not in known.columns)
    missing = [column for column in contract.columns if column.name in known.columns - set(names)]
    required = [column.name for column in missing if column.required]
    if required or len(missing) == len(known.columns):
        raise FileRefusedError(
            "the header misses required columns" if required else "the header has none of the table's columns",
            source=source.name,
            file=file,
            line=line,
            expected=", ".join(required or sorted(known.columns)),
            found=f"{len(names)} other columns",
            next_step="ask the vendor for the layout, then correct the SQL file or declare an alias",
        )
    if unknown and source.extra_columns != "keep" and (missing or source.extra_columns == "refuse"):
        lost = ", ".join(column.name for column in missing)
        raise FileRefusedError(
            "the header misses columns and has unknown ones, so one may be renamed" if missing else "unknown columns",
            source=source.name,
            file=file,
            line=line,
            expected=lost or "only columns of the SQL file",
            found=", ".join(unknown),
            next_step="declare an alias for a renamed column, or change the SQL file",
        )
    if missing:
        logger.warning(
            "%s: %s: columns not in the file, loaded as NULL: %s", source.name, file, [each.name for each in missing]
        )
    if unknown and source.extra_columns == "ignore":
        logger.warning("%s: %s: columns not in the SQL file, ignored: %s", source.name, file, list(unknown))
    extras = unknown if source.extra_columns == "keep" else ()
    return Layout(names, frozenset(names) & known.columns, extras)


def declared_layout(columns: Sequence[str], source: Source, contract: TableContract) -> Layout:
    """Return the layout of files that have no header, whose columns the declaration names in their order.

    Raises `DeclarationError` when a column is there twice, when a required one is missing, or when one is unknown and
    the policy is `refuse`.
    """
    known = Names(source, contract)
    names = tuple(map(known.ours, columns))
    twice = sorted({name for name in names if names.count(name) > 1})
    unknown = [name for name in names if name not in known.columns]
    missing = [each.name for each in contract.columns if each.required and each.name not in names]
    wrong: tuple[str, list[str]] | None = None
    if twice:
        wrong = "the declared columns name one twice", twice
    elif missing:
        wrong = "the declared columns miss required ones of the SQL file", missing
    elif unknown and source.extra_columns == "refuse":
        wrong = "the declared columns are not all in the SQL file, and extra columns are to be refused", unknown
    elif len(unknown) == len(names):
        wrong = "the declared columns are none of the SQL file's", unknown
    if wrong is not None:
        raise DeclarationError(wrong[0], source=source.name, found=", ".join(sorted(wrong[1])))
    return Layout(names, frozenset(names) & known.columns, tuple(unknown) if source.extra_columns == "keep" else ())


def check_unique(names: Iterable[str], source: Source, file: str, line: int | None) -> None:
    """Raise `FileRefusedError` if a name is there twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise FileRefusedError(
                "two columns have the same name, case and spaces apart",
                source=source.name,
                file=file,
                line=line,
                column=name,
                next_step="ask the vendor which of them is meant",
            )
        seen.add(name)


def expected_texts(contract: TableContract, formats: Mapping[str, str]) -> dict[str, str]:
    """Return, by column, what a rejected record's cell should have been: type, declared format, NOT NULL."""
    return {
        column.name: column.type
        + (f" as {formats[column.name]}" if column.name in formats else "")
        + (" NOT NULL" if column.required else "")
        for column in contract.columns
    }
