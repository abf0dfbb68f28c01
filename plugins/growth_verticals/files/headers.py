"""Maps a file's header to the contract's columns."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from growth_verticals.aliases import normalize
from growth_verticals.errors import ColumnsRefusedError, ContractError, DeclarationError, FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

logger = logging.getLogger(__name__)

#: A file with more columns is refused. No source has so many, and work per column would take minutes.
MAX_COLUMNS = 4_096
#: The column that stores the columns that are not in the SQL file, under the policy `keep`.
EXTRA = "extra"


@dataclass(frozen=True)
class Layout:
    """A file's columns by the contract's names.

    :param names: one per column of the file, in the file's order, without duplicates. A column that is not in the
        contract is here by its normalized header.
    :param known: those in the contract.
    :param extras: those that go into the column `extra`; empty unless the policy is `keep`.
    """

    names: tuple[str, ...]
    known: frozenset[str]
    extras: tuple[str, ...] = ()

    @cached_property
    def loaded(self) -> frozenset[str]:
        """The columns whose values are loaded."""
        return self.known.union(self.extras)


class ColumnMapping:
    """Maps a source's headers to its contract's columns: by equal names after `normalize`, or by an alias."""

    def __init__(self, source: Source, contract: TableContract) -> None:
        self._aliases = {normalize(alias.vendor): alias.column for alias in source.aliases}
        #: For nested values: the path of each alias that contains dots → the contract's column.
        self.paths = {tuple(alias.vendor.split(".")): alias.column for alias in source.aliases if "." in alias.vendor}
        self.columns = frozenset(column.name for column in contract.columns if not column.type.startswith("map<"))
        if source.extra_columns == "keep" and EXTRA not in {column.name for column in contract.columns} - self.columns:
            raise ContractError(
                "the source keeps extra columns, but the table has no column for them",
                source=source.name,
                expected="a column `extra` of type MAP<STRING,STRING>",
                next_step="add the column to the SQL file, or declare another extra_columns",
            )

    def column_for(self, header: str) -> str:
        """Return the contract's column for a header; for an unknown header, its normalized name."""
        name = normalize(header)
        return self._aliases.get(name, name)


def resolve_header(
    header: Sequence[str], source: Source, contract: TableContract, file: str, line: int | None = 1
) -> Layout:
    """Return the layout of a file with this header.

    Raises `FileRefusedError` if there are more than `MAX_COLUMNS`. Raises `ColumnsRefusedError` if a required column is
    missing, if fewer columns are known than the source's `min_known_columns`, if two headers mean the same column
    (after `normalize`), if there are unknown columns and the policy is `refuse`, and if the policy is `ignore` and
    there are both missing and unknown columns, because one may have been renamed. Any other missing column loads as
    NULL, with a warning in the log.

    :param source: with the aliases that hold for the file's period (`Source.in_period`).
    """
    if len(header) > MAX_COLUMNS:
        raise FileRefusedError(
            "the file has too many columns",
            source=source.name,
            file=file,
            line=line,
            expected=f"at most {MAX_COLUMNS:,}",
            found=f"{len(header):,}",
            next_step="check that the file has the declared format, with line ends; ask the vendor for fewer columns",
        )
    try:
        return _resolve(header, source, contract, file, line)
    except ColumnsRefusedError as error:
        error.header = tuple(header)
        error.next_step = f"{error.next_step}; `./gv drift {source.name} FILE` proposes the change"
        raise


def column_names(header: Sequence[str], mapping: ColumnMapping) -> tuple[str, ...]:
    """Return the contract's column for each header; for an unknown header, its normalized name or its number."""
    return tuple(mapping.column_for(text) or f"column_{number}" for number, text in enumerate(header, start=1))


