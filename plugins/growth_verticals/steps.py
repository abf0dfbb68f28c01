"""The steps of a load, one function per step. The Airflow operators and `./gv load` both call them.

    poll ─> land ─> stage ─> check ─> commit ─> maintain

Each step can be repeated at any time. It finds what an earlier attempt finished, and does not do it twice. `replay`
reads rejected records again after a fix, and loads those that are valid now.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from growth_verticals.contract.declared import contract_of
from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.errors import ColumnsRefusedError, GrowthVerticalsError
from growth_verticals.landed_copies import NamingReader, hide_row_values, open_reader_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import Actor, Answer, LandedFile, LoadResult, RemoteFile, Restatement, StagedFile
    from growth_verticals.files.cuts import Piece
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.landing.complete import Listing
    from growth_verticals.landing.origins import Origin
    from growth_verticals.progress import Progress
    from growth_verticals.quality.report import CheckReport
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source
    from growth_verticals.tables.replay import ReplayedFile
    from growth_verticals.tables.restated import RestatedRule

logger = logging.getLogger(__name__)

#: By how much compressed text expands, at most, as far as it matters here.
_MAX_RATIO = 10
#: Files that `land_all` copies at the same time.
MAX_CONCURRENT_LANDINGS = 8


def poll(origin: Origin, source: Source, period: Period) -> Listing:
    """Return what is at the origin for the period now. A `Watch` decides from several polls what is complete."""
    from growth_verticals.landing.listing import list_delivery

    return list_delivery(origin, source, period)


def land(account: Account, origin: Origin, source: Source, period: Period, file: RemoteFile) -> LandedFile:
    """Copy one file byte for byte into the landing zone. A retry finds an identical copy and keeps it.

    Of a file that is larger than a unit, it also stores where it can be cut (`cut_files.py`).

    Raises `DeliveryRefusedError` for a period that is older than what the source keeps.
    """
    from growth_verticals.landing.land import land_file

    source.require_kept(period, datetime.now(UTC))
    if not may_be_cut(source, file):
        return land_file(account, origin, source.name, period, file)
    from growth_verticals.cut_files import land_and_cut

    return land_and_cut(account, origin, source, period, file)


def may_be_cut(source: Source, file: RemoteFile | LandedFile) -> bool:
    """Whether a file can have more text than a unit, so that it is worth a closer look, with heavier imports."""
    return file.size * _MAX_RATIO > source.unit_bytes


def land_all(
    account: Account, origin: Origin, source: Source, period: Period, files: Sequence[RemoteFile]
) -> list[LandedFile]:
    """Land several files, and return them in the same order. The first failure stops the others.

    Lands `MAX_CONCURRENT_LANDINGS` at a time if all files are small and have different names, and if several threads
    can read the origin. Otherwise one at a time. Every error of this package names its file.
    """
    same_names = len({file.name for file in files}) < len(files)
    one_at_a_time = same_names or not origin.is_thread_safe or any(file.size > SMALL_FILE_BYTES for file in files)

    def land_one(file: RemoteFile) -> LandedFile:
        try:
            return land(account, origin, source, period, file)
        except Exception as error:
            pool.shutdown(wait=False, cancel_futures=True)
            if isinstance(error, GrowthVerticalsError):
                error.file = error.file or file.name
            raise

    with ThreadPoolExecutor(1 if one_at_a_time else MAX_CONCURRENT_LANDINGS, "land") as pool:
        return list(pool.map(land_one, files))


def stage(
    account: Account,
    source: Source,
    period: Period,
    landed: Sequence[LandedFile],
    keys: KeyFinder | None = None,
    *,
    again: bool = False,
    watch: Callable[[LandedFile], Progress] | None = None,
    piece: Mapping[str, Any] | None = None,
    staged_at: int | None = None,
) -> list[StagedFile]:
    """Write the rows of landed files as Parquet data files in the table's location. No snapshot refers to them yet.

    Creates the table and its rejects table from the SQL file if they do not exist. Memory depends on the block size,
    not on the size of the files. A retry writes new data files; no snapshot ever refers to those of a failed attempt.

    :param landed: files to stage as one batch. A commit adopts all of them or none.
    :param keys: finds the OpenPGP keys that the declaration names. Default: in environment variables.
    :param again: whether to stage files too that the table holds already, for a reload.
    :param watch: returns what is told how far staging has come with a file. Default: nobody is.
    :param piece: which part of the first file is staged, as a mapping. `join_pieces` makes a file of all its pieces.
    :param staged_at: the name of the staging, in microseconds since 1970. Default: now.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.stage import stage_files

    contract = contract_of(source)
    readers: list[Reader] = []
    part = None
    if piece is not None:
        from growth_verticals.files.cuts import Piece

        part = Piece.from_fields(dict(piece))

    @contextmanager
    def open_file(file: LandedFile) -> Iterator[Reader]:
        progress = watch(file) if watch else None
        with open_reader_of(account, source, period, contract, file, keys, progress, part) as reader:
            readers.append(reader)
            yield NamingReader(reader, source.name, file.name)

    try:
        with hide_row_values(source.name, landed[0].name if len(landed) == 1 else None):
            staged = stage_files(
                *(open_catalog(account), contract, source.name, period, landed, open_file),
                again=again,
                staged_at=staged_at,
            )
    except ColumnsRefusedError as error:
        from growth_verticals.drift.landed import add_proposal

        add_proposal(account, source, period, landed, error, keys)
        raise
    if part is not None:
        from growth_verticals.cut_files import staged_piece

        staged[0] = staged_piece(staged[0], part, readers, staged_at)
    return staged


