"""Airflow's database, and the pages in Airflow's own app, for the tests of this folder. They all import airflow."""

import tests.airflow_home  # noqa: F401  # isort: skip

import os
import sqlite3
import warnings
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from airflow import settings
from airflow.api_fastapi.app import create_app, get_auth_manager
from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
from airflow.dag_processing.bundles.manager import DagBundlesManager
from airflow.dag_processing.dagbag import DagBag, sync_bag_to_db
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from growth_verticals.web.app import deliveries_app
from growth_verticals.web.clock import current_time
from tests.airflow_history import History, seed_history

DAGS = Path(__file__).resolve().parents[3] / "dags"
#: The time of all pages in these tests: a Monday noon.
NOW = datetime(2026, 11, 30, 12, tzinfo=ZoneInfo("America/New_York"))

#: Returns a client of the pages and of Airflow's API in the name of a user with this role; None: nobody has logged in.
Login = Callable[[str | None], TestClient]


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of a migrated database that has all DAGs and no runs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        initdb()
        DagBundlesManager().sync_bundles_to_db()
        sync_bag_to_db(DagBag(DAGS, collect_dags=True), "dags-folder", None)
    copy = tmp_path_factory.mktemp("database") / "empty.db"
    _copy(_database(), copy)
    return copy


@pytest.fixture(scope="module")
def airflow_database(empty_database: Path) -> None:
    """Airflow's database without runs, new for each module. `tests.airflow_history.seed_history` fills it."""
    settings.engine.dispose()
    _copy(empty_database, _database())


@pytest.fixture
def session(airflow_database: None) -> Iterator[Session]:
    with create_session() as session:
        yield session


@pytest.fixture(scope="module")
def history(airflow_database: None) -> History:
    """A year of runs up to `NOW`, with an example of everything."""
    with create_session() as session:
        return seed_history(session, NOW, years=1)


@pytest.fixture(scope="session")
def airflow_app(empty_database: Path) -> FastAPI:
    """Airflow's own app, with the plugin."""
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = "the secret of these tests, long enough for HMAC with SHA-512 keys"
    os.environ["AIRFLOW__API__SECRET_KEY"] = "another secret"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Airflow's own
        app = create_app()
    deliveries_app().app.dependency_overrides[current_time] = lambda: NOW  # type: ignore[attr-defined]
    return app


@pytest.fixture
def login(airflow_app: FastAPI, airflow_database: None) -> Iterator[Login]:
    """Roles are those of the simple auth manager: `viewer`, `user`, `op`, `admin`; an empty one may do nothing."""
    clients: list[TestClient] = []

    def client_of(role: str | None) -> TestClient:
        client = TestClient(airflow_app, follow_redirects=False, headers={"Accept": "text/html"})
        if role is not None:
            user = SimpleAuthManagerUser(username=f"{role}-user", role=role, teams=[])
            client.cookies.set("_token", get_auth_manager().generate_jwt(user))
        clients.append(client)
        return client

    yield client_of
    for client in clients:
        client.close()


@pytest.fixture
def web(login: Login) -> TestClient:
    """A client of an administrator, who may do everything."""
    return login("admin")


def _copy(source: Path, target: Path) -> None:
    """Copy a SQLite database, also one that is open."""
    with closing(sqlite3.connect(source)) as of, closing(sqlite3.connect(target)) as to:
        of.backup(to)


def _database() -> Path:
    return Path(os.environ["AIRFLOW_HOME"]) / "airflow.db"
