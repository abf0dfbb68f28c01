"""Large files in pieces: cut while they land, planned, staged piece by piece, and joined again before the commit.

A piece is the records from one cut to another, so rows, line numbers and rejects are those of the whole file. All
pieces of a file belong to one staging: the plan names it (`staged_at`), and a commit sees the joined file only.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, cast

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryRefusedError, GrowthVerticalsError
from growth_verticals.files.cuts import CutIndex, Piece, can_be_cut, dialect_of, spacing_for, usual_content
from growth_verticals.files.cutting import CutFinder
from growth_verticals.files.pieces import check_pieces
from growth_verticals.landing.cut_indexes import read_cut_index, write_cut_index
from growth_verticals.landing.land import land_file
from growth_verticals.reader import PieceFacts
from growth_verticals.tables.staged import read_staged_manifest, write_staged_manifest
from growth_verticals.units import MAX_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile, RemoteFile, StagedFile
    from growth_verticals.files.pieces import PieceReader
    from growth_verticals.landing.origins import Origin
    from growth_verticals.reader import Reader
    from growth_verticals.source import Source

logger = logging.getLogger(__name__)

#: Cuts in a unit, at least: more of them make units of more equal size.
_CUTS_PER_UNIT = 8
_MIN_SPACING = 2**10


def is_worth_cutting(source: Source, file: RemoteFile | LandedFile) -> bool:
    """Whether a file probably has more text than one unit, in a format that can be cut."""
    return can_be_cut(source.format) and usual_content(file.name, file.size) > source.unit_bytes


def land_and_cut(account: Account, origin: Origin, source: Source, period: Period, file: RemoteFile) -> LandedFile:
    """Land a file as `land_file` does, and store where it can be cut if it is larger than a unit.

    A copy that exists is kept, with the index that it has: a process that dies between the two leaves a file that is
    one unit.
    """
    if not is_worth_cutting(source, file):
        return land_file(account, origin, source.name, period, file)
    spacing = min(spacing_for(file.name, file.size), max(_MIN_SPACING, source.unit_bytes // _CUTS_PER_UNIT))
    finders: list[CutFinder] = []

    def watch() -> CutFinder:
        form = source.in_period(period).format
        finders.append(CutFinder(file.name, form, source.name, spacing=spacing))
        return finders[-1]

    landed = land_file(account, origin, source.name, period, file, watch=watch)
    if finders:
        _store_cuts(account, source, finders[-1], landed)
    return landed


def _store_cuts(account: Account, source: Source, finder: CutFinder, landed: LandedFile) -> None:
    index = finder.finish(size=landed.size, sha256=landed.sha256, etag=landed.etag)
    if index.reason:
        logger.info("%s: %s is one unit: %s", source.name, landed.name, index.reason)
    write_cut_index(account, landed, index.to_json(), index.windows)


def pieces_of(account: Account, source: Source, period: Period, landed: LandedFile) -> tuple[Piece, ...]:
    """Return the pieces of a landed file, each of about `unit_gb` of text, at most `MAX_UNITS`; none for one unit.

    A file whose index is missing, damaged, of another file, or of another declaration of the format is one unit, which
    is always right.
    """
    if not is_worth_cutting(source, landed) or (stored := read_cut_index(account, landed)) is None:
        return ()
    try:
        index = CutIndex.from_json(stored, sha256=landed.sha256, etag=landed.etag, size=landed.size)
    except GrowthVerticalsError as error:
        logger.warning("%s: %s is one unit: %s", source.name, landed.name, error)
        return ()
    if index.dialect != dialect_of(source.in_period(period).format):
        logger.info("%s: %s is one unit: it was cut under another declaration of its format", source.name, landed.name)
        return ()
    pieces = index.pieces(max(source.unit_bytes, -(-index.content_size // MAX_UNITS)))
    return pieces if len(pieces) > 1 else ()


def staged_piece(staged: StagedFile, piece: Piece, readers: Sequence[Reader], staged_at: int | None) -> StagedFile:
    """Return what was staged of a piece, with what it says about the whole file.

    :param readers: that of the piece; none if the table holds the file, so that it was not read.
    :param staged_at: the staging that the plan named. The piece has it even if it was not read.
    """
    facts = cast("PieceReader", readers[0]).facts if readers else PieceFacts()
    part = {"number": piece.number, "count": piece.count, "facts": asdict(facts)}
    return replace(staged, staged_at=staged_at or staged.staged_at, piece=part)


def join_pieces(account: Account, source: Source, period: Period, staged: Sequence[StagedFile]) -> list[StagedFile]:
    """Return the files of which pieces were staged, each as one; the others as they are. The order is kept.

    Writes one staged manifest for each table and file, which lists the data files of all its pieces. Calling it again
    writes another. Memory: the entries of the file's data files.

    Raises `DeliveryRefusedError` if a piece is missing, if pieces come from different plans, or if they show that the
    whole file must be refused.
    """
    groups: dict[str, list[StagedFile]] = {}
    for file in staged:
        if file.piece is not None:
            groups.setdefault(file.sha256, []).append(file)
    joined = {sha256: _join(account, source, period, pieces) for sha256, pieces in groups.items()}
    return [
        joined.pop(file.sha256) if file.piece else file for file in staged if not file.piece or file.sha256 in joined
    ]


def _join(account: Account, source: Source, period: Period, pieces: list[StagedFile]) -> StagedFile:
    first, rows_read = pieces[0], sum(piece.rows_read for piece in pieces)
    if any(piece.status == "already_loaded" for piece in pieces):
        counts: dict[str, Any] = {"rows_read": 0, "rows_valid": 0, "rows_rejected": 0, "staged_at": 0}
        return replace(first, status="already_loaded", piece=None, manifest=None, rejects_manifest=None, **counts)
    _require_whole(source, pieces)
    contract = contract_of(source)
    facts = [PieceFacts(**_piece(piece)["facts"]) for piece in pieces]
    check_pieces(facts, rows_read, source, contract, first.name, period)
    catalog = open_catalog(account)
    manifests: dict[str, Any] = {}
    for name, each in (("manifest", contract), ("rejects_manifest", rejects_contract(contract))):
        table = ensure_table(catalog, each)
        uris = [getattr(piece, name) for piece in pieces]
        files = [file for uri in uris for file in read_staged_manifest(table, uri, source.name)]
        manifests[name] = write_staged_manifest(table, files)
    return replace(
        first,
        piece=None,
        rows_read=rows_read,
        rows_valid=sum(piece.rows_valid for piece in pieces),
        rows_rejected=sum(piece.rows_rejected for piece in pieces),
        expected_sums=tuple(
            {column: (column, total) for piece in pieces for column, total in piece.expected_sums}.values()
        ),
        **manifests,
    )


def _require_whole(source: Source, pieces: Sequence[StagedFile]) -> None:
    count = int(_piece(pieces[0])["count"])
    numbers = [(int(_piece(piece)["number"]), int(_piece(piece)["count"])) for piece in pieces]
    stagings = {piece.staged_at for piece in pieces}
    if numbers != [(number, count) for number in range(1, count + 1)] or len(stagings) > 1:
        raise DeliveryRefusedError(
            "the staged pieces are not the whole file",
            source=source.name,
            file=pieces[0].name,
            expected=f"{count:,} pieces of one plan",
            found=f"{len(set(numbers)):,} of {len(stagings):,} plan(s)",
            next_step="clear the task plan of this run, with all that follows: the pieces are then staged again",
        )


def _piece(file: StagedFile) -> dict[str, Any]:
    return dict(file.piece or {})