def pieces_of(account: Account, source: Source, period: Period, landed: LandedFile) -> Sequence[Piece]:
    """Return the pieces in which a landed file that `may_be_cut` is staged; none for a file that is one unit."""
    from growth_verticals.cut_files import pieces_of

    return pieces_of(account, source, period, landed)


def join_pieces(account: Account, source: Source, period: Period, staged: Sequence[StagedFile]) -> list[StagedFile]:
    """Return the staged files, each of whose pieces is now one file. See `cut_files.py` for the errors."""
    if all(file.piece is None for file in staged):
        return list(staged)
    from growth_verticals.cut_files import join_pieces

    return join_pieces(account, source, period, staged)


def check(
    account: Account,
    source: Source,
    period: Period,
    staged: Sequence[StagedFile],
    *,
    expected_sums: Mapping[str, str] | None = None,
    leaving: Collection[str] | None = None,
    is_whole: bool = True,
) -> CheckReport:
    """Return what is known about a staged delivery, and what the source's checks find. Changes nothing.

    Without checks it reads metadata only. Calling it again is always safe. See `quality/check.py` for the errors.

    :param expected_sums: column → the sum over the delivery according to the sender, as a decimal number in text.
    :param leaving: digests of loaded files whose rows a restatement is going to remove. Default: those that the files
        replace by the declaration, or would replace if a person says so.
    :param is_whole: as for `commit`.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.quality.check import check_delivery
    from growth_verticals.tables.restated import find_restatement

    catalog, contract = open_catalog(account), contract_of(source)
    if leaving is None:
        rule = _restated_rule(source, None, is_whole=is_whole)
        restatement = find_restatement(catalog, contract, source.name, period, staged, rule)
        leaving = {file.sha256 for file in restatement.leaves} if restatement else ()
    return check_delivery(
        catalog,
        contract,
        source.name,
        period,
        staged,
        source.checks,
        expected_sums=expected_sums,
        leaving=leaving,
    )


def commit(
    account: Account,
    source: Source,
    period: Period,
    staged: Sequence[StagedFile],
    expected_rows: int | None = None,
    report: CheckReport | None = None,
    answer: Answer | None = None,
    *,
    is_whole: bool = True,
    actor: Actor | None = None,
) -> LoadResult:
    """Commit all staged files of a delivery to the table in one snapshot, each (period, sha256) exactly once.

    A file without rows is not refused, because a day without records is a delivery too. Its status and a warning in
    the log say so. The profile of the delivery is then stored next to its receipts. Raises `DeliveryRefusedError` if
    the checks refuse the delivery or nobody approved it, if counts disagree, or if too many records were rejected; then
    the rejects are still kept. Raises `RestatedError` if it would replace loaded files and nobody agreed to that.

    :param expected_rows: number of rows in all files according to the sender; None if it is not known.
    :param report: what `check` returned for these staged files. None: the checks are made now.
    :param answer: what a person answered, if the report asks or `find_restated` found something.
    :param is_whole: whether the files are all that the vendor has for the period; False if a person named them.
    :param actor: who loads it, for the snapshots' summaries. A person who answered is named instead.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.quality.report import require_approved
    from growth_verticals.quality.store import store_profile
    from growth_verticals.tables.commit import commit_delivery

    if report is None:
        removes = None if answer is None or answer.action == "load" else answer.removes
        report = check(account, source, period, staged, leaving=removes, is_whole=is_whole)
    for finding in report.with_outcome("warn"):
        logger.warning("%s %s: %s", source.name, period, finding.sentence())
    catalog, contract = open_catalog(account), contract_of(source)
    result = commit_delivery(
        catalog,
        contract,
        source.name,
        period,
        staged,
        max_rejected=source.max_rejected,
        expected_rows=expected_rows,
        restated=_restated_rule(source, answer, is_whole=is_whole),
        gate=partial(require_approved, report, staged, answer),
        actor=actor,
    )
    if report.is_pending:
        store_profile(account, catalog, contract, period, report, staged)
    for name in result.files_without_rows:
        logger.warning("%s %s: %s has no rows; ask the vendor if that is not expected", source.name, period, name)
    return result


