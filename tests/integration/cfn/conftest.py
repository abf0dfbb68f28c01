from __future__ import annotations

from collections.abc import Iterator

import pytest
from moto import mock_aws


@pytest.fixture(scope="module", autouse=True)
def account() -> Iterator[None]:
    """An empty AWS account, mocked in this process: no request leaves it."""
    with mock_aws():
        yield
