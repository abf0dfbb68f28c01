"""Airflow's own REST API, called in this process in the name of the user who sent a form. Airflow decides on rights."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import httpx
from anyio import from_thread
from fastapi import Depends, HTTPException, Request

from growth_verticals.web.security import SessionToken

if TYPE_CHECKING:
    from collections.abc import Mapping


class OwnApi:
    """Calls of `/api/v2` for one request of a user. For routes that are plain `def`.

    :param app: Airflow's app.
    :param token: of the user's login.
    """

    def __init__(self, app: Any, token: str) -> None:
        self._app, self._token = app, token

    def call(self, method: str, *path: str, body: Mapping[str, Any]) -> Any:
        """Return the JSON of the response.

        Raises `HTTPException` with Airflow's status and its sentence if it refuses.

        :param path: segments after `/api/v2`. They can contain any character.
        """
        url = "/".join(["/api/v2", *(quote(each, safe="") for each in path)])
        response = from_thread.run(self._send, method, url, body)
        if response.is_error:
            raise HTTPException(response.status_code, _sentence(response))
        return response.json()

    async def _send(self, method: str, url: str, body: Mapping[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(app=self._app, raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {self._token}"}
        async with httpx.AsyncClient(transport=transport, base_url="http://airflow", headers=headers) as client:
            return await client.request(method, url, json=dict(body))


def own_api(request: Request, token: SessionToken) -> OwnApi:
    """Return the API of the Airflow that this request came through."""
    return OwnApi(request.scope["airflow"], token)


Api = Annotated[OwnApi, Depends(own_api)]


def _sentence(response: httpx.Response) -> str:
    """Return Airflow's reason as one sentence. It has several forms of errors."""
    if response.status_code == HTTPStatus.FORBIDDEN:
        return "you have no right to do this: Airflow refused it, and nothing was done"
    try:
        detail = response.json()["detail"]
    except (ValueError, KeyError, TypeError):
        return f"Airflow could not do this (status {response.status_code}). Look at the API server's log"
    if isinstance(detail, list):
        detail = "; ".join(str(each.get("msg", each)) if isinstance(each, dict) else str(each) for each in detail)
    elif isinstance(detail, dict):
        detail = detail.get("message") or detail.get("reason") or str(detail)
    return str(detail).strip().partition("\n")[0].rstrip(".")
