"""Reading a file's rejected records again, by the contract of now."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap64

from growth_verticals.contract.table import rejects_contract
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.tables.ledger import row_numbers
from growth_verticals.tables.rejected import count_reasons
from growth_verticals.tables.writer import DataFileWriter

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyiceberg.manifest import DataFile
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.reader import Block, Parsed, Reader
    from growth_verticals.tables.rejected import RejectedRows


@dataclass(frozen=True, kw_only=True)
class Reread:
    """A file's rejected records after they were read again: `before` = `held` + `passed` + `failed`.

    :param before: source_row of those in the rejects table.
    :param held: of those that the table has, left by a replay that did not end.
    :param passed: of those that stand in `data_files`.
    :param failed: of those that stand in `reject_files`.
    :param same: whether nothing is new: none passed or was held, and the reasons are the same.
    """

    name: str
    sha256: str
    before: BitMap64
    held: BitMap64
    passed: BitMap64
    failed: BitMap64
    data_files: list[DataFile]
    reject_files: list[DataFile]
    same: bool


class Rereading:
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
    ) -> None:
        self._constants = {
            "delivery_period": period.key,
            "source_file": file.name,
            "source_file_sha256": sha256,
            "staged_at": datetime.now(UTC),
        }
        self._rows = DataFileWriter(table, contract)
        self._rejects = DataFileWriter(rejects_table, rejects_contract(contract))
        self._source_name = source_name
        self._file = file
        self._sha256 = sha256
        self._passed, self._failed = BitMap64(), BitMap64()
        self._reasons: Counter[tuple[str | None, ...]] = Counter()

    def run(self, reader: Reader, loaded: BitMap64) -> Reread:
        """Return the file's records that are not in the table, staged. `loaded`: source_row of those that are."""
        before = self._file.rows
        wanted, known = before - loaded, before | loaded
        try:
            self._read(reader, wanted, known)
            if wanted != self._passed | self._failed:
                raise self._moved()
            data_files, reject_files = self._rows.close(), self._rejects.close()
        except BaseException:
            self._rows.abandon()
            self._rejects.abandon()
            raise
        return Reread(
            name=self._file.name,
            sha256=self._sha256,
            before=before,
            held=before & loaded,
            passed=self._passed,
            failed=self._failed,
            data_files=data_files,
            reject_files=reject_files,
            same=before == self._failed and self._file.reasons == self._reasons,
        )

    def _read(self, reader: Reader, wanted: BitMap64, known: BitMap64) -> None:
        for block, end in _with_ends(reader.blocks(), known.max() + 1):
            if end < block.first_row:
                raise self._moved()  # row numbers that start again tell no record
            places = BitMap64(range(block.first_row, end))
            if in_block := wanted & places:
                parsed = reader.parse(block)
                if _source_rows(parsed) != known & places:
                    raise self._moved()
                self._stage(parsed, pa.array(in_block, pa.int64()))

    def _stage(self, parsed: Parsed, wanted: pa.Array) -> None:
        rows, rejects = (
            batch.filter(pc.is_in(batch.column("source_row"), value_set=wanted))
            for batch in (parsed.rows, parsed.rejects)
        )
        if rows.num_rows:
            self._rows.write(rows, self._constants)
            self._passed.update(row_numbers(rows.column("source_row")))
        if rejects.num_rows:
            self._rejects.write(rejects, self._constants)
            self._failed.update(row_numbers(rejects.column("source_row")))
            self._reasons += count_reasons(rejects)

    def _moved(self) -> DeliveryRefusedError:
        return DeliveryRefusedError(
            "the file's records do not start in the lines where they started when it was loaded, so which of them are "
            "loaded cannot be told",
            source=self._source_name,
            file=self._file.name,
            next_step="take the file back with ./gv undo and load it again, if the declaration now reads it right",
        )


def _with_ends(blocks: Iterator[Block], last_record_end: int) -> Iterator[tuple[Block, int]]:
    """Yield each block and the row behind its last one."""
    block = next(blocks, None)
    while block is not None:
        following = next(blocks, None)
        yield block, following.first_row if following is not None else max(last_record_end, block.first_row)
        block = following


def _source_rows(parsed: Parsed) -> BitMap64:
    found = BitMap64(row_numbers(parsed.rows.column("source_row")))
    found.update(row_numbers(parsed.rejects.column("source_row")))
    return found
