"""Every task of a source takes its slot from a declared pool, and quarterly sources leave slots to the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag

from growth_verticals.cadence import Quarterly
from growth_verticals.declarations import read_sources
from growth_verticals.pools import declared_pools, landing_pool

# Airflow itself causes this warning when it reads .airflowignore
pytestmark = pytest.mark.filterwarnings("ignore:GitWildMatchPattern:DeprecationWarning")

REPOSITORY = Path(__file__).parents[3]
SOURCES = read_sources()
POOLS = declared_pools()
QUARTERLY = [name for name, source in SOURCES.items() if isinstance(source.cadence, Quarterly)]


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(REPOSITORY / "dags"))


def pools_of(bag: DagBag, name: str) -> dict[str, str]:
    return {task.task_id: task.pool for task in bag.dags[name].tasks if task.pool != "default_pool"}


def test_every_pool_of_a_task_is_declared_and_every_declared_pool_is_used(bag: DagBag) -> None:
    used = {task.pool for dag in bag.dags.values() for task in dag.tasks}
    assert used - {"default_pool"} == POOLS.keys()
    assert all(pool["slots"] > 0 and pool["description"] for pool in POOLS.values())


@pytest.mark.parametrize("name", SOURCES)
def test_landing_staging_and_commit_have_the_pool_of_the_resource_that_they_use(bag: DagBag, name: str) -> None:
    assert pools_of(bag, name) == {
        "land": landing_pool(SOURCES[name]),
        "stage": "stage_bulk" if name in QUARTERLY else "stage",
        "commit": "table_bucket",
    }


def test_sources_of_one_vendor_share_its_pool() -> None:
    assert {landing_pool(SOURCES[name]) for name in ("aiq_b2b", "aiq_household", "aiq_zip4")} == {"sftp_aiq"}
    assert landing_pool(SOURCES["ls_corp"]) == "inbox"


def test_quarterly_sources_alone_never_occupy_all_slots_of_the_smallest_deployment(bag: DagBag) -> None:
    environment: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text())["x-airflow"]
    slots = int(environment["environment"]["AIRFLOW__CORE__PARALLELISM"].rpartition(":-")[2].rstrip("}"))
    slow = {pool for name in QUARTERLY for task, pool in pools_of(bag, name).items() if task != "commit"}
    assert slow == {"sftp_aiq", "sftp_healthwise", "stage_bulk"}
    assert sum(POOLS[pool]["slots"] for pool in slow) < slots


def test_a_daily_source_goes_before_a_monthly_one_and_that_before_a_quarterly_one(bag: DagBag) -> None:
    weights = {name: {task.priority_weight for task in bag.dags[name].tasks} for name in SOURCES}
    order = ("popsycle_intent_triggers", "statara_political", "aiq_household")
    assert [weights[name] for name in order] == [{3}, {2}, {1}]
    # With Airflow's default rule, a task would weigh as much as all tasks after it.
    rules = {str(task.weight_rule) for name in SOURCES for task in bag.dags[name].tasks}
    assert rules == {"absolute"}
