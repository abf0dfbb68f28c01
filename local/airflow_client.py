"""A client of Airflow's REST API, for the demo and the system tests."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from local.settings import StandInError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The API server builds parts of its API at their first use, which takes long on a busy machine.
_ANSWER_WITHIN_S = 180.0
_POLL_S = 0.25
_TRIES = 5


class AirflowClient(ABC):
    """Calls of one Airflow's REST API, as the user who may do everything."""

    @property
    @abstractmethod
    def url(self) -> str:
        """The address of the API server, without a path."""

    @property
    @abstractmethod
    def login(self) -> tuple[str, str]:
        """Name and password of the user who may do everything."""

    def trigger(
        self,
        dag_id: str,
        *,
        run_id: str | None = None,
        partition_key: str | None = None,
        conf: Mapping[str, Any] | None = None,
    ) -> str:
        """Start a run and return its id. Raises `httpx.HTTPStatusError` if Airflow refuses; 409: there is one."""
        body: dict[str, Any] = {"logical_date": None, "partition_key": partition_key, "conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self.api("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(self, dag_id: str, run_id: str, *, within_s: float = 300.0) -> str:
        """Wait until a run has ended, and return its state: `success` or `failed`."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            state = str(self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}")["state"])
            if state in ("success", "failed"):
                return state
            time.sleep(_POLL_S)
        raise StandInError(f"{dag_id} {run_id} has not ended after {within_s:.0f} s. Next: open {self.url}.")

    def wait_for_dag(self, dag_id: str, *, within_s: float = 60.0) -> None:
        """Wait until Airflow has parsed the DAG, so that it can be triggered."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            with suppress(httpx.HTTPStatusError):
                self.api("GET", f"dags/{dag_id}")
                return
            time.sleep(_POLL_S)
        errors = self.api("GET", "importErrors")["import_errors"]
        raise StandInError(f"Airflow has no DAG {dag_id}. Import errors: {json.dumps(errors)[:2000]}")

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's task instances as the API returns them, one for each map index."""
        response = self.api("GET", f"dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 1000})
        return list(response["task_instances"])

    def result(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> Any:
        """Return a task's return value."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        return self.api("GET", path, params={"map_index": map_index})["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1, try_number: int = 1) -> str:
        """Return the log messages of one try of a task, one per line, with the errors that they report."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.api("GET", path, params={"map_index": map_index, "full_content": True})["content"]
        lines = []
        for entry in content:
            lines.append(str(entry["event"]))
            lines += [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or ()]
        return "\n".join(lines)

    def import_pools(self) -> None:
        """Create the declared pools, and give those that exist the declared slots: no task runs without its pool."""
        from growth_verticals.pools import declared_pools  # `python -m local` works without the package

        pools = [{"name": name, **pool} for name, pool in declared_pools().items()]
        action = {"action": "create", "action_on_existence": "overwrite", "entities": pools}
        self.api("PATCH", "pools", json={"actions": [action]})

    def api(self, method: str, path: str, **request: Any) -> Any:
        """Call `/api/v2/<path>` as the admin and return the JSON of the response. Raises `httpx.HTTPStatusError`."""
        for _ in range(_TRIES):
            response = self._client.request(method, f"/api/v2/{path}", **request)
            if response.status_code == httpx.codes.UNAUTHORIZED:  # a token expires after a day
                self.close()
            elif not (response.status_code == httpx.codes.INTERNAL_SERVER_ERROR and "Database error" in response.text):
                break
            else:  # SQLite was locked by another writer, and Airflow has rolled back what it did
                time.sleep(_POLL_S)
        if response.is_error:
            message = f"{method} {response.url} returned {response.status_code}: {response.text[:1000]}"
            raise httpx.HTTPStatusError(message, request=response.request, response=response)
        return response.json()

    @cached_property
    def _client(self) -> httpx.Client:
        user, password = self.login
        response = httpx.post(
            f"{self.url}/auth/token", json={"username": user, "password": password}, timeout=_ANSWER_WITHIN_S
        )
        response.raise_for_status()
        token = response.json()["access_token"]
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=_ANSWER_WITHIN_S)

    def close(self) -> None:
        """Close the connections. The next call opens new ones."""
        client = self.__dict__.pop("_client", None)
        if client is not None:
            client.close()


class RemoteAirflow(AirflowClient):
    """An Airflow that somebody else runs."""

    def __init__(self, *, url: str, login: tuple[str, str]) -> None:
        self._url, self._login = url, login

    @property
    def url(self) -> str:
        return self._url

    @property
    def login(self) -> tuple[str, str]:
        return self._login
