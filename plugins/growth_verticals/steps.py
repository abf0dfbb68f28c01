"""The way of a delivery, one function a step. Operators and `./gv load` call these, and nothing else of the rooms.

    list_files ─> land ─> stage ─> commit ─> maintain

Each step may be repeated at any time: what an earlier attempt finished is found and not done twice.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from growth_verticals.contract.declared import contract_of
from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile, LoadResult, RemoteFile, StagedFile
    from growth_verticals.landing.origins import Origin
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source


def list_files(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    """Return the period's files that the vendor has put up so far, by name; the empty list when there is none."""
    from growth_verticals.landing.listing import list_delivery

    return list_delivery(origin, source, period)


def land(account: Account, origin: Origin, source: Source, period: Period, file: RemoteFile) -> LandedFile:
    """Copy one file byte for byte into the landing zone. A retry finds an equal copy and keeps that one."""
    from growth_verticals.landing.land import land_file

    return land_file(account, origin, source.name, period, file)


def stage(account: Account, source: Source, period: Period, landed: LandedFile) -> StagedFile:
    """Write one landed file's rows as Parquet under the table's location, referenced by no snapshot yet.

    Creates the table and its rejects table from the SQL file if missing. Memory is bounded by the block size, not by
    the file. A retry writes new Parquet files; those of the failed attempt are never referenced.
    """
    from growth_verticals.files import open_reader
    from growth_verticals.landing.land import open_landed
    from growth_verticals.tables.catalog import open_catalog
    from growth_verticals.tables.stage import stage_file

    contract = contract_of(source)
    with unquoted(source.name, landed.name), closing(open_landed(account, landed)) as raw:

        def reader() -> Reader:
            return open_reader(raw, landed.name, source, contract)

        return stage_file(open_catalog(account), contract, source.name, period, landed, reader)


def commit(
    account: Account, source: Source, period: Period, staged: Sequence[StagedFile], expected_rows: int | None = None
) -> LoadResult:
    """Put every staged file of a delivery into the table, in one snapshot, exactly once by (period, sha256).

    Raises `DeliveryRefusedError` when counts disagree or too many records were rejected; the rejects are kept then.
    """
    from growth_verticals.tables.catalog import open_catalog
    from growth_verticals.tables.commit import commit_delivery

    return commit_delivery(
        open_catalog(account),
        contract_of(source),
        source.name,
        period,
        staged,
        max_rejected=source.max_rejected,
        expected_rows=expected_rows,
    )


def maintain(account: Account, source: Source) -> list[str]:
    """Apply the source's maintenance settings where the live ones differ; return what was changed, in words."""
    from growth_verticals.tables.maintenance import apply_maintenance

    return apply_maintenance(account, source.table, source.maintenance)


@contextmanager
def unquoted(source: str, file: str) -> Iterator[None]:
    """Turn what Arrow raises into `FileRefusedError`: its messages quote cells, and would end in a log."""
    import pyarrow as pa

    try:
        yield
    except pa.ArrowException as error:
        raise FileRefusedError(
            "Arrow cannot read or write these records",
            source=source,
            file=file,
            found=type(error).__name__,
            next_step="run ./gv load with GV_DEBUG=1 on a machine that may show rows; it tells which cell",
        ) from (error if "GV_DEBUG" in os.environ else None)
