"""The declarations are read without Airflow."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from growth_verticals.declarations import SOURCES_FOLDER, find_source, read_source, read_sources
from growth_verticals.errors import DeclarationError, UnknownSourceError
from growth_verticals.source import Sftp

REPOSITORY = Path(__file__).parents[3]

VALID = '''"""# Feed"""
from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(name="NAME", table="a.b", cadence=OnDemand(), delivery=Inbox(), format=Delimited()), doc=__doc__
)
'''


def declare(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.py"
    path.write_text(text)
    return path


def test_every_file_in_the_folder_declares_the_source_of_its_name() -> None:
    sources = read_sources()
    assert list(sources) == sorted(path.stem for path in SOURCES_FOLDER.glob("*.py"))
    assert all(source.name == name for name, source in sources.items())
    assert isinstance(sources["aiq_household"].delivery, Sftp)


def test_airflow_is_not_imported() -> None:
    script = (
        "import sys; from growth_verticals.declarations import read_sources; read_sources(); "
        "print('airflow' in sys.modules)"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "plugins")}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "False"


def test_a_source_is_found_even_if_another_file_is_broken(tmp_path: Path) -> None:
    declare(tmp_path, "feed", VALID.replace("NAME", "feed"))
    declare(tmp_path, "other", "this is not Python")
    assert find_source("feed", tmp_path).name == "feed"
    with pytest.raises(DeclarationError):
        read_sources(tmp_path)


def test_an_error_for_an_unknown_name_suggests_similar_names() -> None:
    with pytest.raises(UnknownSourceError, match="aiq_household"):
        find_source("aiq_houshold")
    with pytest.raises(UnknownSourceError, match="gv sources"):
        find_source("../../etc/passwd")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ndef broken(:\n", r"feed\.py: line 2: the declaration does not run: SyntaxError"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        (VALID.replace("NAME", "Feed"), r"Feed: feed\.py: a source's name must be lower_snake_case"),
        (VALID.replace("NAME", "other"), r"expected feed, found other"),
        (VALID.replace("NAME", "feed") + VALID.replace("NAME", "second"), "found feed, second"),
        ("x = 1\n", "found none"),
        (VALID.replace("NAME", "feed").replace("OnDemand()", "OnDemand(day=3)"), "unexpected keyword argument"),
    ],
)
def test_an_error_names_the_file_that_is_not_a_valid_declaration(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        read_source(declare(tmp_path, "feed", text))
