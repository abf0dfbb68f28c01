"""One stand-in for all tests that need it, on free ports. Each test uses its own names in it."""

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

#: Hypothesis generates the same examples in every run, so that results are repeatable. `make fuzz` tries new examples.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("fuzz", max_examples=2_000, deadline=None)
settings.load_profile(os.environ.get("GV_HYPOTHESIS", "repeatable"))


#: A server that is down in a test stays down: fewer attempts than in production, which is the same in child processes.
os.environ.setdefault("AWS_MAX_ATTEMPTS", "4")


@pytest.fixture(scope="session")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """The settings of a running stand-in."""
    with standin.running(tmp_path_factory.mktemp("stand-in") / "state") as settings:
        yield settings


@pytest.fixture(scope="session")
def stand_in_environment(stand_in: Settings) -> dict[str, str]:
    """The environment variables that `./gv local env` prints for the stand-in."""
    return standin.environment(stand_in)


@pytest.fixture
def account(stand_in_environment: dict[str, str]) -> Account:
    """The stand-in's account, with a landing zone that no other test uses."""
    keys = Credentials(
        access_key=stand_in_environment["AWS_ACCESS_KEY_ID"],
        secret_key=stand_in_environment["AWS_SECRET_ACCESS_KEY"],
    )
    shared = Account.from_environment(stand_in_environment, keys)
    return replace(shared, landing_uri=f"{shared.landing_uri}/{uuid.uuid4().hex}")


@pytest.fixture
def namespace(account: Account) -> str:
    """The name of a new, empty namespace."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    account.client("s3tables").create_namespace(tableBucketARN=account.table_bucket_arn, namespace=[name])
    return name
