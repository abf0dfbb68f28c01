"""Answers required actions as a person does on the page Required Actions."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from .test_deliveries import wait_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.airflow import Airflow

#: A person reads before answering. Airflow 3.3 loses an answer that comes before its scheduler has seen that the task
#: waits: it takes the end of the task's first part for a crash, and the next try asks again.
READING_S = 8.0


def answer(
    airflow: Airflow, dag_id: str, run_id: str, task_id: str, option: str | None, values: Mapping[str, str]
) -> tuple[str, dict[str, Any]]:
    """Answer, and wait for the end of the run. Return the run's state, and the required action.

    :param option: None: do not answer.
    :param values: of the form's fields.
    """
    run = f"dags/{dag_id}/dagRuns/{quote(run_id)}"
    action = f"{run}/taskInstances/{task_id}/-1/hitlDetails"
    asked: list[dict[str, Any]] = []

    def final_state() -> str | None:
        states = {task["task_id"]: task["state"] for task in airflow.tasks(dag_id, run_id)}
        if states.get(task_id) == "awaiting_input":
            asked.append(airflow.api("GET", action))
            if option is not None:
                time.sleep(READING_S)
                with suppress(httpx.HTTPStatusError):  # it is answered already
                    airflow.api("PATCH", action, json={"chosen_options": [option], "params_input": dict(values)})
        state = str(airflow.api("GET", run)["state"])
        return state if state in ("success", "failed") else None

    state = wait_for("the run to end", final_state, within_s=300)
    assert asked
    return state, asked[-1]


def last_log(airflow: Airflow, dag_id: str, run_id: str, task_id: str) -> str:
    """Return the log of a task's last try."""
    tries = {task["task_id"]: task["try_number"] for task in airflow.tasks(dag_id, run_id)}
    return airflow.log(dag_id, run_id, task_id, try_number=tries[task_id])
