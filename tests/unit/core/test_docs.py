"""What the documents list is what the code has."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from growth_verticals.files.rejects import Reason

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_for_a_reject_is_explained(reason: Reason):
    assert f"`{reason}`" in (REPOSITORY / "docs/rejects.md").read_text(encoding="utf-8")


def test_every_decision_is_in_the_index():
    folder = REPOSITORY / "docs/decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in sorted(folder.glob("0*.md")) if f"({path.name})" not in index] == []


def test_every_direct_dependency_is_explained():
    explained = (REPOSITORY / "docs/dependencies.md").read_text(encoding="utf-8")
    named = [
        re.split(r"==|\[", line)[0]
        for line in (REPOSITORY / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    short = {"apache-airflow-providers-amazon", "apache-airflow-providers-sftp", "apache-airflow-providers-standard"}
    extensions = {"duckdb-extension-avro", "duckdb-extension-httpfs", "duckdb-extension-iceberg"}
    assert [name for name in named if name not in explained and name not in short | extensions] == []
