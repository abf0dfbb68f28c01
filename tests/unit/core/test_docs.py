"""The documentation matches the code: commands, settings, dependencies, reasons and decisions."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from growth_verticals.cli.__main__ import COMMANDS
from growth_verticals.cli.tables import COMMANDS as TABLES_COMMANDS
from growth_verticals.files.rejects import Reason
from tests.unit.core.named_tests import is_test

REPOSITORY = Path(__file__).resolve().parents[3]


def texts() -> Iterator[tuple[str, str]]:
    """Yield name and text of every file that can mention a command: documentation, messages and docstrings."""
    for folder in ("docs", "include", "dags", "plugins", "local"):
        for path in (REPOSITORY / folder).rglob("*"):
            if path.suffix in (".md", ".py", ".sh", ".sql", ".yaml"):
                yield str(path.relative_to(REPOSITORY)), path.read_text(encoding="utf-8")
    for name in ("README.md", "CONTRIBUTING.md", "docker-compose.yaml", "gv"):
        yield name, (REPOSITORY / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("reason", Reason)
def test_every_reject_reason_is_documented(reason: Reason):
    assert f"`{reason}`" in (REPOSITORY / "docs/rejects.md").read_text(encoding="utf-8")


def test_every_decision_is_in_the_index():
    folder = REPOSITORY / "docs/decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in sorted(folder.glob("0*.md")) if f"({path.name})" not in index] == []


def test_every_promise_names_a_test_that_exists():
    promises = (REPOSITORY / "docs/reliability.md").read_text(encoding="utf-8").partition("## Promised")[2]
    rows = [row for row in promises.partition("\n## ")[0].splitlines() if row.startswith("| ")][1:]
    assert len(rows) > 10
    named = [re.findall(r"`(tests/\S+::\S+)`", row) for row in rows]
    assert [row for row, tests in zip(rows, named, strict=True) if not tests or not all(map(is_test, tests))] == []


def packages(file: str) -> dict[str, str]:
    """Return the packages in a requirements file, each with the rest of its line (version and marker)."""
    lines = re.findall(r"^([a-z0-9][a-z0-9-]*)(.*?)[ \\]*$", (REPOSITORY / file).read_text("utf-8"), re.MULTILINE)
    return {f"{name} {rest}" if " ; " in rest else name: rest for name, rest in lines}


@pytest.mark.parametrize(
    ("file", "heading"), [("requirements.in", "## Production"), ("requirements-dev.in", "## Development")]
)
def test_every_direct_dependency_is_documented(file: str, heading: str):
    text = (REPOSITORY / "docs/dependencies.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`([a-z0-9-]+)`", text.partition(heading)[2].partition("\n## ")[0]))
    assert len(packages(file)) > 10
    assert packages(file).keys() - explained == set()


def test_production_installs_no_development_package():
    come_with_airflow = {"asyncssh", "httpx", "starlette", "uvicorn"}
    assert packages("requirements-dev.in").keys() & packages("requirements.txt").keys() == come_with_airflow


def test_development_contains_production_at_the_same_versions():
    production, development = packages("requirements.txt"), packages("requirements-dev.txt")
    assert len(production) > 100
    assert production.items() - development.items() == set()


def test_every_make_target_in_the_documentation_exists():
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    mentions = {
        (name, target) for name, text in texts() for target in re.findall(r"(?:[`']|Next: )make ([a-z-]+)", text)
    }
    assert len(mentions) > 10
    assert {(name, target) for name, target in mentions if target not in targets} == set()


def test_every_gv_command_in_the_documentation_exists():
    mentions = {(name, *words) for name, text in texts() for words in re.findall(r"\./gv ([a-z]+)(?: ([a-z]+))?", text)}
    assert len(mentions) > 40
    commands = {*COMMANDS, "local"}
    subcommands = {"tables": {*TABLES_COMMANDS, ""}, "local": {"up", "down", "status", "env", "serve", ""}}
    assert {
        (name, command, subcommand)
        for name, command, subcommand in mentions
        if command not in commands or (command in subcommands and subcommand not in subcommands[command])
    } == set()


@pytest.mark.parametrize(
    ("folders", "files"),
    [
        (("dags", "plugins", "include/scripts"), ("requirements.in",)),
        (("local",), ("requirements.in", "requirements-dev.in")),
    ],
)
def test_every_imported_package_is_in_the_requirements(folders: tuple[str, ...], files: tuple[str, ...]):
    required = {name for file in files for name in packages(file)}
    installed = packages_distributions()
    own_modules = {"growth_verticals", "local", "sampling"}
    imported: dict[str, set[str]] = {}
    for folder in folders:
        for path in (REPOSITORY / folder).rglob("*.py"):
            for module in imported_modules(ast.parse(path.read_text(encoding="utf-8"))):
                if module not in sys.stdlib_module_names | own_modules:
                    imported[module] = {name.lower().replace("_", "-") for name in installed.get(module, [])}
    assert len(imported) > 7
    assert [module for module, packages in imported.items() if not packages & required] == []


def imported_modules(tree: ast.AST) -> Iterator[str]:
    """Yield the top-level name of every absolute import."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def test_every_setting_of_the_compose_file_is_in_the_example_env_file():
    text = (REPOSITORY / "docker-compose.yaml").read_text(encoding="utf-8")
    example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
    settings = set(re.findall(r"\$\{([A-Z_]+)", text))
    assert len(settings) > 5
    assert settings - set(re.findall(r"^#?([A-Z_]+)=", example, re.MULTILINE)) == set()


def test_every_setting_is_documented():
    used = {
        setting
        for name, text in texts()
        if name.startswith(("plugins", "local")) or name == "gv"
        for setting in re.findall(r"\bGV_[A-Z_]*[A-Z]\b", text)
    }
    explained = "".join(text for name, text in texts() if name.endswith(".md"))
    assert {"GV_DEBUG", "GV_PYTHON", "GV_AIRFLOW_PORT", "GV_LANDING_URI"} <= used
    assert {setting for setting in used - {"GV_LOCAL"} if setting not in explained} == set()
