"""Reads a source's contract from `include/schemas/<source>.sql`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.checks import ControlSum
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.errors import ContractError

if TYPE_CHECKING:
    from growth_verticals.checks import Check
    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source

SCHEMAS = Path(__file__).resolve().parents[3] / "include" / "schemas"


def contract_of(source: Source, folder: Path = SCHEMAS) -> TableContract:
    """Return the contract of `source`.

    Raises `ContractError` if the file is missing, names another table, or lacks a column that the declaration needs.
    """
    path = folder / f"{source.name}.sql"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ContractError(
            "the source has no SQL file", source=source.name, file=str(path), next_step="write its CREATE TABLE there"
        ) from None
    contract = read_ddl(text, file=path.name)
    if contract.identifier != source.table:
        raise ContractError(
            "the SQL file and the declaration name different tables",
            source=source.name,
            file=path.name,
            expected=source.table,
            found=contract.identifier,
        )
    if source.extra_columns == "keep" and ("extra", "map<string, string>") not in {
        (column.name, column.type) for column in contract.columns
    }:
        raise ContractError(
            "the declaration keeps extra columns, but the table has no column for them",
            source=source.name,
            file=path.name,
            next_step="add the column `extra MAP<STRING,STRING>`, or set extra_columns to ignore or refuse",
        )
    for check in source.checks:
        _require_columns(source, contract, check, path.name)
    return contract


def _require_columns(source: Source, contract: TableContract, check: Check, file: str) -> None:
    types = {column.name: column.type for column in contract.columns}
    for column in check.checked_columns:
        if column not in types:
            raise ContractError(
                f"the check {check.label!r} names a column that the SQL file lacks",
                source=source.name,
                file=file,
                column=column,
            )
        is_number = types[column] in ("int", "long") or types[column].startswith("decimal")
        if (isinstance(check, ControlSum) and not is_number) or types[column].startswith("map"):
            raise ContractError(
                f"the check {check.label!r} is not possible for a column of this type",
                source=source.name,
                file=file,
                column=column,
                expected="INT, BIGINT or DECIMAL" if isinstance(check, ControlSum) else "a type other than MAP",
                found=types[column],
            )
