"""The stand-in of the integration tests, and a catalog whose answers a test may spoil."""

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

from .spoiler import Spoiler


@pytest.fixture
def person(namespace: str) -> TableContract:
    return person_contract(namespace)


@pytest.fixture
def catalog(account: Account) -> Iterator[RestCatalog]:
    """A catalog that works."""
    with closing(open_catalog(account)) as catalog:
        yield catalog


@pytest.fixture
def spoiler(account: Account) -> Iterator[Spoiler]:
    """A catalog of its own, with a hand on its commits."""
    with closing(open_catalog(account)) as catalog:
        yield Spoiler(catalog)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commit_loop, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(commit_loop, "LONGEST_PAUSE_S", 0.01)
