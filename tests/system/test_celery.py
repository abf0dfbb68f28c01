"""docker-compose.yaml's Airflow: FAB, Postgres, Redis and two Celery workers, as processes with its commands.

`make celery` installs Postgres and Redis and runs it. The stand-in is the account and the vendors.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from growth_verticals.cli.secrets import LOCAL
from growth_verticals.declarations import find_source
from growth_verticals.pools import declared_pools
from local import vendors
from local.demo import put_connections
from local.settings import HOST, Settings
from tests.system import test_delivery_audit
from tests.system.compose import ComposedAirflow, Processes, free_ports, postgres, redis, services, wait_until
from tests.system.test_deliveries import (
    BIG,
    SAMPLES,
    require_each_row_of_the_big_file_once,
    rows_of,
    running_stage_task,
    start_big_load,
    trigger_arguments,
    worker_seconds,
)

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(
        not (shutil.which("redis-server") and any(Path("/usr/lib/postgresql").glob("*/bin"))),
        reason="no Postgres and Redis. Next: make celery installs them",
    ),
]

WORKERS = ("worker-1", "worker-2")
#: Where the service `stand-in` accepts connections of the other services.
STAND_IN = "127.0.0.2"
#: What makes the test short: the defaults notice a dead worker after five minutes.
QUICK = {
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "3",
    "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "2",
    "AIRFLOW__API__WORKERS": "1",
}


@pytest.fixture(scope="module")
def variables() -> dict[str, str]:
    """The .env that `./gv secrets --local` makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".env"
        subprocess.run(
            [sys.executable, "-m", "growth_verticals.cli", "secrets", "--local", "--file", path],
            env={"PYTHONPATH": "plugins:."},
            check=True,
        )
        lines = re.findall(r"^([A-Z_0-9]+)=(.*)$", path.read_text(), re.MULTILINE)
    assert LOCAL.items() <= dict(lines).items()
    return dict(lines) | {
        "GV_POLL_INTERVAL_S": "1",
        "GV_MIN_WAIT_S": "10",
        "GV_RETRY_DELAY_S": "2",
        "GV_MAX_QUIET_S": "2",
    }


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A folder where the user of Postgres can reach its data. Its folder `airflow` is what the image has."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        for folder in ("postgres", "redis", "airflow/logs"):
            (root / folder).mkdir(parents=True)
        for folder in ("dags", "plugins", "include", "local"):
            (root / "airflow" / folder).symlink_to(Path(__file__).parents[2] / folder)
        (root / "airflow" / "airflow.cfg").touch()
        yield root


@pytest.fixture(scope="module")
def stand_in(root: Path) -> Settings:
    """The settings of the service `stand-in`, which Airflow's services reach at another address than its own."""
    return Settings.with_free_ports(root / "state")


