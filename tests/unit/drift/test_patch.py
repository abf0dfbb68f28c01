"""Edits keep formatting and comments, `git apply` accepts the diff, and an unusual file is left to a person."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.declared import SCHEMAS
from growth_verticals.contract.table import Column
from growth_verticals.declarations import SOURCES_FOLDER, read_source
from growth_verticals.drift.patch import NotEditableError, add_aliases, add_columns, unified_diff
from growth_verticals.errors import DdlError
from growth_verticals.source import Alias

NEW = [
    Column(name="shoe_size", type="decimal(4, 1)", pii="D", doc="It's new"),
    Column(name="wave", type="long", pii="D"),
]
ALIASES = [Alias("first_nm", "first_name", since="2026-11-20"), Alias('odd "name"', "note")]
SOURCES = sorted(path.stem for path in SOURCES_FOLDER.glob("*.py"))
DECLARATION = '''"""# Probe"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import {names}

dag = delivery_dag(
    Source(
        name="probe",
        table="probe.person",
        cadence=OnDemand(),
        delivery=Inbox(),
        format=Delimited(),  # as agreed
        {aliases}max_rejected=0.5,  # until the vendor has cleaned up
    ),
    doc=__doc__,
)
'''
RUFF = Path(sys.executable).with_name("ruff")
NAMES = "Delimited, Inbox, OnDemand, Source"


def edit(folder: Path, text: str) -> str:
    path = folder / "probe.py"
    path.write_text(text, newline="")
    return add_aliases(text, read_source(path), ALIASES)


def changed_lines(before: str, after: str) -> list[str]:
    diff = unified_diff("f", before, after).splitlines()[2:]
    return [line for line in diff if line[0] in "+-"]


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_s_files_can_be_edited(name: str, tmp_path: Path) -> None:
    source = read_source(SOURCES_FOLDER / f"{name}.py")
    since = source.cadence.parse({"quarterly": "2026Q4", "monthly": "2026-11"}.get(source.cadence.label, "2026-11-20"))
    aliases = [Alias("a vendor's name", read_ddl((SCHEMAS / f"{name}.sql").read_text()).columns[0].name, since.key)]
    edits = {
        f"dags/sources/{name}.py": add_aliases((SOURCES_FOLDER / f"{name}.py").read_text(), source, aliases),
        f"include/schemas/{name}.sql": add_columns((SCHEMAS / f"{name}.sql").read_text(), NEW),
    }
    root, diff = SCHEMAS.parents[1], ""
    for path, after in edits.items():
        copy = tmp_path / path
        copy.parent.mkdir(parents=True)
        copy.write_text((root / path).read_text())
        diff += unified_diff(path, copy.read_text(), after)
    applied = subprocess.run(
        ["git", "apply", "-"], cwd=tmp_path, input=diff, text=True, capture_output=True, check=False
    )
    assert applied.returncode == 0, applied.stderr
    assert {path: (tmp_path / path).read_text() for path in edits} == edits
    subprocess.run([RUFF, "check", "--config", root / "pyproject.toml", "--select", "I,E", tmp_path], check=True)
    subprocess.run([RUFF, "format", "--check", "--config", root / "pyproject.toml", tmp_path], check=True)


def test_columns_are_added_in_the_file_s_own_layout() -> None:
    before = (
        "CREATE TABLE a.b (  -- people\n    id    STRING NOT NULL COMMENT '[Q] It''s (an) id, really'  -- the key\n)\n"
    )
    after = add_columns(before, NEW)
    assert after == (
        "CREATE TABLE a.b (  -- people\n"
        "    id    STRING NOT NULL COMMENT '[Q] It''s (an) id, really',  -- the key\n"
        "    shoe_size DECIMAL(4,1)    COMMENT '[D] It''s new',\n"
        "    wave  BIGINT          COMMENT '[D]'\n"
        ")\n"
    )


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE a.b (id STRING, note STRING)\n",
        "CREATE TABLE a.b (\n    id STRING\n  , note STRING)\n",
        "CREATE TABLE a.b (\n    id STRING\n  , wave STRING\n)\n",
    ],
)
def test_a_sql_file_in_another_layout_is_left_alone(sql: str) -> None:
    with pytest.raises((NotEditableError, DdlError)):
        add_columns(sql, NEW)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_aliases_are_added_behind_the_format_and_its_comment(tmp_path: Path, end: str) -> None:
    before = DECLARATION.format(names=NAMES, aliases="").replace("\n", end)
    after = edit(tmp_path, before)
    assert after.count("\n") == after.count(end)
    assert changed_lines(before.replace(end, "\n"), after.replace(end, "\n")) == [
        f"-from growth_verticals.source import {NAMES}",
        f"+from growth_verticals.source import Alias, {NAMES}",
        '+        aliases=(Alias("first_nm", "first_name", since="2026-11-20"), Alias("odd \\"name\\"", "note")),',
    ]


def test_aliases_are_added_to_the_declared_ones(tmp_path: Path) -> None:
    names = f"Alias, {NAMES}"
    before = DECLARATION.format(names=names, aliases='aliases=(Alias("zip", "zip5"),),  # old\n        ')
    assert changed_lines(before, edit(tmp_path, before)) == [
        '-        aliases=(Alias("zip", "zip5"),),  # old',
        "+        aliases=(",
        '+            Alias("zip", "zip5"),',
        '+            Alias("first_nm", "first_name", since="2026-11-20"),',
        '+            Alias("odd \\"name\\"", "note"),',
        "+        ),  # old",
    ]
    newer = 'Alias("zip", "zip9", since="2026-11-01"),  # why'
    lines = f'aliases=(\n            Alias("zip", "zip5"),\n            {newer}\n        ),\n        '
    before = DECLARATION.format(names=names, aliases=lines)
    assert changed_lines(before, edit(tmp_path, before)) == [
        '+            Alias("first_nm", "first_name", since="2026-11-20"),',
        '+            Alias("odd \\"name\\"", "note"),',
    ]


def test_an_import_over_several_lines_gets_a_line(tmp_path: Path) -> None:
    names = "(\n    US_STATES,\n    Delimited,\n    Inbox,\n    OnDemand,\n    Source,\n)"
    before = DECLARATION.format(names=names, aliases="")
    assert changed_lines(before, edit(tmp_path, before))[0] == "+    Alias,"


@pytest.mark.parametrize(
    ("names", "aliases"),
    [
        (f"Alias, {NAMES}", 'aliases=tuple(Alias(name, "zip5") for name in ("zip", "plz")),\n        '),
        (f"Alias, {NAMES}", 'aliases=(Alias("zip", "zip5"),) + (Alias("plz", "zip5"),),\n        '),
        (f"Alias, {NAMES}", '**{"aliases": (Alias("zip", "zip5"),)},\n        '),
        (f"{NAMES}\nSource = Source", ""),
        ("Delimited, Inbox, OnDemand\nfrom growth_verticals.source import Source as S\n\nSource = S", ""),
    ],
)
def test_an_unusual_declaration_is_left_alone_or_edited_rightly(names: str, aliases: str, tmp_path: Path) -> None:
    text = DECLARATION.format(names=names, aliases=aliases)
    (tmp_path / "probe.py").write_text(text)
    before = read_source(tmp_path / "probe.py")
    try:
        after = edit(tmp_path, text)
    except NotEditableError:
        return
    (tmp_path / "probe.py").write_text(after)
    assert read_source(tmp_path / "probe.py").aliases == (*before.aliases, *ALIASES)


def test_a_file_without_a_last_line_end_has_a_diff_that_applies(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("a\nb")
    diff = unified_diff("f", "a\nb", "a\nc\nb")
    subprocess.run(["git", "apply", "-"], cwd=tmp_path, input=diff, text=True, check=True)
    assert (tmp_path / "f").read_text() == "a\nc\nb"
