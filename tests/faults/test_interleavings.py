"""Rows and rejects of a file come from one staging of one release, whichever load, restatement, replay or undo wins.

One operation is held at a point; others run meanwhile, from start to end; then the first goes on. Every operation is
held at every one of its commits, before it checks the table and between that check and the commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import product

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.delivery import LandedFile, StagedFile
from growth_verticals.errors import CommitError, DeliveryRefusedError
from growth_verticals.tables.replay import replay_rejected
from growth_verticals.tables.restated import RestatedRule
from growth_verticals.tables.stage import stage_files
from growth_verticals.tables.undo import undo_load
from local.readback import read_table
from tests.integration.tables.deliveries import PERIOD, SOURCE, SampleFile, commit, stage

from .fault_injector import FaultInjector, interrupted_by
from .test_replay_faults import FixedReader

#: Rows 2 to 11 are good, 12 to 15 are not; after the fix 12 and 14 are.
FILE = SampleFile("a", good=10, bad=4)
#: The same file with other content. Every load replaces what was staged before it.
NEW_RELEASE = SampleFile("a", good=6, bad=3)
REPLACE = RestatedRule(policy="replace")
RECORDS = {FILE.landed.sha256: range(2, 16), NEW_RELEASE.landed.sha256: range(2, 11)}
FIXED = {FILE.landed.sha256: (12, 14), NEW_RELEASE.landed.sha256: (9,)}

Operation = Callable[[], object]


class Operations:
    """The operations on one file, each with a catalog of its own so that it may run inside another."""

    def __init__(
        self,
        catalog: RestCatalog,
        person: TableContract,
        staged: StagedFile,
        staged_fixed: StagedFile,
        staged_new: StagedFile,
    ) -> None:
        self._catalog, self._person = catalog, person
        self._staged, self._staged_fixed, self._staged_new = staged, staged_fixed, staged_new

    def load(self) -> None:
        """Commit the first staging, as a retry of the commit task does."""
        commit(self._catalog, self._person, self._staged, restated=REPLACE)

    def load_fixed(self) -> None:
        """Commit a staging by the fixed contract."""
        commit(self._catalog, self._person, self._staged_fixed, restated=REPLACE)

    def load_again(self) -> None:
        """Stage by the old contract now, and commit."""
        commit(self._catalog, self._person, stage(self._catalog, self._person, FILE), restated=REPLACE)

    def restate(self) -> None:
        """Commit the new release, which was staged after the others."""
        commit(self._catalog, self._person, self._staged_new, restated=REPLACE)

    def replay(self) -> None:
        replay_rejected(self._catalog, self._person, SOURCE, PERIOD, open_fixed)

    def undo(self) -> None:
        undo_load(self._catalog, self._person, SOURCE, PERIOD, {FILE.landed.sha256})

    def undo_all(self) -> None:
        undo_load(self._catalog, self._person, SOURCE, PERIOD, set(RECORDS))

    def run(self, name: str) -> None:
        getattr(self, name)()


@contextmanager
def open_fixed(name: str, sha256: str) -> Iterator[FixedReader]:
    """Open either release after the fix, for a replay."""
    assert name == FILE.name
    yield FixedReader(next(file for file in (FILE, NEW_RELEASE) if file.landed.sha256 == sha256), FIXED[sha256])


def stage_fixed(catalog: RestCatalog, person: TableContract) -> StagedFile:
    @contextmanager
    def opened(_: LandedFile) -> Iterator[FixedReader]:
        yield FixedReader(FILE, FIXED[FILE.landed.sha256])

    [staged] = stage_files(catalog, person, SOURCE, PERIOD, [FILE.landed], opened)
    return staged


NAMES = ("load", "load_fixed", "load_again", "restate", "replay", "undo", "undo_all")
#: Every pair with `make faults`; in `make test` the pairs that went wrong in other designs.
PAIRS = [("load", "undo"), ("restate", "load_again")]
MEANWHILE = [*((name,) for name in NAMES), *(product(NAMES, NAMES) if "FAULTS_N" in os.environ else PAIRS)]
HELD = ["load", "restate", "replay", "undo", *(["load_fixed"] if "FAULTS_N" in os.environ else [])]
#: Which commit is held: the n-th of a table.
HOLDS = [("person_rejects", 1), ("person", 1), ("person_rejects", 2)]


def require_one_staging(account: Account, person: TableContract) -> None:
    """Read both tables with another engine: each record is in one of them once, or the file is in neither."""
    sql = "SELECT source_row, source_file_sha256, staged_at FROM t ORDER BY 1"
    rows = read_table(account, person.identifier, sql)
    rejects = read_table(account, f"{person.identifier}_rejects", sql)
    stagings = {record[1:] for record in (*rows, *rejects)}
    assert len(stagings) <= 1
    if rows:
        assert sorted(row for row, *_ in (*rows, *rejects)) == list(RECORDS[rows[0][1]])
    else:
        assert len({row for row, *_ in rejects}) == len(rejects)


@pytest.mark.parametrize("meanwhile", MEANWHILE, ids=["+".join(names) for names in MEANWHILE])
@pytest.mark.parametrize("hold", HOLDS, ids=[f"{table}-{nth}" for table, nth in HOLDS])
@pytest.mark.parametrize("held", HELD)
def test_rows_and_rejects_come_from_one_staging(
    account: Account, person: TableContract, held: str, hold: tuple[str, int], meanwhile: tuple[str, ...]
) -> None:
    with closing(open_catalog(account)) as ours, closing(open_catalog(account)) as theirs:
        staged = stage(theirs, person, FILE), stage_fixed(theirs, person), stage(theirs, person, NEW_RELEASE)
        others = Operations(theirs, person, *staged)
        if held in ("restate", "replay", "undo"):
            others.load()

        def run_others() -> None:
            for name in meanwhile:
                with suppress(CommitError, DeliveryRefusedError):
                    others.run(name)

        injector = FaultInjector(ours)
        table, nth = hold
        injector.inject(*[lambda pass_on: pass_on()] * (nth - 1), interrupted_by(run_others), table=table)
        operation = Operations(ours, person, *staged)
        try:
            operation.run(held)
        except (CommitError, DeliveryRefusedError):
            with suppress(DeliveryRefusedError):
                operation.run(held)  # what the message tells a person to do
        require_one_staging(account, person)
