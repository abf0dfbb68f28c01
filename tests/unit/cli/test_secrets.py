"""`./gv secrets`: random secrets in a file that only its owner can read, and nothing that is set is changed."""

from __future__ import annotations

import argparse
import base64
import re
from pathlib import Path

import pytest

from growth_verticals.cli import secrets


def make(path: Path, *, local: bool = False) -> dict[str, str]:
    """Run the command and return the variables of the file."""
    assert secrets.run(argparse.Namespace(file=path, local=local)) == 0
    assert path.stat().st_mode & 0o777 == 0o600
    return dict(re.findall(r"^([A-Z_0-9]+)=(.*)$", path.read_text(), re.MULTILINE))


def test_every_secret_gets_its_own_value_of_32_random_bytes(tmp_path: Path) -> None:
    values = [make(tmp_path / ".env")[name] for name in secrets.NAMES]
    assert len(set(values)) == len(secrets.NAMES)
    assert {len(base64.urlsafe_b64decode(value)) for value in values} == {32}  # so each is a Fernet key


def test_no_value_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    values = make(tmp_path / ".env")
    printed = capsys.readouterr().out
    assert all(name in printed and values[name] not in printed for name in secrets.NAMES)


def test_a_second_run_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = make(tmp_path / ".env")
    assert make(tmp_path / ".env") == before
    assert capsys.readouterr().out.endswith(": everything is set already\n")


def test_a_value_of_a_person_and_other_lines_are_kept(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("# mine\nADMIN_PASSWORD=mine\nOTHER=1\n")
    path.chmod(0o644)
    values = make(path)
    assert (values["ADMIN_PASSWORD"], values["OTHER"]) == ("mine", "1")
    assert values.keys() >= set(secrets.NAMES)
    assert path.read_text().startswith("# mine\n")


def test_local_sets_the_account_of_the_stand_in_once(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    make(path)
    assert make(path, local=True).items() >= secrets.LOCAL.items()
    assert path.read_text().count("AWS_REGION=") == 1
