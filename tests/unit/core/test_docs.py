"""What the documents list is what the code has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from growth_verticals.cli.__main__ import COMMANDS
from growth_verticals.cli.tables import COMMANDS as TABLES_COMMANDS
from growth_verticals.files.rejects import Reason

REPOSITORY = Path(__file__).resolve().parents[3]


def texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of what tells people which command to type: documents, messages, docstrings."""
    for folder in ("docs", "include", "dags", "plugins", "local"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in (".md", ".py", ".sh", ".sql", ".yaml"):
                yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")
    for name in ("README.md", "docker-compose.yaml", "gv"):
        yield name, (REPOSITORY / name).read_text(encoding="utf-8")


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


def test_every_make_target_that_is_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {(name, target) for name, text in texts() for target in re.findall(r"(?:[`']|Next: )make ([a-z-]+)", text)}
    assert len(named) > 10
    assert {(name, target) for name, target in named if target not in targets} == set()


def test_every_command_that_is_named_exists():
    named = {(name, *words) for name, text in texts() for words in re.findall(r"\./gv ([a-z]+)(?: ([a-z]+))?", text)}
    assert len(named) > 40
    first = {*COMMANDS, "local"}
    second = {"tables": set(TABLES_COMMANDS), "local": {"up", "down", "status", "env"}}
    assert {
        each for each in named if each[1] not in first or (each[1] in second and each[2] not in {*second[each[1]], ""})
    } == set()
