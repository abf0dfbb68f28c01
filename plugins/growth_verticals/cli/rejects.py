"""Show which records were rejected and why; `export` writes them to a file that can be sent back."""

from __future__ import annotations

import os
import sys
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cli.load import row_count
from growth_verticals.cli.output import print_json, print_table
from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source
from growth_verticals.errors import ConfigurationError, DeliveryError
from growth_verticals.source import Delimited

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from typing import TextIO

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.source import Source
    from growth_verticals.tables.rejected import RejectedFile, RejectedRecord

EXAMPLE = """example: ./gv rejects ls_corp --period 2026-11-20
         ./gv rejects ls_corp --period 2026-11-20 --rows 50
         ./gv rejects export ls_corp --period 2026-11-20 --out ~/back-to-ls-corp.csv"""

_ROWS = 20
_COUNTS = ("period", "file", "column", "reason", "records")
_RECORDS = ("period", "file", "row", "column", "reason", "expected")
_CAUTION = "raw records hold personal data: keep them off tickets, chats and shared screens"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("export", nargs="?", choices=["export"], metavar="export", help="write the records to a file")
    parser.add_argument("source", help="a source's name, as `./gv sources` lists it")
    parser.add_argument("--period", help="only this period's records (default: all periods; export needs one)")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file's records; may be repeated")
    show = parser.add_argument_group("to show")
    show.add_argument(
        "--rows", nargs="?", const=_ROWS, type=row_count, metavar="N", help=f"show N records, {_ROWS} without N"
    )
    show.add_argument("--raw", action="store_true", help=f"with --rows, the records themselves; {_CAUTION}")
    show.add_argument("--json", action="store_true", help="print one JSON document")
    export = parser.add_argument_group("to export")
    export.add_argument("--out", metavar="FILE", type=Path, help="a new file (default: named after source and period)")
    export.add_argument("--exact", action="store_true", help="leave cells that a spreadsheet would run as they came")
    parser.set_defaults(wrong=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Show or export; 0 also when nothing was rejected."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.rejected import count_rejected

    check_arguments(arguments)
    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period) if arguments.period else None
    contract = contract_of(source)
    account = Account.from_environment()
    with closing(open_catalog(account)) as catalog:
        files = count_rejected(catalog, contract, period, arguments.file)
    if not files and not arguments.json:
        print(f"{source.rejects_table} holds nothing{f' of {period}' if period else ''}")
        return 0
    if arguments.export and period is not None:
        return export(account, source, contract, period, files, arguments)
    shown = records_of(account, contract, period, arguments) if arguments.rows is not None else None
    if arguments.json:
        print_json(document(source, files, shown))
    elif shown is not None:
        print_records(shown, raw=arguments.raw)
    else:
        print_counts(files)
    return 0


def check_arguments(arguments: argparse.Namespace) -> None:
    """Make argparse say which words do not go together."""
    if arguments.export and not arguments.period:
        arguments.wrong("export needs --period")
    if arguments.export and (arguments.rows is not None or arguments.raw or arguments.json):
        arguments.wrong("--rows, --raw and --json do not go with export")
    if not arguments.export and (arguments.out or arguments.exact):
        arguments.wrong("--out and --exact go with export")
    if arguments.raw and arguments.rows is None:
        arguments.wrong("--raw goes with --rows")


# --- showing ------------------------------------------------------------------------------------------------------


def print_counts(files: list[RejectedFile]) -> None:
    """Print how many records of each file have which fault."""
    rows = [
        (file.period, printable(file.name), fault.column or "(whole record)", fault.reason, f"{records:,}")
        for file in files
        for fault, records in sorted(file.faults.items(), key=lambda item: (-item[1], item[0].reason))
    ]
    print_table(_COUNTS, rows, right=_COUNTS[-1:])
    total, counted = sum(file.records for file in files), sum(sum(file.faults.values()) for file in files)
    twice = "; one with several faults counts for each" if counted > total else ""
    print(f"{total:,} rejected record(s) of {len(files)} file(s){twice}")


