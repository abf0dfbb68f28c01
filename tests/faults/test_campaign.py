"""A few random campaigns, always the same ones; and each kind of wrong table, which the campaigns' check must count."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pyiceberg.expressions import EqualTo
from pyiceberg.table import Table

from growth_verticals.catalog.rest import open_catalog
from tests.faults.campaign.campaign import Campaign, Site
from tests.faults.campaign.delivery import make_up_file
from tests.faults.campaign.invariants import check
from tests.faults.campaign.plan import Fault, Operation, Plan, Step, make_plan

#: Chosen so that together they load, replay and undo, several at a time, locally and by SFTP, and meet every kind of
#: fault but a stall and a restart of the store, which take seconds.
SEEDS = (15, 227)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A stand-in of these tests' own: a campaign may kill its store."""
    with Site.running(tmp_path_factory.mktemp("campaign")) as site:
        yield site


@pytest.mark.parametrize("seed", SEEDS)
def test_every_record_is_where_it_belongs_after_a_campaign(site: Site, seed: int):
    plan = make_plan(seed, store_faults=False)
    outcome = Campaign(site, plan).run()
    assert not outcome.failures, "\n".join([plan.describe(), *outcome.log])


def test_a_load_succeeds_after_the_store_was_killed_during_its_commit(site: Site):
    fault = Fault("store", "catalog", "commit", nth=2, after=True)
    step = Step((Operation("load", (0,), as_tasks=True, faults=(fault,)),), (), "old")
    outcome = Campaign(site, Plan(0, "delivery_period", (make_up_file(Random(0), 0),), (step,))).run()
    assert outcome.faults == {"store killed": 1}
    assert not outcome.failures, "\n".join(outcome.log)


# --- the check itself ---------------------------------------------------------------------------------------------


def append_again(rows: Table, rejects: Table) -> None:
    rows.append(rows.scan(EqualTo("source_row", 2)).to_arrow())


def remove(rows: Table, rejects: Table) -> None:
    rows.delete(EqualTo("source_row", 2))


def remove_rejected(rows: Table, rejects: Table) -> None:
    for table in (rows, rejects):
        table.delete(EqualTo("source_row", 4))


def change(rows: Table, rejects: Table) -> None:
    content = rows.scan().to_arrow()
    index = content.schema.get_field_index("state")
    rows.overwrite(content.set_column(index, content.field(index), pa.array(["ZZ"] * content.num_rows)))


def copy_reject(rows: Table, rejects: Table) -> None:
    one = rows.scan(EqualTo("source_row", 2)).to_arrow()
    index = one.schema.get_field_index("source_row")
    rows.append(one.set_column(index, one.field(index), pa.array([4], pa.int64())))


def stage_rejects_elsewhere(rows: Table, rejects: Table) -> None:
    content = rejects.scan().to_arrow()
    index = content.schema.get_field_index("staged_at")
    later = pc.add(content.column(index), pa.scalar(1, pa.duration("us")))
    rejects.overwrite(content.set_column(index, content.field(index), later))


#: One after the other, each to the same two tables.
WRONG: dict[str, Callable[[Table, Table], None]] = {
    "changed": change,
    "mixed stagings": stage_rejects_elsewhere,
    "in both tables": copy_reject,
    "doubled": append_again,
    "in neither table": remove_rejected,
    "lost": remove,
}


def test_the_check_counts_every_kind_of_wrong_table(site: Site):
    file = replace(make_up_file(Random(0), 0), records=(("a", "NY", "1.00"), ("b", "OH", "2.00"), ("c", "TX", "x")))
    campaign = Campaign(site, Plan(0, "delivery_period", (file,), (Step((Operation("load", (0,)),), (), "old"),)))
    failures = campaign.run().failures
    assert not failures
    with closing(open_catalog(site.account)) as catalog:
        for kind, make_wrong in WRONG.items():
            make_wrong(*(catalog.load_table(f"{campaign.namespace}.{name}") for name in ("person", "person_rejects")))
            before, failures = failures, check(site.account, campaign.namespace, [file], "old")
            assert failures[kind] > before[kind], kind
    assert check(site.account, campaign.namespace, [file], "none")["left by an undo"] > 0


def test_a_table_that_cannot_be_read_counts_as_unreadable(site: Site):
    assert check(site.account, "campaign_without_tables", [], "old") == {"unreadable": 1}
