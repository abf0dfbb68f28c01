"""Airflow's REST API, with the connection `airflow_api`. The audit asks it for runs, and starts them; alerts ask it for
the causes that the Deliveries page shows.

A task has no access to Airflow's database. What the task SDK offers for starting a run (`TriggerDagRunOperator`) cannot
pass a partition key, and it cannot list the runs of a period. Import this module inside functions.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

import requests

from growth_verticals.audit.decide import Run
from growth_verticals.errors import ConfigurationError, ServiceError
from growth_verticals.hooks.account import find_connection
from growth_verticals.status.causes import Cause
from growth_verticals.status.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from types import TracebackType

CONNECTION = "airflow_api"
_TIMEOUT_S = 30
_CAUSES_TIMEOUT_S = 180
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

    def causes(self) -> tuple[list[Cause], list[str]]:
        """Return what a person should know about now in the sources that the user may see, and what was not readable.

        The API server asks the catalog what the tables hold, so this takes longer than other requests.
        """
        query = {"tables": "true"}
        page = self._request("GET", "causes.json", below="deliveries", params=query, timeout=_CAUSES_TIMEOUT_S)
        return [Cause.from_json(each) for each in page["causes"]], list(page["notes"])

    def grid(self) -> tuple[Grid, list[str]]:
        """Return the states of the sources that the user may see, and what was not readable. As slow as `causes`."""
        query = {"tables": "true"}
        page = self._request("GET", "grid.json", below="deliveries", params=query, timeout=_CAUSES_TIMEOUT_S)
        return Grid.from_json(page), list(page["notes"])

    def _request(
        self, method: str, path: str, *, below: str = "api/v2", allowed: int | None = None, **arguments: Any
    ) -> Any:
        """Return the response's JSON; None if its status is `allowed`."""
        try:
            arguments = {"timeout": _TIMEOUT_S, **arguments}
            response = self._session.request(method, f"{self._url}/{below}/{path}", **arguments)
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
    names = ("host", "schema", "port", "login", "password")
    return _log_in({name: getattr(connection, name) for name in names})


def open_airflow_api_of_environment() -> AirflowApi | None:
    """As `open_airflow_api`, for `./gv`: the connection must be in the environment, and Airflow is not imported."""
    text = os.environ.get(f"AIRFLOW_CONN_{CONNECTION.upper()}", "").strip()
    if not text:
        return None
    if not text.startswith("{"):
        parts = urlsplit(text)
        text_of = {"host": parts.hostname, "schema": parts.path.strip("/"), "login": parts.username}
        text_of |= {"password": parts.password}
        return _log_in({name: unquote(value or "") for name, value in text_of.items()} | {"port": parts.port})
    try:
        return _log_in(json.loads(text))
    except json.JSONDecodeError as error:
        raise ConfigurationError("AIRFLOW_CONN_AIRFLOW_API is not valid JSON", next_step=_NEXT_STEP) from error


def _log_in(connection: Mapping[str, Any]) -> AirflowApi:
    """Log in with the fields of a connection: host, schema, port, login and password."""
    host = connection.get("host") or ""
    url = host if "://" in host else f"{connection.get('schema') or 'http'}://{host}"
    if connection.get("port"):
        url += f":{connection['port']}"
    if not connection.get("login"):
        return AirflowApi(url, connection.get("password") or "")
    user = {"username": connection["login"], "password": connection.get("password")}
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
