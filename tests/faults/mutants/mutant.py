"""A mutant: the library with one deliberate fault, and the test that must fail with it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
LIBRARY = REPOSITORY / "plugins"


class MutantError(Exception):
    """A mutant no longer fits the library, or its test fails without it too."""


@dataclass(frozen=True)
class Edit:
    """Text that occurs once in a file of the library, and what takes its place.

    :param file: relative to `plugins/growth_verticals`.
    """

    file: str
    old: str
    new: str

    def apply(self, library: Path) -> None:
        """Edit a copy of the library. Raises `MutantError` unless the text occurs exactly once."""
        path = library / "growth_verticals" / self.file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        if (found := text.count(self.old)) != 1:
            raise MutantError(f"{self.file} has this text {found} times and not once:\n{self.old}")
        path.write_text(text.replace(self.old, self.new), encoding="utf-8")


@dataclass(frozen=True)
class Mutant:
    """A wrong loader.

    :param name: what the loader does wrong.
    :param test: the test that must fail, as pytest's path::name. All of its parameters run if it names none.
    """

    name: str
    test: str
    edits: tuple[Edit, ...]

    def apply(self, library: Path) -> None:
        """Make a copy of the library this mutant. Raises `MutantError` if it no longer fits, or is no Python."""
        for edit in self.edits:
            edit.apply(library)
        for file in {edit.file for edit in self.edits}:
            path = library / "growth_verticals" / file
            try:
                compile(path.read_text(encoding="utf-8"), file, "exec")
            except SyntaxError as error:
                raise MutantError(f"{self.name}: {file} is no Python after the edits: {error}") from error


def copy_library(target: Path, source: Path = LIBRARY) -> Path:
    """Copy the library to the folder `target`, which must not exist, and return it."""
    return Path(shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__")))
