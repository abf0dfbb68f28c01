"""A catalog between whose client and server the commits go wrong, on a real server and by script."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import requests
from pyiceberg.catalog.rest import RestCatalog
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

#: Gets the function that sends the commit, and returns an answer or raises: before sending, after it, or instead.
Fault = Callable[[Callable[[], Response]], Response]


class Killed(BaseException):
    """The process ends here: no `except Exception` sees it."""


class Spoiler(BaseAdapter):
    """Stands before a catalog's HTTP adapter; each commit of `table` meets the next of `faults`, and then none."""

    def __init__(self, catalog: RestCatalog) -> None:
        super().__init__()
        self.catalog = catalog
        self._faults: list[Fault] = []
        self._table = "person"
        [self._prefix] = [prefix for prefix in catalog._session.adapters if prefix.startswith(catalog.uri)]
        self._inner = catalog._session.adapters[self._prefix]
        catalog._session.mount(self._prefix, self)

    def spoil(self, *faults: Fault, table: str = "person") -> None:
        self._faults, self._table = list(faults), table

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        def pass_on() -> Response:
            response = self._inner.send(request, *args, **kwargs)
            assert response.content is not None  # read to the end, so that its connection is free again
            return response

        path = str(request.url).partition("?")[0]
        if request.method != "POST" or "/tables/" not in path:
            return pass_on()
        if not self._faults or not path.endswith(f"/tables/{self._table}"):
            return pass_on()
        return self._faults.pop(0)(pass_on)

    def close(self) -> None:
        self._inner.close()


def answer(status: int) -> Callable[[Response], Response]:
    """Turn any answer into an error of that status, in the catalog's form."""

    def spoiled(response: Response) -> Response:
        body = {"error": {"message": "spoiled", "type": "SpoiledException", "code": status}}
        response.status_code, response._content = status, json.dumps(body).encode()
        return response

    return spoiled


def before(status: int) -> Fault:
    """The server answers with an error and does nothing."""

    def fault(_: Callable[[], Response]) -> Response:
        return answer(status)(Response())

    return fault


def after(status: int) -> Fault:
    """The commit lands, and the answer is an error."""
    return lambda pass_on: answer(status)(pass_on())


def dropped_before(_: Callable[[], Response]) -> Response:
    raise requests.ConnectionError("dropped before it was sent")


def dropped_after(pass_on: Callable[[], Response]) -> Response:
    pass_on()
    raise requests.ConnectionError("dropped while waiting for the answer")


def timed_out_after(pass_on: Callable[[], Response]) -> Response:
    pass_on()
    raise requests.ReadTimeout("no answer in time")


def cut_after(pass_on: Callable[[], Response]) -> Response:
    response = pass_on()
    response._content = response.content[: len(response.content) // 2]
    return response


def killed_before(_: Callable[[], Response]) -> Response:
    raise Killed


def killed_after(pass_on: Callable[[], Response]) -> Response:
    pass_on()
    raise Killed


def interrupted_by(meanwhile: Callable[[], object]) -> Fault:
    """Something else happens between the loader's look at the table and its commit."""

    def fault(pass_on: Callable[[], Response]) -> Response:
        meanwhile()
        return pass_on()

    return fault
