"""Proposes a patch for a file whose columns do not fit: a local file or a landed copy."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, BinaryIO

from growth_verticals.contract.declared import contract_of
from growth_verticals.drift import proposed
from growth_verticals.errors import ColumnsRefusedError, GrowthVerticalsError
from growth_verticals.landed_copies import hide_row_values
from growth_verticals.landing.land import open_landed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import LandedFile
    from growth_verticals.drift.proposed import ProposedPatch
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Source

logger = logging.getLogger(__name__)


def propose_patch(
    source: Source, period: Period, raw: BinaryIO, name: str, keys: KeyFinder | None = None
) -> ProposedPatch:
    """Return the patch of the SQL file and the declaration that would make a file's columns fit. Changes nothing.

    Reads the header and one block of records. See `drift/proposed.py` for the errors.

    :param raw: the file's bytes, seekable, as the vendor sent them.
    """
    with hide_row_values(source.name, name):
        return proposed.propose_patch(raw, name, source, contract_of(source), period, keys)


def propose_landed_patch(
    account: Account, source: Source, period: Period, landed: LandedFile, keys: KeyFinder | None = None
) -> ProposedPatch:
    """Return `propose_patch` of a landed copy."""
    with closing(open_landed(account, landed)) as raw:
        return propose_patch(source, period, raw, landed.name, keys)


def add_proposal(
    account: Account,
    source: Source,
    period: Period,
    landed: Sequence[LandedFile],
    refusal: ColumnsRefusedError,
    keys: KeyFinder | None,
) -> None:
    """Log the patch for the refused file, and add it to the refusal, which it must not hide if it fails itself."""
    # A member of an archive is called `archive!member`.
    for file in landed:
        if refusal.file == file.name or (refusal.file or "").startswith(f"{file.name}!"):
            try:
                patch = propose_landed_patch(account, source, period, file, keys)
            except (GrowthVerticalsError, OSError) as error:
                logger.info("%s: %s: no patch can be proposed: %s", source.name, file.name, type(error).__name__)
            else:
                logger.error("%s: %s: the columns do not fit.\n%s", source.name, file.name, patch.text())
                refusal.proposal = patch.text()
            return
