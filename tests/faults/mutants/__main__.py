"""`make mutants`: runs, for every mutant, the one test that must fail with it, and prints which survive.

The real tests run, against a temporary copy of the library with the mutant's edits. First all of these tests must pass
against an unchanged copy: then it is the edits that a failure shows. `python -m tests.faults.mutants undo` runs only
the mutants with `undo` in their name.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from tests.faults.mutants.mutant import REPOSITORY, Mutant, MutantError, copy_library
from tests.faults.mutants.wrong_loaders import MUTANTS

#: A mutant may wait forever; no test here takes a tenth of this.
_TIMEOUT_S = 120


def run_tests(library: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    """Run tests against this copy of the library, until the first failure."""
    options = ["-x", "-rf", "-p", "no:cacheprovider", "--tb=short", "--timeout", str(_TIMEOUT_S)]
    command = [sys.executable, "-m", "pytest", *options, "-o", f"pythonpath={library} .", *tests]
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)


def is_killed(mutant: Mutant, clean: Path, folder: Path) -> bool:
    """Return whether the mutant's test fails with it. Raises `MutantError` if the test did not run to an end."""
    library = copy_library(folder / "mutant", source=clean)
    mutant.apply(library)
    completed = run_tests(library, [mutant.test])
    if completed.returncode == 0:
        return False
    if not re.search(r"^FAILED ", completed.stdout, re.MULTILINE):
        raise MutantError(f"{mutant.name}: {mutant.test} did not run:\n{completed.stdout}{completed.stderr}")
    return True


def main(words: list[str]) -> int:
    """Run the mutants whose names contain one of `words`, all by default. Return 1 if any survives."""
    console = Console()
    mutants = [mutant for mutant in MUTANTS if not words or any(word in mutant.name for word in words)]
    survivors = 0
    with TemporaryDirectory(prefix="gv-mutants-") as name:
        clean = copy_library(Path(name) / "clean")
        console.print(f"{len(mutants)} mutants; first their tests without a mutant", soft_wrap=True)
        baseline = run_tests(clean, dict.fromkeys(mutant.test for mutant in mutants))
        if baseline.returncode != 0:
            raise MutantError(f"a test fails without a mutant too:\n{baseline.stdout}{baseline.stderr}")
        for mutant in mutants:
            started = time.monotonic()
            with TemporaryDirectory(dir=name) as folder:
                killed = is_killed(mutant, clean, Path(folder))
            survivors += not killed
            verdict = "killed" if killed else "SURVIVED"
            console.print(f"{verdict:8}  {time.monotonic() - started:3.0f} s  {mutant.name}", soft_wrap=True)
            if not killed:
                console.print(f"{'':17}no failure in {mutant.test}", soft_wrap=True, markup=False)
    console.print(f"{len(mutants) - survivors} killed, {survivors} survived")
    return 1 if survivors else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MutantError as error:
        sys.exit(str(error))
