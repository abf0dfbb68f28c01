"""One stand-in for all tests that ask for it, on free ports; what a test makes in it has names of its own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import settings

from growth_verticals.account import Account, Credentials
from local import standin
from local.settings import Settings

#: The same examples every time, so that a run that was green stays green; `make fuzz` looks for new ones.
settings.register_profile("same", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("GV_HYPOTHESIS", "same"))


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a running stand-in."""
    with standin.running(tmp_path_factory.mktemp("stand-in") / "state") as settings:
        yield settings


@pytest.fixture(scope="session")
def stand_in_environment(stand_in: Settings) -> dict[str, str]:
    """The variables that `./gv local env` prints for it."""
    return standin.environment(stand_in)


@pytest.fixture
def account(stand_in_environment: dict[str, str]) -> Account:
    """The stand-in's account, with a landing zone that no other test uses."""
    keys = Credentials(
        access_key=stand_in_environment["AWS_ACCESS_KEY_ID"],
        secret_key=stand_in_environment["AWS_SECRET_ACCESS_KEY"],
    )
    found = Account.from_environment(stand_in_environment, keys)
    return replace(found, landing_uri=f"{found.landing_uri}/{uuid.uuid4().hex}")


@pytest.fixture
def namespace(account: Account) -> str:
    """The name of a namespace that exists and is empty."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    account.client("s3tables").create_namespace(tableBucketARN=account.table_bucket_arn, namespace=[name])
    return name