def _resolve(header: Sequence[str], source: Source, contract: TableContract, file: str, line: int | None) -> Layout:
    mapping = ColumnMapping(source, contract)
    names = column_names(header, mapping)
    unknown = tuple(name for name in names if name not in mapping.columns)
    missing = [column for column in contract.columns if column.name in mapping.columns - set(names)]
    required = [column.name for column in missing if column.required]
    if required:
        raise ColumnsRefusedError(
            "the file lacks required columns",
            source=source.name,
            file=file,
            line=line,
            expected=", ".join(required),
            found=f"{len(names)} other columns",
            next_step="ask the vendor for the layout, then correct the SQL file or declare an alias",
        )
    # A file without its header has a row in that place. So no name is printed until most of them are known.
    check_known_columns(names, source, contract, file, line)
    check_unique(names, source, file, line)
    if unknown and source.extra_columns != "keep" and (missing or source.extra_columns == "refuse"):
        expected = ", ".join(column.name for column in missing)
        raise ColumnsRefusedError(
            "the file lacks columns and has unknown ones: one may be renamed" if missing else "unknown columns",
            source=source.name,
            file=file,
            line=line,
            expected=expected or "only columns of the SQL file",
            found=", ".join(unknown),
            next_step="declare an alias for a renamed column, or change the SQL file",
        )
    if missing:
        logger.warning(
            "%s: %s: columns not in the file, loaded as NULL: %s",
            source.name,
            file,
            [column.name for column in missing],
        )
    if unknown and source.extra_columns == "ignore":
        logger.warning("%s: %s: columns not in the SQL file, ignored: %s", source.name, file, list(unknown))
    extras = unknown if source.extra_columns == "keep" else ()
    return Layout(names, frozenset(names) & mapping.columns, extras)


def declared_layout(columns: Sequence[str], source: Source, contract: TableContract) -> Layout:
    """Return the layout of files without a header, from the columns in the declaration.

    Raises `DeclarationError` if a column is declared twice, if a required column or every column is missing, and if a
    column is unknown and the policy is `refuse`.
    """
    mapping = ColumnMapping(source, contract)
    names = tuple(map(mapping.column_for, columns))
    duplicates = sorted({name for name in names if names.count(name) > 1})
    unknown = [name for name in names if name not in mapping.columns]
    missing = [column.name for column in contract.columns if column.required and column.name not in names]
    problem: tuple[str, list[str]] | None = None
    if duplicates:
        problem = "a column is declared twice", duplicates
    elif missing:
        problem = "required columns of the SQL file are not declared", missing
    elif unknown and source.extra_columns == "refuse":
        problem = "declared columns are not in the SQL file, and the source refuses extra columns", unknown
    elif len(unknown) == len(names):
        problem = "none of the declared columns is in the SQL file", unknown
    if problem is not None:
        raise DeclarationError(problem[0], source=source.name, found=", ".join(sorted(problem[1])))
    return Layout(names, frozenset(names) & mapping.columns, tuple(unknown) if source.extra_columns == "keep" else ())


def headerless_layout(columns: Sequence[str], source: Source, contract: TableContract) -> Layout:
    """Return `declared_layout` of the declared columns; without any, of the SQL file's columns in their order."""
    in_contract = tuple(each.name for each in contract.columns if not each.type.startswith("map<"))
    return declared_layout(columns or in_contract, source, contract)


def check_known_columns(
    found: Iterable[str], source: Source, contract: TableContract, file: str, line: int | None
) -> None:
    """Raise `ColumnsRefusedError` if the file has fewer of the table's columns than `Source.min_known_columns`.

    A file of another source can have every required column. Without this check it would load as rows full of NULLs.

    :param found: the file's columns by the contract's names, as `ColumnMapping.column_for` returns them; unknown ones
        are not counted.
    """
    columns = ColumnMapping(source, contract).columns
    names = set(found)
    known = len(columns & names)
    if not known or known / len(columns) < source.min_known_columns:
        raise ColumnsRefusedError(
            f"only {known} of the table's {len(columns)} columns are in the file, which may be of another source",
            source=source.name,
            file=file,
            line=line,
            expected=f"at least {source.min_known_columns:.0%} of them (min_known_columns)",
            found=f"{known} known and {len(names - columns)} unknown columns",
            next_step=f"check that this is a file of {source.name}; if it is, declare aliases for renamed columns, or "
            "a lower min_known_columns",
        )


def check_unique(names: Iterable[str], source: Source, file: str, line: int | None) -> None:
    """Raise `ColumnsRefusedError` if a name appears twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ColumnsRefusedError(
                "two columns have the same name, apart from case, spaces and punctuation",
                source=source.name,
                file=file,
                line=line,
                column=name,
                next_step="ask the vendor which of them to load",
            )
        seen.add(name)


def describe_expected(contract: TableContract, formats: Mapping[str, str]) -> dict[str, str]:
    """Return, by column, what a valid cell is: type, declared format, NOT NULL."""
    return {
        column.name: column.type
        + (f" as {formats[column.name]}" if column.name in formats else "")
        + (" NOT NULL" if column.required else "")
        for column in contract.columns
    }
