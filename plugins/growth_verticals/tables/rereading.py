"""Read a file's rejected records again, under the current contract."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap64

from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import row_numbers
from growth_verticals.tables.rejected import count_reasons
from growth_verticals.tables.writer import DataFileWriter, provenance_values

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.reader import Block, ParsedBlock, Reader
    from growth_verticals.tables.rejected import RejectedRows


@dataclass(frozen=True, kw_only=True)
class RereadFile:
    """A file's rejected records after they were read again, each by its `source_row`.

    `rejected_before` = `already_loaded` + `now_valid` + `still_rejected`.

    :param staged_at: the staging whose rows the table holds; new rows and rejects join it.
    :param rejected_before: the records that are in the rejects table.
    :param already_loaded: of these, the ones that the table holds too, because an earlier replay did not finish.
    :param now_valid: of these, the ones whose rows are in `data_files`.
    :param still_rejected: of these, the ones that are in `reject_files`.
    :param is_unchanged: whether all records are still rejected, for the same reasons.
    """

    name: str
    sha256: str
    staged_at: int
    rejected_before: BitMap64
    already_loaded: BitMap64
    now_valid: BitMap64
    still_rejected: BitMap64
    data_files: list[DataFile]
    reject_files: list[DataFile]
    is_unchanged: bool


class FileRereader:
    """Reads one file's rejected records again, and stages them as rows or as rejects."""

    def __init__(
        self,
        table: Table,
        rejects_table: Table,
        contract: TableContract,
        source_name: str,
        period: Period,
        file: RejectedRows,
        sha256: str,
        staged_at: int,
    ) -> None:
        self._provenance = provenance_values(period.key, file.name, sha256, staged_at)
        self._rows_writer = DataFileWriter(table, contract)
        self._rejects_writer = DataFileWriter(rejects_table, rejects_contract(contract))
        self._source_name = source_name
        self._file = file
        self._sha256 = sha256
        self._staged_at = staged_at
        self._now_valid, self._still_rejected = BitMap64(), BitMap64()
        self._reasons: Counter[tuple[str | None, ...]] = Counter()

    def run(self, reader: Reader, loaded: BitMap64) -> RereadFile:
        """Stage the rejected records that are not in the table, and return the result.

        :param loaded: `source_row` of the file's records that are in the table.
        """
        rejected_before = self._file.rows
        to_read, known_rows = rejected_before - loaded, rejected_before | loaded
        try:
            self._read(reader, to_read, known_rows)
            if to_read != self._now_valid | self._still_rejected:
                raise self._row_numbers_changed()
            data_files, reject_files = self._rows_writer.close(), self._rejects_writer.close()
        except BaseException:
            self._rows_writer.abort()
            self._rejects_writer.abort()
            raise
        return RereadFile(
            name=self._file.name,
            sha256=self._sha256,
            staged_at=self._staged_at,
            rejected_before=rejected_before,
            already_loaded=rejected_before & loaded,
            now_valid=self._now_valid,
            still_rejected=self._still_rejected,
            data_files=data_files,
            reject_files=reject_files,
            is_unchanged=rejected_before == self._still_rejected and self._file.reasons == self._reasons,
        )

    def _read(self, reader: Reader, to_read: BitMap64, known_rows: BitMap64) -> None:
        for block, end in _with_ends(reader.blocks(), known_rows.max() + 1):
            if end < block.first_row:
                raise self._row_numbers_changed()  # numbers that start over do not identify a record
            block_rows = BitMap64(range(block.first_row, end))
            if block_to_read := to_read & block_rows:
                parsed = reader.parse(block)
                if _source_rows(parsed) != known_rows & block_rows:
                    raise self._row_numbers_changed()
                self._stage(parsed, pa.array(block_to_read, pa.int64()))

    def _stage(self, parsed: ParsedBlock, source_rows: pa.Array) -> None:
        rows, rejects = (
            batch.filter(pc.is_in(batch.column("source_row"), value_set=source_rows))
            for batch in (parsed.rows, parsed.rejects)
        )
        if rows.num_rows:
            self._rows_writer.write(rows, self._provenance)
            self._now_valid.update(row_numbers(rows.column("source_row")))
        if rejects.num_rows:
            self._rejects_writer.write(rejects, self._provenance)
            self._still_rejected.update(row_numbers(rejects.column("source_row")))
            self._reasons += count_reasons(rejects)

    def _row_numbers_changed(self) -> DeliveryRefusedError:
        return DeliveryRefusedError(
            "the file's records do not start at the same lines as when it was loaded, so it is unknown which of them "
            "are loaded",
            source=self._source_name,
            file=self._file.name,
            next_step="if the declaration reads the file correctly now, undo the file with ./gv undo and load it again",
        )


def _with_ends(blocks: Iterator[Block], last_record_end: int) -> Iterator[tuple[Block, int]]:
    """Yield each block with the row number after its last row."""
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        yield block, following.first_row if following is not None else max(last_record_end, block.first_row)
        block = following


def _source_rows(parsed: ParsedBlock) -> BitMap64:
    source_rows = BitMap64(row_numbers(parsed.rows.column("source_row")))
    source_rows.update(row_numbers(parsed.rejects.column("source_row")))
    return source_rows
