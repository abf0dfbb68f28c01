"""Compare a file's columns with its table's, and propose a patch of the SQL file and declaration if they differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from growth_verticals.cli.load import current_period, existing_file
from growth_verticals.declarations import find_source

if TYPE_CHECKING:
    import argparse

EXAMPLE = """example: ./gv drift ls_corp ~/Downloads/leads.csv --period 2026-11-20
         ./gv drift ls_corp ~/Downloads/leads.csv --period 2026-11-20 --write"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("file", metavar="FILE", type=existing_file, help="a file of the source, as the vendor sent it")
    parser.add_argument(
        "--period",
        help="period of the file (default: the newest that has opened; today for an on-demand source)",
    )
    parser.add_argument("--write", action="store_true", help="write the two files; without it, only show the diff")


def run(arguments: argparse.Namespace) -> int:
    """Print the reasons and the diff. Return 0 if the file fits, 1 if something is proposed or has to be decided."""
    from growth_verticals.drift.landed import propose_patch
    from growth_verticals.drift.proposed import write_patch

    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period) if arguments.period else current_period(source)
    with arguments.file.open("rb") as raw:
        patch = propose_patch(source, period, raw, arguments.file.name)
    if patch.fits:
        print(f"the columns of {arguments.file.name} fit {source.table}")
        return 0
    print(*patch.lines(), sep="\n")
    if arguments.write and patch.files:
        write_patch(patch)
        names = ", ".join(path.name for path in patch.files)
        print(f"written: {names}; next: git diff, then ./gv tables plan {source.name}")
    return 1
