"""Scripted faults in the commits of a catalog client, between the client and a real server."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from pyiceberg.catalog.rest import RestCatalog
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

#: A fault is called instead of the function that sends the commit, and gets that function as its argument. It returns a
#: response or raises an exception: before, after or instead of sending.
Fault = Callable[[Callable[[], Response]], Response]


class Killed(BaseException):
    """The end of the process: no `except Exception` catches it."""


class FaultInjector(BaseAdapter):
    """Wraps a catalog's HTTP adapter. Each commit to `table` meets the next injected fault until none is left."""

    def __init__(self, catalog: RestCatalog) -> None:
        super().__init__()
        self.catalog = catalog
        self._faults: list[Fault] = []
        self._table = "person"
        [self._prefix] = [prefix for prefix in catalog._session.adapters if prefix.startswith(catalog.uri)]
        self._inner = catalog._session.adapters[self._prefix]
        catalog._session.mount(self._prefix, self)

    def inject(self, *faults: Fault, table: str = "person") -> None:
        self._faults, self._table = list(faults), table

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        def forward() -> Response:
            response = self._inner.send(request, *args, **kwargs)
            assert response.content is not None  # reads all of it, so that the connection can be reused
            return response

        path = str(request.url).partition("?")[0]
        if request.method != "POST" or "/tables/" not in path:
            return forward()
        if not self._faults or not path.endswith(f"/tables/{self._table}"):
            return forward()
        return self._faults.pop(0)(forward)

    def close(self) -> None:
        self._inner.close()


def error_response(response: Response, status: int) -> Response:
    """Turn a response into an error with this status, in the catalog's format."""
    body = {"error": {"message": "injected", "type": "InjectedException", "code": status}}
    response.status_code, response._content = status, json.dumps(body).encode()
    return response


def error_before_commit(status: int) -> Fault:
    """The server responds with an error and does nothing."""
    return lambda _: error_response(Response(), status)


def error_after_commit(status: int) -> Fault:
    """The commit succeeds, but the response is an error."""
    return lambda forward: error_response(forward(), status)


def dropped_before_commit(_: Callable[[], Response]) -> Response:
    raise requests.ConnectionError("connection dropped before the request was sent")


def dropped_after_commit(forward: Callable[[], Response]) -> Response:
    forward()
    raise requests.ConnectionError("connection dropped before the response")


def timed_out_after_commit(forward: Callable[[], Response]) -> Response:
    forward()
    raise requests.ReadTimeout("no response in time")


def truncated_after_commit(forward: Callable[[], Response]) -> Response:
    response = forward()
    response._content = response.content[: len(response.content) // 2]
    return response


def killed_before_commit(_: Callable[[], Response]) -> Response:
    raise Killed


def killed_after_commit(forward: Callable[[], Response]) -> Response:
    forward()
    raise Killed


def interrupted_by(action: Callable[[], object]) -> Fault:
    """Run an action between the loader's check of the table and its commit."""

    def fault(forward: Callable[[], Response]) -> Response:
        action()
        return forward()

    return fault
