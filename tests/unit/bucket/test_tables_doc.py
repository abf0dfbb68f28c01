"""docs/tables.md agrees with the commands and the settings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from growth_verticals.bucket.settings import MAINTENANCE_TYPES
from growth_verticals.cli.__main__ import parser
from growth_verticals.cli.tables import COMMANDS
from growth_verticals.cli.tables.configure import OPTIONS

REPOSITORY = Path(__file__).resolve().parents[3]
DOC = (REPOSITORY / "docs/tables.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^\./gv (tables .*)$", DOC, re.MULTILINE)
SETTINGS = [(each, setting) for each in MAINTENANCE_TYPES for setting in each.settings]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_an_example(command: str):
    assert [line for line in EXAMPLES if line.split()[1] == command]


@pytest.mark.parametrize("line", EXAMPLES)
def test_every_example_is_valid(line: str):
    assert parser().parse_args(shlex.split(line)).command == "tables"


@pytest.mark.parametrize(("maintenance_type", "setting"), SETTINGS, ids=lambda each: each.name)
def test_every_setting_is_listed_with_default_range_and_level(maintenance_type, setting):
    [row] = [line for line in DOC.splitlines() if re.match(rf"\| (\w+ )?\| {setting.label} \|", line)]
    cells = [cell.strip() for cell in row.split("|")[1:-1]]
    assert cells[2].split()[0] == str(setting.default)
    assert cells[3].removesuffix(" MB") == setting.range
    assert re.sub(r" \[\d\]$", "", cells[4]) == maintenance_type.level
    assert OPTIONS[cells[5].strip("`")] == setting.name


@pytest.mark.parametrize("script", sorted(path.name for path in (REPOSITORY / "include/scripts").glob("*.sh")))
def test_every_script_calls_its_documented_command(script: str):
    [row] = [line for line in DOC.splitlines() if line.startswith("| `") and f"`{script}`" in line]
    command = row.split("`")[-2].removeprefix("./gv ")
    assert f'gv" {command} "$@"' in (REPOSITORY / "include/scripts" / script).read_text(encoding="utf-8")