@pytest.fixture(scope="module")
def processes(stand_in: Settings, variables: dict[str, str], root: Path) -> Iterator[Processes]:
    """All services of docker-compose.yaml, two of them workers."""
    found = services(variables)
    ports = free_ports(32_000, 6)
    processes = Processes(
        root=root,
        services=found,
        postgres_port=ports[0],
        redis_port=ports[1],
        api_port=ports[2],
        hosts={
            "stand-in:8333": f"{STAND_IN}:{stand_in.s3_port}",
            "stand-in:8334": f"{STAND_IN}:{stand_in.gateway_port}",
        },
    )
    with ExitStack() as stack:
        stack.enter_context(postgres(root / "postgres", ports[0], found["postgres"]["environment"]))
        stack.enter_context(redis(root / "redis", ports[1], found["redis"]))
        stack.callback(processes.stop)
        processes.start("stand-in", more=stand_in.to_environment() | {"GV_LOCAL_ADDRESS": STAND_IN})
        processes.run("migrate")
        processes.start("api-server", more=QUICK | {"AIRFLOW__API__PORT": str(ports[2]), "AIRFLOW__API__HOST": HOST})
        processes.start("scheduler", more=QUICK)
        processes.start("dag-processor", more=QUICK)
        processes.start("triggerer", more=QUICK | {"AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports[3])})
        for name, port in zip(WORKERS, ports[4:], strict=True):
            processes.start("worker", name, QUICK | {"AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(port)})
        yield processes


@pytest.fixture(scope="module")
def airflow(processes: Processes, stand_in: Settings) -> Iterator[ComposedAirflow]:
    airflow = ComposedAirflow(processes)

    def healthy() -> bool:
        for name, process in processes.running.items():
            assert process.poll() is None, f"{name} has ended:\n{processes.log(name)}"
        try:
            health = httpx.get(f"{airflow.url}/api/v2/monitor/health", timeout=10).json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(
            health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "triggerer", "dag_processor")
        )

    wait_until(healthy)
    put_connections(airflow, stand_in, STAND_IN)
    yield airflow
    airflow.close()


def test_the_health_checks_of_the_services_pass(airflow: ComposedAirflow) -> None:
    processes = airflow.processes
    for name in ("api-server", "scheduler", "dag-processor", "triggerer"):
        command = [processes.here(part) for part in processes.services[name]["healthcheck"]["test"]]
        assert command.pop(0) == "CMD"
        subprocess.run(command, env=processes.environment(name, {}), check=True, timeout=60)
    shell, check = processes.services["worker"]["healthcheck"]["test"]
    assert shell == "CMD-SHELL"
    for worker in WORKERS:
        environment = processes.environment("worker", {"HOSTNAME": worker})
        wait_until(lambda environment=environment: sh(check.replace("$$", "$"), environment))
    assert not sh(check.replace("$$", "$"), environment | {"HOSTNAME": "worker-3"})


def sh(command: str, environment: dict[str, str]) -> bool:
    return subprocess.run(["sh", "-c", command], env=environment, capture_output=True, timeout=60).returncode == 0


def test_migrate_has_made_the_pools_the_users_and_the_connection(airflow: ComposedAirflow) -> None:
    pools = {pool["name"]: pool["slots"] for pool in airflow.api("GET", "pools")["pools"]}
    assert {name: pool["slots"] for name, pool in declared_pools().items()}.items() <= pools.items()
    airflow.processes.run("migrate")  # again, as at each `docker compose up`
    password = airflow.processes.services["migrate"]["environment"]["GV_SERVICE_PASSWORD"]
    login = {"username": "service", "password": password}
    assert httpx.post(f"{airflow.url}/auth/token", json=login).is_success
    assert not httpx.post(f"{airflow.url}/auth/token", json=login | {"password": "wrong"}).is_success


def workers_of(airflow: ComposedAirflow, dag_id: str, run_id: str) -> set[str]:
    return {str(task["hostname"]) for task in airflow.tasks(dag_id, run_id) if task["hostname"]}


def test_two_workers_load_a_delivery_of_several_files(airflow: ComposedAirflow, stand_in: Settings) -> None:
    workers: set[str] = set()
    for name in ("aiq_household", "statara_political"):
        sample, source = SAMPLES[name], find_source(name)
        vendors.deliver(stand_in, sample)
        airflow.wait_for_dag(name, within_s=120)
        run_id = airflow.trigger(name, **trigger_arguments(name))
        assert airflow.wait(name, run_id) == "success"
        workers |= workers_of(airflow, name, run_id)
        loaded = rows_of(stand_in, source.table, sample.period)
        rejected = rows_of(stand_in, source.rejects_table, sample.period)
        assert (len(loaded), len(rejected)) == (sample.rows_read - sample.rows_rejected, sample.rows_rejected)
        assert len(set(loaded) | set(rejected)) == sample.rows_read
    assert workers == set(WORKERS)


def test_the_audit_starts_a_run_as_the_service_user(airflow: ComposedAirflow, stand_in: Settings) -> None:
    test_delivery_audit.deliver(stand_in, "GA.csv")
    period = test_delivery_audit.PERIOD.key
    assert airflow.wait("statara_political", airflow.trigger("statara_political", partition_key=period)) == "success"
    test_delivery_audit.deliver(stand_in, "OH.csv")
    found = wait_until(lambda: started_by_audit(airflow))
    run = airflow.api("GET", f"dags/statara_political/dagRuns/{found}")
    assert (run["partition_key"], run["triggering_user_name"]) == (period, "service")
    assert airflow.wait("statara_political", found) == "success"


def started_by_audit(airflow: ComposedAirflow) -> str | None:
    found = test_delivery_audit.audited(airflow)
    return str(found["run"]) if found and found["action"] == "start" else None


def test_files_of_one_vendor_are_never_landed_at_once_if_its_pool_has_one_slot(
    airflow: ComposedAirflow, stand_in: Settings
) -> None:
    pool = {"pool": "s3_statara", "slots": 1}
    airflow.api("PATCH", "pools/s3_statara", json=pool | {"description": "one", "include_deferred": False})
    name = "statara_political"
    # The small files of a delivery are one unit, so several runs of its period ask for the vendor at once.
    run_ids = [airflow.trigger(name, **trigger_arguments(name)) for _ in range(4)]
    assert [airflow.wait(name, run_id) for run_id in run_ids] == ["success"] * len(run_ids)
    spans = sorted(
        (task["start_date"], task["end_date"])
        for run_id in run_ids
        for task in airflow.tasks(name, run_id)
        if task["task_id"] == "land"
    )
    assert len(spans) >= 3
    assert [(earlier, later) for earlier, later in pairwise(spans) if earlier[1] > later[0]] == []


def test_a_worker_that_is_killed_while_it_stages_loses_and_doubles_nothing(
    airflow: ComposedAirflow, stand_in: Settings
) -> None:
    run_id = start_big_load(airflow, stand_in)
    task = wait_until(lambda: running_stage_task(airflow, run_id))
    wait_until(lambda: worker_seconds(task["pid"]) > 0.3, poll_s=0.02)  # it is parsing records
    worker = task["hostname"]
    airflow.processes.kill(worker)
    assert airflow.wait(BIG, run_id, within_s=600) == "success"
    stage = next(task for task in airflow.tasks(BIG, run_id) if task["task_id"] == "stage")
    assert stage["try_number"] == 2
    assert {stage["hostname"]} == set(WORKERS) - {worker}
    require_each_row_of_the_big_file_once(stand_in)


def test_the_demo_of_the_profile_local_loads_every_sample(airflow: ComposedAirflow, stand_in: Settings) -> None:
    processes = airflow.processes
    command = processes.services["demo"]["command"]
    assert command[-2:] == ["--host", "stand-in"]
    command[-1] = STAND_IN
    processes.start("demo", more=stand_in.to_environment())
    code = processes.running.pop("demo").wait(1200)
    assert code == 0, processes.log("demo")
    assert "14 of 14 sources are right" in processes.log("demo")