def records_of(
    account: Account, contract: TableContract, period: Period | None, arguments: argparse.Namespace
) -> list[RejectedRecord]:
    """Return as many records as were asked for; nothing is read behind them."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.rejected import read_rejected

    if arguments.raw:
        print(f"gv: caution: {_CAUTION}", file=sys.stderr)
    with closing(open_catalog(account)) as catalog:
        found = read_rejected(catalog, contract, period, arguments.file, raw=arguments.raw)
        return list(islice(found, arguments.rows))


def print_records(records: list[RejectedRecord], *, raw: bool) -> None:
    """Print a line a record."""
    rows = [
        (
            *(record.period, printable(record.name), str(record.source_row)),
            *(record.column_name or "(whole record)", record.reason, record.expected or ""),
            *((printable(record.raw_record or ""),) if raw else ()),
        )
        for record in records
    ]
    print_table((*_RECORDS, "raw record") if raw else _RECORDS, rows, right=("row",))


def document(source: Source, files: list[RejectedFile], records: list[RejectedRecord] | None) -> dict[str, object]:
    """Return what `--json` prints."""
    counts = [
        asdict(replace(file, faults=Counter()))
        | {"faults": [fault._asdict() | {"records": n} for fault, n in file.faults.most_common()]}
        for file in files
    ]
    found: dict[str, object] = {"source": source.name, "table": source.rejects_table, "files": counts}
    return found if records is None else found | {"rows": records}


def printable(text: str) -> str:
    """Return text without what a terminal would act on."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


# --- exporting ----------------------------------------------------------------------------------------------------


def export(
    account: Account,
    source: Source,
    contract: TableContract,
    period: Period,
    files: list[RejectedFile],
    arguments: argparse.Namespace,
) -> int:
    """Write the period's rejected records to a new file that only its owner may read, and tell what it lacks."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.files.export import encoding_of, export_rejects, is_cut, suffix_of
    from growth_verticals.tables.rejected import read_rejected

    path: Path = arguments.out or Path(f"{source.name}-{period}-rejects{suffix_of(source.format)}")
    header = header_of(account, source, period, files)
    cut: dict[tuple[str, int], None] = {}
    with closing(open_catalog(account)) as catalog:

        def records() -> Iterator[str]:
            for record in read_rejected(catalog, contract, period, arguments.file, raw=True):
                raw = record.raw_record or ""
                if is_cut(raw):
                    cut[record.name, record.source_row] = None
                yield raw

        with new_file(path, encoding_of(source.format)) as out:
            written = export_rejects(out, records, source.format, header, exact=arguments.exact)
    print(f"{path}: {written:,} of {sum(file.records for file in files):,} rejected record(s); {_CAUTION}")
    for name, row in cut:
        print(f"gv: {printable(name)}, row {row}: only its first 16,384 characters were kept", file=sys.stderr)
    return 0


def header_of(account: Account, source: Source, period: Period, files: list[RejectedFile]) -> str:
    """Return the one header line of these files; nothing where they have none, or it is not known.

    Raises `DeliveryError` when they have different ones: one header over all would name the wrong columns.
    """
    if not isinstance(source.format, Delimited):
        return ""
    found = {file.name: steps.header_line(account, source, period, file.name, file.sha256) for file in files}
    for name in (name for name, header in found.items() if header is None):
        print(f"gv: {printable(name)}: its raw copy is gone, and the header line with it", file=sys.stderr)
    if len(set(found.values())) > 1:
        raise DeliveryError(
            "these files have different header lines, and do not go into one",
            source=source.name,
            found=", ".join(sorted(found)),
            next_step="export them one by one: --file NAME",
        )
    return next(iter(found.values())) or ""


@contextmanager
def new_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """Open a file that did not exist, for its owner alone; it is removed if writing it fails.

    Raises `ConfigurationError` when there is one already, or it cannot be made.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be made: {error.strerror}", next_step="give another name with --out; nothing is overwritten"
        ) from error
    try:
        with os.fdopen(handle, "w", encoding=encoding, newline="") as out:
            yield out
    except BaseException:
        path.unlink(missing_ok=True)
        raise
