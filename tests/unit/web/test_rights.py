"""Every page needs a login and the right to its DAG, every response has the headers, and no form can be forged."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

import pytest
from airflow.models import DagRun
from airflow.utils.session import create_session
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from sqlalchemy import func, select

from growth_verticals.web.app import create_app
from growth_verticals.web.security import HEADERS, logged_in, posted_form, readable_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi.testclient import TestClient

    from tests.airflow_history import History

    from .conftest import Login

ROUTES = [route for route in create_app().routes if isinstance(route, APIRoute)]
#: Routes about no DAG: what they list, each asks Airflow for the user's DAGs.
LISTS = {"/", "/grid.json", "/causes.json", "/static/{name}"}
SOURCE, PERIOD = "ls_corp", "2026-11-20"


def name_of(route: APIRoute) -> str:
    return f"{min(route.methods)} {route.path}"


def calls_of(dependant: Dependant) -> Iterator[object]:
    """Yield all that FastAPI calls before the route."""
    yield dependant.call
    yield from chain.from_iterable(map(calls_of, dependant.dependencies))


def path_of(route: APIRoute) -> str:
    values = {"source": SOURCE, "dag_id": SOURCE, "period": PERIOD, "run_id": "manual__1", "name": "page.css"}
    return "/deliveries" + re.sub(r"{(\w+)(?::path)?}", lambda match: values[match[1]], route.path)


def send(client: TestClient, route: APIRoute) -> int:
    response = client.request(min(route.methods), path_of(route))
    assert {name: response.headers.get(name) for name in HEADERS} == HEADERS
    return response.status_code


def test_there_are_no_routes_but_those_that_these_tests_walk_over() -> None:
    assert len(ROUTES) > 12
    assert [route for route in create_app().routes if not isinstance(route, APIRoute)] == []


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_every_route_depends_on_the_login(route: APIRoute) -> None:
    assert logged_in in calls_of(route.dependant)


@pytest.mark.parametrize("route", [route for route in ROUTES if "{source}" in route.path], ids=name_of)
def test_every_route_of_a_source_depends_on_the_right_to_read_its_dag(route: APIRoute) -> None:
    assert readable_source in calls_of(route.dependant)


@pytest.mark.parametrize("route", [route for route in ROUTES if route.methods != {"GET"}], ids=name_of)
def test_every_act_depends_on_a_form_that_is_not_forged(route: APIRoute) -> None:
    assert route.methods == {"POST"}
    assert posted_form in calls_of(route.dependant)


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_without_a_login_every_route_answers_401(login: Login, route: APIRoute) -> None:
    assert send(login(None), route) == 401


@pytest.mark.parametrize("route", ROUTES, ids=name_of)
def test_a_login_that_airflow_does_not_accept_is_401_too(login: Login, route: APIRoute) -> None:
    client = login(None)
    client.headers["Authorization"] = "Bearer no.such.token"
    assert send(client, route) == 401


@pytest.mark.parametrize(
    "route", [route for route in ROUTES if re.search(r"{source}|{dag_id}", route.path)], ids=name_of
)
def test_without_the_right_to_the_dag_every_route_answers_403(login: Login, route: APIRoute) -> None:
    assert send(login(""), route) == 403  # a user without a role


def test_lists_leave_out_what_the_user_may_not_read(login: Login, history: History) -> None:
    nobody = login("")
    assert nobody.get("/deliveries/grid.json").json()["rows"] == []
    assert nobody.get("/deliveries/causes.json").json()["causes"] == []
    assert "You see no source" in nobody.get("/deliveries/").text
    assert nobody.get("/deliveries/", params={"source": SOURCE}).status_code == 403
    assert len(login("viewer").get("/deliveries/grid.json").json()["rows"]) == 14


def test_whether_there_is_a_source_is_only_said_after_the_login_and_the_right(login: Login) -> None:
    path = "/deliveries/sources/no_such_source/2026-11-20"
    assert login(None).get(path).status_code == 401
    assert login("").get(path).status_code == 403
    assert login("viewer").get(path).status_code == 404


def test_nothing_describes_the_routes_to_strangers(web: TestClient) -> None:
    for path in ("openapi.json", "docs", "redoc"):
        response = web.get(f"/deliveries/{path}")
        assert response.status_code == 404
        assert response.headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]


def test_a_program_gets_errors_as_json_and_logs_in_with_a_bearer_token(web: TestClient, login: Login) -> None:
    program = login(None)
    program.headers["Accept"] = "application/json"
    assert program.get("/deliveries/grid.json").json() == {"detail": "log in to Airflow, and open this page again"}
    program.headers["Authorization"] = f"Bearer {web.cookies['_token']}"
    assert program.get("/deliveries/grid.json").status_code == 200


def runs() -> int:
    with create_session() as session:
        return session.scalar(select(func.count(DagRun.id))) or 0


def token_of(client: TestClient) -> str:
    page = client.get(f"/deliveries/sources/{SOURCE}/load").text
    found = re.search(r'name="token" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


CORRECTION = {"action": "undo", "reason": "a wrong file"}


@pytest.mark.parametrize(
    ("token", "headers"),
    [
        (None, {}),
        ("", {}),
        ("0" * 64, {}),
        ("é", {}),
        ("own", {"Sec-Fetch-Site": "cross-site"}),
        ("own", {"Sec-Fetch-Site": "same-site"}),
        ("own", {"Origin": "https://evil.example"}),
        ("own", {"Origin": "null"}),
        ("own", {"Origin": "http://testserver.evil.example"}),
    ],
)
def test_a_form_from_elsewhere_does_nothing(
    web: TestClient, history: History, token: str | None, headers: dict[str, str]
) -> None:
    before = runs()
    form = CORRECTION | ({} if token is None else {"token": token_of(web) if token == "own" else token})
    response = web.post(f"/deliveries/sources/{SOURCE}/{PERIOD}/correct", data=form, headers=headers)
    assert response.status_code == 403
    assert "nothing was done" in response.text
    assert runs() == before


def test_a_form_token_is_worth_nothing_in_another_session(web: TestClient, login: Login, history: History) -> None:
    before = runs()
    form = CORRECTION | {"token": token_of(login("user"))}
    assert web.post(f"/deliveries/sources/{SOURCE}/{PERIOD}/correct", data=form).status_code == 403
    assert runs() == before
