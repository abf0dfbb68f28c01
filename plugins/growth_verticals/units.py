"""Groups the files of a delivery into work units: what one task lands, or stages.

A unit has at most so many bytes as the source declares (`unit_gb`), and at most 1,000 files; a larger file is a unit of
its own. Units are as few as that allows, and then the largest is as small as possible. Files stay in their order.
"""

from __future__ import annotations

from dataclasses import asdict
from itertools import accumulate, groupby
from typing import TYPE_CHECKING, TypeVar

from growth_verticals.delivery import LandedFile, LandUnit, RemoteFile, StagedFile, StageUnit
from growth_verticals.errors import DeliveryRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from growth_verticals.files.cuts import Piece
    from growth_verticals.source import Source

MAX_FILES = 1_000
#: About how many units a delivery of at most 10,000 files has at most, however large it is. Airflow maps a task at most
#: 1,024 times (`max_map_length`), and people look at the list.
MAX_UNITS = 500
#: Names of several files that are together no longer than this are a unit's title.
_MAX_TITLE = 100

_Result = TypeVar("_Result", LandedFile, StagedFile)


def land_units(source: Source, files: Sequence[RemoteFile]) -> list[LandUnit]:
    """Return the units to land, in the order of the files."""
    units = []
    for start, end in split([file.size for file in files], source.unit_bytes):
        members = tuple(files[start:end])
        units.append(LandUnit(title=_title(members, start, len(files)), files=members))
    return units


def stage_units(
    source: Source,
    landed: Sequence[LandedFile],
    pieces_of: Callable[[LandedFile], Sequence[Piece]] = lambda _: (),
    staged_at: int | None = None,
) -> list[StageUnit]:
    """Return the units to stage, in the order of the files.

    :param pieces_of: returns the pieces of a large file, each of which is a unit; none for a file that is one unit.
    :param staged_at: the name of the staging of all pieces, in microseconds since 1970.

    Only the first of several files with equal content is read. The others come right after it in its unit, and count
    neither as bytes nor as files. Otherwise the content would be staged twice, in two batches, which no commit adopts.
    """
    equal: dict[str, list[LandedFile]] = {}
    for file in landed:
        equal.setdefault(file.sha256, []).append(file)
    contents = list(equal.values())
    starts = [0, *accumulate(map(len, contents))]
    pieces = [pieces_of(files[0]) for files in contents]
    units: list[StageUnit] = []
    for is_cut, group in groupby(range(len(contents)), lambda number: bool(pieces[number])):
        numbers = list(group)
        if is_cut:
            units += [
                StageUnit(
                    title=piece.describe(),
                    files=tuple(contents[number] if piece.is_first else contents[number][:1]),
                    piece=asdict(piece),
                    staged_at=staged_at,
                )
                for number in numbers
                for piece in pieces[number]
            ]
            continue
        for start, end in split([contents[number][0].size for number in numbers], source.unit_bytes):
            first = numbers[start]
            members = tuple(file for number in numbers[start:end] for file in contents[number])
            units.append(StageUnit(title=_title(members, starts[first], len(landed)), files=members))
    return units


def split(sizes: Sequence[int], max_bytes: int) -> list[tuple[int, int]]:
    """Return the start and the end of each unit in `sizes`, which are in bytes."""
    limit = max(max_bytes, 2 * sum(sizes) // MAX_UNITS)
    count = len(_fill(sizes, limit))
    low, high = 0, limit
    while low < high:  # the smallest limit with as few units balances them
        middle = (low + high) // 2
        if len(_fill(sizes, middle)) > count:
            low = middle + 1
        else:
            high = middle
    return _fill(sizes, high)


def _fill(sizes: Sequence[int], limit: int) -> list[tuple[int, int]]:
    """Return units, each filled before the next one starts."""
    units: list[tuple[int, int]] = []
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and (total + size > limit or index - start == MAX_FILES):
            units.append((start, index))
            start, total = index, 0
        total += size
    return [*units, (start, len(sizes))] if sizes else []


def landed_files(
    source: Source, units: Sequence[LandUnit], results: Sequence[Sequence[LandedFile]]
) -> list[LandedFile]:
    """Return the files that the units landed. Raises `DeliveryRefusedError` if the results are of other files."""
    expected = [[(file.name, file.size) for file in unit.files] for unit in units]
    found = [[(file.name, file.size) for file in files] for files in results]
    return _results(source, "land", expected, found, results)


def staged_files(
    source: Source, units: Sequence[StageUnit], results: Sequence[Sequence[StagedFile]]
) -> list[StagedFile]:
    """Return the files that the units staged. Raises `DeliveryRefusedError` if the results are of other files."""
    expected = [
        # Of a unit that is a piece, the first file has the staging that the plan named; whole files name their own.
        [(file.name, file.sha256, unit.staged_at if number == 0 else None) for number, file in enumerate(unit.files)]
        for unit in units
    ]
    found = [[(file.name, file.sha256, file.staged_at if file.piece else None) for file in files] for files in results]
    return _results(source, "stage", expected, found, results)


def _results(
    source: Source, task: str, expected: Sequence[object], found: Sequence[object], results: Sequence[Sequence[_Result]]
) -> list[_Result]:
    """Return the files of the results of exactly these units.

    A cleared run can have fewer units than before. Airflow then keeps the results of the tasks that it removes: they
    are the last ones, and are left out.
    """
    if found[: len(expected)] != expected:
        raise DeliveryRefusedError(
            f"the results of the task {task} are not about the files of this run's units",
            source=source.name,
            expected=f"results of {len(expected):,} units",
            found=f"{len(found):,} results, of which some are older or of other files",
            next_step=f"clear the task {task} of this run, with all that follows",
        )
    return [file for files in results[: len(expected)] for file in files]


def _title(files: Sequence[RemoteFile] | Sequence[LandedFile], start: int, total: int) -> str:
    """Return the names of a unit's files if they are short, otherwise their numbers in the delivery."""
    names = ", ".join(file.name for file in files)
    if len(files) == 1 or len(names) <= _MAX_TITLE:
        return names
    return f"files {start + 1:,}-{start + len(files):,} of {total:,}"
