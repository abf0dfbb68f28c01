"""OpenLineage's events of a delivery lead from the vendor's file over the landed copy to the table.

The tasks' methods run in this process. Airflow's provider extracts the lineage and writes it with the file transport.
"""

from __future__ import annotations

import json
import uuid
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.manager import ExtractorManager
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from airflow.utils.state import TaskInstanceState
from openlineage.client import OpenLineageClient
from openlineage.client.transport.file import FileConfig, FileTransport

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.declarations import find_source
from growth_verticals.delivery import LandUnit, RemoteFile
from growth_verticals.operators.check import CheckDelivery
from growth_verticals.operators.load import CommitDelivery, LandFiles
from growth_verticals.operators.plan import PlanStaging
from growth_verticals.operators.stage import StageFiles
from local import sftp
from local.settings import TABLE_BUCKET_ARN
from tests.integration.cli.conftest import Acme, acme

__all__ = ["acme"]

PERIOD = "2026-11-20"
GOOD, BAD = 5, 2
NAME = "people of 2026-11-20.csv"


class Run:
    """A run of the DAG `acme`, and the events of its tasks that have ended."""

    def __init__(self, events: Path) -> None:
        self.source = find_source("acme")
        self.events = events
        self.adapter = OpenLineageAdapter(
            client=OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=str(events), append=True)))
        )
        self.dag_run = SimpleNamespace(partition_key=PERIOD, conf={}, triggering_user_name="ana", run_id="run")

    def execute(self, task: Any) -> Any:
        """Run a task, and let the provider send its event. Return what the task returned."""
        context = {"dag_run": self.dag_run, "params": {}, "ti": SimpleNamespace(map_index=-1), "outlet_events": {}}
        try:
            return task.execute(context)
        finally:
            found = ExtractorManager().extract_metadata(
                self.dag_run, task, TaskInstanceState.SUCCESS, SimpleNamespace(task=task)
            )
            self.adapter.complete_task(
                run_id=str(uuid.uuid4()),
                job_name=f"acme.{task.task_id}",
                end_time=datetime.now(UTC).isoformat(),
                task=found,
                **dict.fromkeys(
                    ("nominal_start_time", "nominal_end_time", "owners", "tags", "job_description"),
                ),
            )

    def load(self, *files: RemoteFile) -> None:
        """Load files as one unit, step by step."""
        unit = LandUnit(title=NAME, files=files).to_json()
        landed = self.execute(LandFiles(task_id="land", source=self.source, unit=unit))
        units = self.execute(PlanStaging(task_id="plan", source=self.source, units=[unit], landed=[landed]))
        staged = [self.execute(StageFiles(task_id="stage", source=self.source, unit=each)) for each in units]
        of_run = {"source": self.source, "units": units, "staged": staged}
        checked = self.execute(CheckDelivery(task_id="check", **of_run))
        self.execute(CommitDelivery(task_id="commit", check=checked, **of_run))

    def event(self, task_id: str) -> dict[str, Any]:
        """Return the newest event of a task."""
        events = [json.loads(line) for line in self.events.read_text().splitlines()]
        return next(event for event in reversed(events) if event["job"]["name"] == f"acme.{task_id}")