def find_restated(
    account: Account,
    source: Source,
    period: Period,
    staged: Sequence[StagedFile],
    *,
    is_whole: bool = True,
    whole_period: bool | None = None,
) -> Restatement | None:
    """Return which loaded files the staged ones would replace, with counts; None if they replace nothing.

    It is what a person must know before the commit, and whether one must be asked. Changes nothing. Memory: three
    columns of one row group, and the names and digests of the period's files.

    :param is_whole: as for `commit`.
    :param whole_period: whether all other files of the period would leave. Default: as the source declares.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.restated import find_restatement

    rule = _restated_rule(source, None, is_whole=is_whole)
    return find_restatement(
        open_catalog(account), contract_of(source), source.name, period, staged, rule, whole_period=whole_period
    )


def _restated_rule(source: Source, answer: Answer | None, *, is_whole: bool) -> RestatedRule:
    from growth_verticals.tables.restated import RestatedRule

    return RestatedRule(policy=source.restated, pattern=source.delivery.pattern, answer=answer, is_whole=is_whole)


def maintain(account: Account, source: Source) -> list[str]:
    """Apply the source's maintenance settings where the live ones differ. Return a text for each change."""
    from growth_verticals.bucket.maintenance import apply_maintenance

    return apply_maintenance(account, source.table, source.maintenance)


def replay(
    account: Account,
    source: Source,
    period: Period,
    names: Collection[str] | None = None,
    *,
    sha256s: Collection[str] | None = None,
    actor: Actor | None = None,
    keys: KeyFinder | None = None,
) -> list[ReplayedFile]:
    """Read the period's rejected records again from the landed copies, and load those that are valid now, exactly once.

    See `tables/replay.py` for what a retry finds and which errors are raised. Also raises `DeliveryRefusedError` for a
    period that is older than what the source keeps.

    :param names: names of the files to replay. Default: all.
    :param sha256s: of these files, only those with these digests. Default: all.
    :param actor: who replays them, for the snapshots' summaries.
    :param keys: as for `stage`.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.landing.find import find_landed
    from growth_verticals.tables.replay import replay_rejected

    source.require_kept(period, datetime.now(UTC))
    contract = contract_of(source)

    @contextmanager
    def open_landed_file(name: str, sha256: str) -> Iterator[Reader | None]:
        landed = find_landed(account, source.name, period, name, sha256)
        if landed is None:
            yield None
            return
        with open_reader_of(account, source, period, contract, landed, keys) as reader:
            yield reader

    return replay_rejected(
        open_catalog(account),
        contract,
        source.name,
        period,
        open_landed_file,
        names,
        sha256s=sha256s,
        actor=actor,
    )


def header_line(account: Account, source: Source, period: Period, name: str, sha256: str) -> str | None:
    """Return a landed file's header line with its line ending.

    Returns an empty string if the file has no header, and None if the landed copy does not exist any more.
    """
    from growth_verticals.files import export
    from growth_verticals.landing.find import find_landed

    landed = find_landed(account, source.name, period, name, sha256)
    if landed is None:
        return None
    with open_reader_of(account, source, period, contract_of(source), landed) as reader:
        return export.header_line(reader)
