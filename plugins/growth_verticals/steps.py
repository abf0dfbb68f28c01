"""The steps of a load, one function per step. The Airflow operators and `./gv load` both call them.

    list_files ─> land ─> stage ─> commit ─> maintain

Each step can be repeated at any time. It finds what an earlier attempt finished, and does not do it twice. `replay`
reads rejected records again after a fix, and loads those that are valid now.
"""

from __future__ import annotations

import logging
import os
import traceback
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.contract.declared import contract_of
from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.errors import FileRefusedError, GrowthVerticalsError

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

logger = logging.getLogger(__name__)

#: What a wrong record makes Python code raise.
_CAUSED_BY_RECORDS = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError, RuntimeError)
#: Files that `land_all` copies at the same time.
MAX_CONCURRENT_LANDINGS = 8


def list_files(origin: Origin, source: Source, period: Period) -> list[RemoteFile]:
    """Return the period's files that are at the origin now, sorted by name. The list can be empty."""
    from growth_verticals.landing.listing import list_delivery

    return list_delivery(origin, source, period)


def land(account: Account, origin: Origin, source: Source, period: Period, file: RemoteFile) -> LandedFile:
    """Copy one file byte for byte into the landing zone. A retry finds an identical copy and keeps it."""
    from growth_verticals.landing.land import land_file

    return land_file(account, origin, source.name, period, file)


def land_all(
    account: Account, origin: Origin, source: Source, period: Period, files: Sequence[RemoteFile]
) -> list[LandedFile]:
    """Land several files, and return them in the same order.

    Lands `MAX_CONCURRENT_LANDINGS` at a time if all files are small and have different names, otherwise one at a time.
    """
    same_names = len({file.name for file in files}) < len(files)
    one_at_a_time = same_names or any(file.size > SMALL_FILE_BYTES for file in files)
    with ThreadPoolExecutor(1 if one_at_a_time else MAX_CONCURRENT_LANDINGS, "land") as pool:
        return list(pool.map(lambda file: land(account, origin, source, period, file), files))


def stage(
    account: Account, source: Source, period: Period, landed: Sequence[LandedFile], keys: KeyFinder | None = None
) -> list[StagedFile]:
    """Write the rows of landed files as Parquet data files in the table's location. No snapshot refers to them yet.

    Creates the table and its rejects table from the SQL file if they do not exist. Memory depends on the block size,
    not on the size of the files. A retry writes new data files; no snapshot ever refers to those of a failed attempt.

    :param landed: files to stage as one batch. A commit adopts all of them or none.
    :param keys: finds the OpenPGP keys that the declaration names. Default: in environment variables.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.stage import stage_files

    contract = contract_of(source)

    def open_file(file: LandedFile) -> AbstractContextManager[Reader]:
        return _open_reader(account, source, contract, file, keys)

    with hide_row_values(source.name, landed[0].name if len(landed) == 1 else None):
        return stage_files(open_catalog(account), contract, source.name, period, landed, open_file)


def commit(
    account: Account, source: Source, period: Period, staged: Sequence[StagedFile], expected_rows: int | None = None
) -> LoadResult:
    """Commit all staged files of a delivery to the table in one snapshot, each (period, sha256) exactly once.

    A file without rows is not refused, because a day without records is a delivery too. Its status and a warning in
    the log say so. Raises `DeliveryRefusedError` if counts disagree or too many records were rejected. The rejects are
    still kept.

    :param expected_rows: number of rows in all files according to the sender; None if it is not known.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.commit import commit_delivery

    result = commit_delivery(
        open_catalog(account),
        contract_of(source),
        source.name,
        period,
        staged,
        max_rejected=source.max_rejected,
        expected_rows=expected_rows,
    )
    for name in result.files_without_rows:
        logger.warning("%s %s: %s has no rows; ask the vendor if that is not expected", source.name, period, name)
    return result


def maintain(account: Account, source: Source) -> list[str]:
    """Apply the source's maintenance settings where the live ones differ. Return a text for each change."""
    from growth_verticals.bucket.maintenance import apply_maintenance

    return apply_maintenance(account, source.table, source.maintenance)


def replay(
    account: Account, source: Source, period: Period, names: Collection[str] | None = None
) -> list[ReplayedFile]:
    """Read the period's rejected records again from the landed copies, and load those that are valid now, exactly once.

    See `tables/replay.py` for what a retry finds and which errors are raised.

    :param names: names of the files to replay. Default: all.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.landing.find import find_landed
    from growth_verticals.tables.replay import replay_rejected

    contract = contract_of(source)

    @contextmanager
    def open_landed_file(name: str, sha256: str) -> Iterator[Reader | None]:
        landed = find_landed(account, source.name, period, name, sha256)
        if landed is None:
            yield None
            return
        with _open_reader(account, source, contract, landed) as reader:
            yield reader

    return replay_rejected(open_catalog(account), contract, source.name, period, open_landed_file, names)


def header_line(account: Account, source: Source, period: Period, name: str, sha256: str) -> str | None:
    """Return a landed file's header line with its line ending.

    Returns an empty string if the file has no header, and None if the landed copy does not exist any more.
    """
    from growth_verticals.files import export
    from growth_verticals.landing.find import find_landed

    landed = find_landed(account, source.name, period, name, sha256)
    if landed is None:
        return None
    with _open_reader(account, source, contract_of(source), landed) as reader:
        return export.header_line(reader)


@contextmanager
def _open_reader(
    account: Account,
    source: Source,
    contract: TableContract,
    landed: LandedFile,
    keys: KeyFinder | None = None,
) -> Iterator[Reader]:
    """Yield a reader of the landed copy, and close the copy afterwards."""
    from growth_verticals.files import open_reader
    from growth_verticals.landing.land import open_landed

    with hide_row_values(source.name, landed.name), closing(open_landed(account, landed)) as raw:
        yield open_reader(raw, landed.name, source, contract, keys)


@contextmanager
def hide_row_values(source: str, file: str | None) -> Iterator[None]:
    """Replace the exceptions that a record can cause with `FileRefusedError`, without their text.

    Arrow's and Python's messages quote cells, which must not be logged. Errors of this package, of the services and of
    the operating system pass unchanged.
    """
    import pyarrow as pa

    try:
        yield
    except (GrowthVerticalsError, OSError, MemoryError):
        raise
    except (pa.ArrowException, *_CAUSED_BY_RECORDS) as error:
        who = "Arrow" if isinstance(error, pa.ArrowException) else "this program"
        raise FileRefusedError(
            f"{who} cannot read or write these records",
            source=source,
            file=file,
            found=f"{type(error).__name__} in {_place_of(error)}",
            next_step="run ./gv load with GV_DEBUG=1 on a machine that may show rows; the output shows the cell",
        ) from (error if "GV_DEBUG" in os.environ else None)


def _place_of(error: Exception) -> str:
    """Return the function, file and line in this package that raised an exception."""
    frames = traceback.extract_tb(error.__traceback__)
    package = str(Path(__file__).parent)
    frame = next((frame for frame in reversed(frames) if frame.filename.startswith(package)), frames[-1])
    return f"{frame.name} ({Path(frame.filename).name}:{frame.lineno})"
