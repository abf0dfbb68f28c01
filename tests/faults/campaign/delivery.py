"""The made-up delivery of a campaign: a source, its contract, and files of which every record's place is known."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from random import Random

from growth_verticals.cadence import Quarterly
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.table import TableContract
from growth_verticals.formats import Delimited
from growth_verticals.source import Inbox, Source

PERIOD = Quarterly().parse("2026Q4")
PARTITIONS = ("delivery_period", "delivery_period, state")
_STATES = ("NY", "OH", "TX", "")
_NAMES = ("maple", "river", "cedar", "harbor", "willow", "granite", "meadow")
_HEADER = "person_id,state,amount"

#: A record's values in its table: person_id, state, amount, as text.
Values = tuple[str | None, str | None, str | None]


def contract_for(namespace: str, partition_by: str) -> TableContract:
    sql = f"""CREATE TABLE {namespace}.person (
        person_id STRING NOT NULL COMMENT '[Q] The vendor''s id',
        state STRING COMMENT '[Q] 2-letter USPS',
        amount DECIMAL(9, 2) COMMENT '[N] Amount'
    ) PARTITIONED BY ({partition_by}) COMMENT 'Made-up people'"""
    return read_ddl(sql, file="campaign.sql")


def source_for(namespace: str, *, fixed: bool) -> Source:
    """Return the declaration. `fixed`: it says that `n/a` means NULL, so that some rejected records are valid."""
    return Source(
        name="campaign",
        table=f"{namespace}.person",
        cadence=Quarterly(),
        delivery=Inbox(),
        format=Delimited(nulls=("n/a",) if fixed else ()),
        max_rejected=1.0,
    )


@dataclass(frozen=True)
class MadeUpFile:
    """A file of records that are valid, rejected until the declaration is fixed, or always rejected."""

    name: str
    records: tuple[tuple[str, str, str], ...]

    @property
    def content(self) -> bytes:
        return "\n".join([_HEADER, *(",".join(record) for record in self.records), ""]).encode()

    @property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()

    def rows(self, *, fixed: bool) -> dict[int, Values]:
        """Return the records that belong in the table, by the line at which they start."""
        return {
            line: (person_id, state or None, None if amount == "n/a" else amount)
            for line, (person_id, state, amount) in enumerate(self.records, start=2)
            if person_id and amount != "x" and (fixed or amount != "n/a")
        }

    def rejects(self, *, fixed: bool) -> set[int]:
        """Return the lines of the records that belong in the rejects table."""
        return set(range(2, len(self.records) + 2)) - set(self.rows(fixed=fixed))


def make_up_file(random: Random, number: int) -> MadeUpFile:
    name = f"{_NAMES[number]}.csv"

    def record(index: int, kind: str) -> tuple[str, str, str]:
        amount = {"good": f"{random.randrange(1000)}.{random.randrange(100):02}", "fixable": "n/a"}.get(kind, "x")
        return f"{_NAMES[number]}-{index}-{random.randrange(10**6)}", random.choice(_STATES), amount

    kinds = ["good"] * random.randint(1, 25) + ["fixable"] * random.randint(0, 4) + ["bad"] * random.randint(0, 4)
    random.shuffle(kinds)
    return MadeUpFile(name, tuple(record(index, kind) for index, kind in enumerate(kinds)))
