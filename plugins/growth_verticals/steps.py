"""The way of a delivery, one function a step. Operators and `./gv load` call these, and nothing else of the rooms.

    list_files ─> land ─> stage ─> commit ─> maintain

Each step may be repeated at any time: what an earlier attempt finished is found and not done twice. `replay` loads,
after a fix, what was rejected on this way.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from growth_verticals.contract.declared import contract_of
from growth_verticals.delivery import SMALL_BYTES
from growth_verticals.errors import FileRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from contextlib import AbstractContextManager

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import LandedFile, LoadResult, RemoteFile, StagedFile
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.landing.origins import Origin
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source
    from growth_verticals.tables.replay import ReplayedFile

LANDINGS = 8


def list_files(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    """Return the period's files that the vendor has put up so far, by name; the empty list when there is none."""
    from growth_verticals.landing.listing import list_delivery

    return list_delivery(origin, source, period)


def land(account: Account, origin: Origin, source: Source, period: Period, file: RemoteFile) -> LandedFile:
    """Copy one file byte for byte into the landing zone. A retry finds an equal copy and keeps that one."""
    from growth_verticals.landing.land import land_file

    return land_file(account, origin, source.name, period, file)


def land_all(
    account: Account, origin: Origin, source: Source, period: Period, files: Sequence[RemoteFile]
) -> list[LandedFile]:
    """Land several files, in their order; `LANDINGS` at a time if all are small and no two have the same name."""
    alike = len({file.name for file in files}) < len(files)
    at_once = 1 if alike or any(file.size > SMALL_BYTES for file in files) else LANDINGS
    with ThreadPoolExecutor(at_once, "land") as pool:
        return list(pool.map(lambda file: land(account, origin, source, period, file), files))


def stage(
    account: Account, source: Source, period: Period, landed: Sequence[LandedFile], keys: KeyFinder | None = None
) -> list[StagedFile]:
    """Write landed files' rows as Parquet under the table's location, referenced by no snapshot yet.

    Creates the table and its rejects table from the SQL file if missing. Memory is bounded by the block size, not by
    the files. A retry writes new Parquet files; those of the failed attempt are never referenced.

    :param landed: files that are committed together or not at all.
    :param keys: finds the OpenPGP keys that the declaration names; default in the environment.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.stage import stage_files

    contract = contract_of(source)

    def open_one(file: LandedFile) -> AbstractContextManager[Reader]:
        return _reader_of(account, source, contract, file, keys)

    return stage_files(open_catalog(account), contract, source.name, period, landed, open_one)


def commit(
    account: Account, source: Source, period: Period, staged: Sequence[StagedFile], expected_rows: int | None = None
) -> LoadResult:
    """Put every staged file of a delivery into the table, in one snapshot, exactly once by (period, sha256).

    Raises `DeliveryRefusedError` when counts disagree or too many records were rejected; the rejects are kept then.
    """
    from growth_verticals.catalog.rest import open_catalog
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
    from growth_verticals.bucket.maintenance import apply_maintenance

    return apply_maintenance(account, source.table, source.maintenance)


def replay(
    account: Account, source: Source, period: Period, names: Collection[str] | None = None
) -> list[ReplayedFile]:
    """Read the period's rejected records again from the landed copies, and load those that pass now, exactly once.

    See `tables/replay.py` for what a retry finds and what is raised.

    :param names: of the files to replay; all by default.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.landing.find import find_landed
    from growth_verticals.tables.replay import replay_rejected

    contract = contract_of(source)

    @contextmanager
    def open_again(name: str, sha256: str) -> Iterator[Reader | None]:
        landed = find_landed(account, source.name, period, name, sha256)
        if landed is None:
            yield None
            return
        with _reader_of(account, source, contract, landed) as reader:
            yield reader

    return replay_rejected(open_catalog(account), contract, source.name, period, open_again, names)


def header_line(account: Account, source: Source, period: Period, name: str, sha256: str) -> str | None:
    """Return a landed file's header line with its line end; nothing if it has none, None if the copy is gone."""
    from growth_verticals.files import export
    from growth_verticals.landing.find import find_landed

    landed = find_landed(account, source.name, period, name, sha256)
    if landed is None:
        return None
    with _reader_of(account, source, contract_of(source), landed) as reader:
        return export.header_line(reader)


@contextmanager
def _reader_of(
    account: Account,
    source: Source,
    contract: TableContract,
    landed: LandedFile,
    keys: KeyFinder | None = None,
) -> Iterator[Reader]:
    """Yield a reader of the landed copy, which is closed behind it."""
    from growth_verticals.files import open_reader
    from growth_verticals.landing.land import open_landed

    with unquoted(source.name, landed.name), closing(open_landed(account, landed)) as raw:
        yield open_reader(raw, landed.name, source, contract, keys)


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
