"""Names the members of an archive that have no rows, although others have some."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from growth_verticals.files.blocks import TextBlock
    from growth_verticals.files.unpack.compression import ByteStream

logger = logging.getLogger(__name__)

_NAMES_IN_LOG = 100
BlockT = TypeVar("BlockT")


class CountedMembers:
    """Iterates over members, and at their end warns about those without rows.

    There is no warning if no member has a row: then the file counts as empty (`FileResult`).
    """

    def __init__(self, members: Iterable[tuple[str, ByteStream]], source: str) -> None:
        self._members = members
        self._source = source
        self._has_rows = False

    def __iter__(self) -> Iterator[tuple[str, ByteStream]]:
        with_rows, without_rows = 0, []
        for name, stream in self._members:
            self._has_rows = False
            yield name, stream
            if self._has_rows:
                with_rows += 1
            else:
                without_rows.append(name)
        if with_rows and without_rows:
            names = ", ".join(without_rows[:_NAMES_IN_LOG]) + ", ..." * (len(without_rows) > _NAMES_IN_LOG)
            logger.warning(
                "%s: %d of %d members have no rows; ask the vendor if that is not expected: %s",
                *(self._source, len(without_rows), with_rows + len(without_rows), names),
            )

    def count(self, blocks: Iterable[BlockT]) -> Iterator[BlockT]:
        """Yield the blocks of the current member, which all have rows."""
        for block in blocks:
            self._has_rows = True
            yield block

    def count_text(self, blocks: Iterable[TextBlock]) -> Iterator[TextBlock]:
        """Yield the text blocks of the current member, which can have blank lines only."""
        for block in blocks:
            self._has_rows = self._has_rows or block.has_record
            yield block
