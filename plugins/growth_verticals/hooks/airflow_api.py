"""Airflow's REST API, with the connection `airflow_api`. The audit asks it for runs, and starts them.

A task has no access to Airflow's database. What the task SDK offers for starting a run (`TriggerDagRunOperator`) cannot
pass a partition key, and it cannot list the runs of a period. Import this module inside functions.
"""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import requests

from growth_verticals.audit.decide import Run
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.hooks.account import find_connection

if TYPE_CHECKING:
    from datetime import date
    from types import TracebackType

CONNECTION = "airflow_api"
_TIMEOUT_S = 30
_PAGE = 100
_NEXT_STEP = f"correct the connection {CONNECTION} (docs/runbook.md, Connections in Airflow)"


class AirflowApi:
    """A session of Airflow's REST API. A context manager.

    :param url: of the API server, without `/api/v2`.
    :param token: of a user who may read runs and DAGs, and start runs.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> AirflowApi:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    def is_paused(self, dag_id: str) -> bool:
        """Return whether the DAG is paused."""
        return bool(self._request("GET", f"dags/{quote(dag_id)}")["is_paused"])

    def runs_since(self, dag_id: str, first_day: date) -> list[Run]:
        """Return the DAG's runs for periods that start on `first_day` or later. Sends one request for 100 runs."""
        runs: list[Run] = []
        query: dict[str, Any] = {"partition_date_gte": first_day.isoformat(), "limit": _PAGE, "order_by": "id"}
        offset, total = 0, 1
        while offset < total:
            page = self._request("GET", f"dags/{quote(dag_id)}/dagRuns", params=query | {"offset": offset})
            runs += [_run(each) for each in page["dag_runs"]]
            offset, total = offset + _PAGE, page["total_entries"]
        return runs

    def start(self, dag_id: str, run_id: str, period: str, note: str) -> bool:
        """Start a run for a period. Return False if there is a run with this id already: then it is not started."""
        body: dict[str, Any] = {
            "dag_run_id": run_id,
            "logical_date": None,
            "partition_key": period,
            "conf": {},
            "note": note[:1000],
        }
        path = f"dags/{quote(dag_id)}/dagRuns"
        return self._request("POST", path, json=body, allowed=HTTPStatus.CONFLICT) is not None

    def _request(self, method: str, path: str, *, allowed: int | None = None, **arguments: Any) -> Any:
        """Return the response's JSON; None if its status is `allowed`."""
        try:
            response = self._session.request(method, f"{self._url}/api/v2/{path}", timeout=_TIMEOUT_S, **arguments)
        except requests.RequestException as error:
            raise _no_answer(self._url, type(error).__name__) from error
        if response.status_code == allowed:
            return None
        _require_success(self._url, response, f"{method} {path}")
        return response.json()


def open_airflow_api() -> AirflowApi | None:
    """Log in to the API with the connection `airflow_api`; None if there is no such connection.

    Uses host and port, or the whole URL as host; login and password, or a token as the password without a login. Raises
    `ConfigurationError` if the login is refused, `ServiceError` if the server does not answer.
    """
    connection = find_connection(CONNECTION)
    if connection is None:
        return None
    host = connection.host or ""
    url = host if "://" in host else f"{connection.schema or 'http'}://{host}"
    if connection.port:
        url += f":{connection.port}"
    if not connection.login:
        return AirflowApi(url, connection.password or "")
    user = {"username": connection.login, "password": connection.password}
    try:
        response = requests.post(f"{url}/auth/token", json=user, timeout=_TIMEOUT_S)
    except requests.RequestException as error:
        raise _no_answer(url, type(error).__name__) from error
    _require_success(url, response, "the login")
    return AirflowApi(url, str(response.json()["access_token"]))


def _run(entry: dict[str, Any]) -> Run:
    ended_at = entry["end_date"]
    return Run(
        run_id=entry["dag_run_id"],
        period=entry["partition_key"] or "",
        state=entry["state"],
        is_scheduled=entry["run_type"] == "scheduled",
        for_files=bool((entry.get("conf") or {}).get("files")),
        ended_at=datetime.fromisoformat(ended_at) if ended_at else None,
    )


def _require_success(url: str, response: requests.Response, what: str) -> None:
    if response.ok:
        return
    found = f"status {response.status_code}"
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _no_answer(url, found)
    next_step = (
        "look for an import error of this DAG in the UI" if response.status_code == HTTPStatus.NOT_FOUND else _NEXT_STEP
    )
    raise ConfigurationError(f"Airflow's API at {url} refused {what}", found=found, next_step=next_step)


def _no_answer(url: str, found: str) -> ServiceError:
    return ServiceError(f"Airflow's API at {url} does not answer", found=found, next_step=_NEXT_STEP)
