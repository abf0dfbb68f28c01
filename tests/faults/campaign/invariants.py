"""Reads both tables with another engine, and counts every record that is not exactly where it belongs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from growth_verticals.account import Account
from local.readback import read_table
from tests.faults.campaign.delivery import MadeUpFile, Values

#: A sum of each of these must be zero.
FAILURES = ("lost", "doubled", "changed", "in both tables", "in neither table", "left by an undo", "mixed stagings",
            "unreadable", "hangs", "not recovered")  # fmt: skip

_ROWS = """SELECT source_file_sha256, source_row, epoch_us(staged_at),
    person_id, state, CAST(amount AS VARCHAR) FROM t WHERE delivery_period = '2026Q4'"""
_REJECTS = "SELECT source_file_sha256, source_row, epoch_us(staged_at) FROM t WHERE delivery_period = '2026Q4'"


class _Tables:
    """What the table and the rejects table hold, by file."""

    def __init__(self, account: Account, namespace: str) -> None:
        self.rows: defaultdict[str, list[tuple[int, Values]]] = defaultdict(list)
        self.rejects: defaultdict[str, list[int]] = defaultdict(list)
        self.stagings: defaultdict[str, set[int]] = defaultdict(set)
        for sha256, line, staged_at, *values in read_table(account, f"{namespace}.person", _ROWS):
            person_id, state, amount = values
            self.rows[sha256].append((line, (person_id, state, amount)))
            self.stagings[sha256].add(staged_at)
        for sha256, line, staged_at in read_table(account, f"{namespace}.person_rejects", _REJECTS):
            self.rejects[sha256].append(line)
            self.stagings[sha256].add(staged_at)


def check(account: Account, namespace: str, files: Iterable[MadeUpFile], expect: str) -> Counter[str]:
    """Return the number of failures of each kind.

    :param expect: `old` or `fixed`, the declaration by which the files were read; `either` of the two, for each file
        on its own; `none` if no file may be loaded.
    """
    try:
        tables = _Tables(account, namespace)
    except Exception:  # noqa: BLE001 - whatever a reader raises, the table cannot be read
        return Counter(unreadable=1)
    failures: Counter[str] = Counter()
    for file in files:
        if expect == "none":
            left = len(tables.rows[file.sha256]) + len(tables.rejects[file.sha256])
            failures["left by an undo"] += left
            continue
        declarations = {"old": (False,), "fixed": (True,), "either": (False, True)}[expect]
        counts = [_check_file(tables, file, fixed=fixed) for fixed in declarations]
        failures += min(counts, key=Counter.total)
        failures["mixed stagings"] += len(tables.stagings[file.sha256]) - 1
    unknown = set(tables.stagings) - {file.sha256 for file in files}
    failures["changed"] += len(unknown)
    return +failures


def _check_file(tables: _Tables, file: MadeUpFile, *, fixed: bool) -> Counter[str]:
    found = Counter(line for line, _ in tables.rows[file.sha256])
    rejected = Counter(tables.rejects[file.sha256])
    expected, expected_rejects = file.rows(fixed=fixed), file.rejects(fixed=fixed)
    failures: Counter[str] = Counter()
    for line in expected.keys() | expected_rejects | found.keys() | rejected.keys():
        if found[line] > 1 or rejected[line] > 1:
            failures["doubled"] += 1
        if found[line] and rejected[line]:
            failures["in both tables"] += 1
        elif line in expected and not found[line]:
            failures["lost"] += 1
        elif line in expected_rejects and not rejected[line]:
            failures["in neither table" if not found[line] else "changed"] += 1
        elif line not in expected and line not in expected_rejects:
            failures["changed"] += 1
    failures["changed"] += sum(
        line in expected and expected[line] != values for line, values in tables.rows[file.sha256]
    )
    return failures