@pytest.fixture
def run(acme: Acme, stand_in_environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    for name, value in stand_in_environment.items():
        if name.startswith("AIRFLOW_CONN_"):
            monkeypatch.setenv(name, value)
    return Run(tmp_path / "events.ndjson")


@pytest.fixture
def delivered(acme: Acme) -> RemoteFile:
    """A file on AIQ's SFTP server."""
    rows = ["P,1970-01-01,1,secret"] * GOOD + ["B,soon,1,secret"] * BAD
    path = sftp.root_folder(acme.settings, "aiq") / "outgoing" / NAME
    path.write_text("\n".join(["person_id,born,visits,note", *rows, ""]))
    return RemoteFile(
        name=NAME,
        uri="sftp://sftp_aiq/outgoing/people%20of%202026-11-20.csv",
        size=path.stat().st_size,
        modified=int(path.stat().st_mtime),
    )


def datasets(event: dict[str, Any], side: str) -> list[tuple[str, str]]:
    return [(dataset["namespace"], dataset["name"]) for dataset in event[side]]


def test_the_events_lead_from_the_vendor_s_file_to_the_table(acme: Acme, run: Run, delivered: RemoteFile) -> None:
    run.load(delivered)

    landing = run.event("land")
    assert datasets(landing, "inputs") == [(f"sftp://127.0.0.1:{acme.settings.sftp_port}", f"/outgoing/{NAME}")]
    [copy] = landing["outputs"]
    assert copy["outputFacets"]["outputStatistics"]["size"] == delivered.size
    assert copy["namespace"] == "s3://gv-landing"
    assert copy["name"].endswith(f"/acme/{PERIOD}/{NAME}")

    commit = run.event("commit")
    assert datasets(commit, "inputs") == datasets(landing, "outputs")
    assert commit["inputs"][0]["inputFacets"]["inputStatistics"]["rowCount"] == GOOD + BAD
    table, rejects = commit["outputs"]
    assert (table["namespace"], table["name"]) == (TABLE_BUCKET_ARN, acme.table)
    assert (rejects["namespace"], rejects["name"]) == (TABLE_BUCKET_ARN, f"{acme.table}_rejects")
    for dataset, rows in ((table, GOOD), (rejects, BAD)):
        assert dataset["outputFacets"]["outputStatistics"]["rowCount"] == rows
        assert dataset["outputFacets"]["subset"]["outputCondition"]["partitions"] == [
            {"dimensions": {"delivery_period": PERIOD}}
        ]
        assert dataset["facets"]["catalog"]["warehouseUri"] == TABLE_BUCKET_ARN
    with closing(open_catalog(Account.from_environment())) as catalog:
        snapshot = catalog.load_table(acme.table).current_snapshot()
    assert snapshot is not None
    assert table["facets"]["version"]["datasetVersion"] == str(snapshot.snapshot_id)
    assert "secret" not in run.events.read_text()


def test_the_event_of_a_unit_has_each_of_its_files(acme: Acme, run: Run, delivered: RemoteFile) -> None:
    files = [delivered]
    for number in range(2):
        path = sftp.root_folder(acme.settings, "aiq") / "outgoing" / f"more-{number}.csv"
        path.write_text(f"person_id,born,visits,note\nM{number},1970-01-01,1,secret\n")
        uri, modified = f"sftp://sftp_aiq/outgoing/{path.name}", int(path.stat().st_mtime)
        files.append(RemoteFile(name=path.name, uri=uri, size=path.stat().st_size, modified=modified))
    run.load(*files)
    names = [file.name for file in files]
    for task, side in (("land", "inputs"), ("land", "outputs"), ("commit", "inputs")):
        assert [name.rpartition("/")[2] for _, name in datasets(run.event(task), side)] == names
    assert [each["inputFacets"]["inputStatistics"]["size"] for each in run.event("land")["inputs"]] == [
        file.size for file in files
    ]
    assert [each["inputFacets"]["inputStatistics"]["rowCount"] for each in run.event("commit")["inputs"]] == [
        GOOD + BAD, 1, 1,
    ]  # fmt: skip


def test_a_load_that_changes_nothing_has_no_inputs_and_outputs(run: Run, delivered: RemoteFile) -> None:
    run.load(delivered)
    run.load(delivered)
    assert run.event("commit")["inputs"] == run.event("commit")["outputs"] == []


def test_a_task_that_failed_has_no_inputs_and_outputs(run: Run, delivered: RemoteFile) -> None:
    missing = LandUnit(title=NAME, files=(replace(delivered, uri="sftp://sftp_aiq/outgoing/gone.csv"),)).to_json()
    with pytest.raises(Exception, match=r"gone\.csv"):
        run.execute(LandFiles(task_id="land", source=run.source, unit=missing))
    assert run.event("land")["inputs"] == run.event("land")["outputs"] == []
