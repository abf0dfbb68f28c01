"""The stand-in of the integration tests, and a catalog into whose commits a test can inject faults."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from growth_verticals.tables import commit_loop
from tests.integration.tables.deliveries import person_contract

from .fault_injector import FaultInjector


@pytest.fixture
def person(namespace: str) -> TableContract:
    return person_contract(namespace)


@pytest.fixture
def catalog(account: Account) -> Iterator[RestCatalog]:
    """A catalog without faults."""
    with closing(open_catalog(account)) as catalog:
        yield catalog


@pytest.fixture
def injector(account: Account) -> Iterator[FaultInjector]:
    """A second catalog client, with a fault injector between it and the server."""
    with closing(open_catalog(account)) as catalog:
        yield FaultInjector(catalog)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_loop, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(commit_loop, "LONGEST_PAUSE_S", 0.01)
