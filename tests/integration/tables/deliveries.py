"""Sample deliveries: a table, and files with a known number of good and bad records that are generated, not read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256

import pyarrow as pa
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.cadence import Quarterly
from growth_verticals.contract.table import Column, PartitionField, TableContract
from growth_verticals.delivery import LandedFile, LoadResult, StagedFile
from growth_verticals.reader import NO_SUMS, Block, ParsedBlock
from growth_verticals.tables.commit import commit_delivery
from growth_verticals.tables.restated import RestatedRule
from growth_verticals.tables.stage import stage_files

SOURCE = "toy_person"
PERIOD = Quarterly().parse("2026Q4")
EARLIER = Quarterly().parse("2026Q3")
_STATES = ("NY", "OH", None, "TX")


def person_contract(namespace: str, *partition_by: PartitionField) -> TableContract:
    return TableContract(
        namespace=namespace,
        name="person",
        columns=(
            Column(name="person_id", type="string", required=True, pii="Q", doc="The vendor's id"),
            Column(name="state", type="string", pii="Q", doc="2-letter USPS"),
            Column(name="amount", type="decimal(9, 2)"),
            Column(name="extra", type="map<string, string>"),
        ),
        partition_by=partition_by or (PartitionField(column="delivery_period"),),
        sort_by=("state",),
        doc="Made-up people",
    )


@dataclass
class SampleFile:
    """A file of `good` records followed by `bad` ones. It is its own reader, in blocks of `block_size` records.

    :param content: the text that the digest is made of; by default the name and the numbers of records.
    :param expected_rows: number of records in the vendor's manifest.
    :param fails_at: the record at which parsing raises `error`.
    """

    name: str = "toy.csv"
    good: int = 10
    bad: int = 0
    block_size: int = 4
    content: str | None = None
    expected_rows: int | None = None
    fails_at: int | None = None
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self.opened = 0

    @property
    def landed(self) -> LandedFile:
        digest = sha256((self.content or f"{self.name} {self.good} {self.bad}").encode()).hexdigest()
        return LandedFile(
            name=self.name,
            uri=f"s3://landing/{self.name}",
            size=1,
            sha256=digest,
            origin="file:///toy",
            etag="",
            expected_rows=self.expected_rows,
        )

    @contextmanager
    def open(self) -> Iterator[SampleFile]:
        self.opened += 1
        yield self

    stated_sums = NO_SUMS

    def blocks(self) -> Iterator[Block]:
        total = self.good + self.bad
        for start in range(0, total, self.block_size):
            yield Block(range(start, min(start + self.block_size, total)), start + 2)

    def parse(self, block: Block) -> ParsedBlock:
        if self.error is not None and self.fails_at in block.data:
            raise self.error
        good = [number for number in block.data if number < self.good]
        bad = [number for number in block.data if number >= self.good]
        rows = pa.record_batch(
            {
                "person_id": pa.array([f"P{number:07}" for number in good], pa.string()),
                "state": pa.array([_STATES[number % 4] for number in good], pa.string()),
                "amount": pa.array([Decimal(number) / 100 for number in good], pa.decimal128(9, 2)),
                "extra": pa.array([[("n", str(number))] for number in good], pa.map_(pa.string(), pa.string())),
                "source_row": pa.array([number + 2 for number in good], pa.int64()),
            }
        )
        rejects = pa.record_batch(
            {
                "source_row": pa.array([number + 2 for number in bad], pa.int64()),
                "column_name": pa.array(["amount"] * len(bad), pa.string()),
                "reason": pa.array(["not_a_number"] * len(bad), pa.string()),
                "expected": pa.array(["decimal(9, 2)"] * len(bad), pa.string()),
                "raw_record": pa.array([f"P{number:07},NY,x" for number in bad], pa.string()),
            }
        )
        return ParsedBlock(rows, rejects, len(block.data))


def stage(catalog: RestCatalog, contract: TableContract, file: SampleFile, period=PERIOD) -> StagedFile:
    return stage_together(catalog, contract, file, period=period)[0]


def stage_together(
    catalog: RestCatalog, contract: TableContract, *files: SampleFile, period=PERIOD
) -> list[StagedFile]:
    by_digest = {file.landed.sha256: file for file in files}
    landed = [file.landed for file in files]
    return stage_files(catalog, contract, SOURCE, period, landed, lambda file: by_digest[file.sha256].open())


def commit(
    catalog: RestCatalog,
    contract: TableContract,
    *staged: StagedFile,
    period=PERIOD,
    max_rejected: float = 0.5,
    expected_rows: int | None = None,
    restated: RestatedRule | None = None,
) -> LoadResult:
    return commit_delivery(
        catalog,
        contract,
        SOURCE,
        period,
        staged,
        max_rejected=max_rejected,
        expected_rows=expected_rows,
        restated=restated,
    )


def load(
    catalog: RestCatalog,
    contract: TableContract,
    *files: SampleFile,
    period=PERIOD,
    restated: RestatedRule | None = None,
) -> LoadResult:
    staged = [stage(catalog, contract, file, period) for file in files]
    return commit(catalog, contract, *staged, period=period, restated=restated)
