"""What the documents list is what the code has."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

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


def test_every_package_that_is_imported_is_named():
    named = {
        re.split(r"==|\[", line)[0].strip()
        for line in (REPOSITORY / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    installed = packages_distributions()
    ours = {"growth_verticals", "local", "sampling"}
    imported: dict[str, set[str]] = {}
    for folder in ("dags", "plugins", "local", "include/scripts"):
        for path in (REPOSITORY / folder).rglob("*.py"):
            for module in modules_of(ast.parse(path.read_text(encoding="utf-8"))):
                if module not in sys.stdlib_module_names | ours:
                    imported[module] = {name.lower().replace("_", "-") for name in installed.get(module, [])}
    assert len(imported) > 15
    assert [module for module, packages in imported.items() if not packages & named] == []


def modules_of(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level name of every absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_setting_of_the_compose_file_is_in_the_example():
    text = (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    asked = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert len(asked) > 5
    assert asked - set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE)) == set()


def test_the_compose_file_runs_every_part_of_airflow_at_the_pinned_version():
    services = yaml.safe_load((REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8"))["services"]
    commands = {service.get("command") for service in services.values()} - {None}
    assert commands == {"db migrate", "api-server", "scheduler", "dag-processor", "triggerer"}
    version = re.search(r"^apache-airflow==(\S+)", (REPOSITORY / "requirements.in").read_text("utf-8"), re.MULTILINE)
    assert version is not None
    assert f"apache/airflow:{version[1]}-python" in services["scheduler"]["build"]["dockerfile_inline"]


def test_every_setting_is_explained():
    read = {
        setting
        for name, text in texts()
        if name.startswith(("plugins", "local")) or name == "gv"
        for setting in re.findall(r"\bGV_[A-Z_]*[A-Z]\b", text)
    }
    explained = "".join(text for name, text in texts() if name.endswith(".md"))
    assert {"GV_DEBUG", "GV_PYTHON", "GV_AIRFLOW_PORT", "GV_LANDING_URI"} <= read
    assert {setting for setting in read - {"GV_LOCAL"} if setting not in explained} == set()
