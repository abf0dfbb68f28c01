"""The stand-in's catalog, and the contract of a sample table in the test's own namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from pyiceberg.catalog.rest import RestCatalog

from growth_verticals.account import Account
from growth_verticals.catalog.rest import open_catalog
from growth_verticals.contract.table import TableContract
from tests.integration.tables.deliveries import person_contract


@pytest.fixture
def catalog(account: Account) -> Iterator[RestCatalog]:
    with closing(open_catalog(account)) as catalog:
        yield catalog


@pytest.fixture
def person(namespace: str) -> TableContract:
    return person_contract(namespace)
