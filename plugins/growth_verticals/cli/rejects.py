"""Show which records were rejected and why, or `export` them to a file to send back to the vendor."""

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
from growth_verticals.cli.load import rows_up_to
from growth_verticals.cli.output import print_json, print_table, print_text, printable
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

_DEFAULT_ROWS = 20
_MAX_ROWS = 10_000
#: Truncated records that an export names; it counts the others.
_NAMED_RECORDS = 20
_COUNT_COLUMNS = ("period", "file", "column", "reason", "records")
_RECORD_COLUMNS = ("period", "file", "row", "column", "reason", "expected")
#: Exports hold personal data. In the repository they can only go to `EXPORTS`, a folder that git ignores.
REPOSITORY = Path(__file__).resolve().parents[3]
EXPORTS = REPOSITORY / "exports"
_CAUTION = "raw records hold personal data: keep them out of tickets, chats and shared screens"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("export", nargs="?", choices=["export"], metavar="export", help="write the records to a file")
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("--period", help="only this period (default: all periods; required with export)")
    parser.add_argument("--file", action="append", metavar="NAME", help="only this file; can be repeated")
    show = parser.add_argument_group("options to show rejects")
    show.add_argument(
        "--rows",
        nargs="?",
        const=_DEFAULT_ROWS,
        type=rows_up_to(_MAX_ROWS, "use export for more"),
        metavar="N",
        help=f"list up to N records instead of counts (default {_DEFAULT_ROWS}, at most {_MAX_ROWS:,})",
    )
    show.add_argument("--raw", action="store_true", help=f"with --rows, also print the raw records; {_CAUTION}")
    show.add_argument("--json", action="store_true", help="print one JSON document")
    export = parser.add_argument_group("options to export rejects")
    export.add_argument(
        "--out",
        metavar="FILE",
        type=Path,
        help="new file to write, or folder to write it to, outside the repository or in its folder exports/ (default: "
        "named after the source and the period, in the current folder, or in exports/ if that is in the repository)",
    )
    export.add_argument(
        "--exact", action="store_true", help="do not escape cells that a spreadsheet would run as formulas"
    )
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Show or export the rejects. Return 0, also when there are none.

    Memory: a batch of the rejects table (`tables/scan.py`), one count per file, column and reason, and the records that
    `--rows` lists.
    """
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
        of_files = " of these files" if arguments.file else ""
        print_text(f"{source.rejects_table} has no rejected records{of_files}{f' for {period}' if period else ''}")
        return 0
    for name in sorted({*(arguments.file or ())} - {file.name for file in files}):
        print(f"gv: {printable(name)}: it has no rejected records", file=sys.stderr)
    if arguments.export and period is not None:
        return export(account, source, contract, period, files, arguments)
    records = records_of(account, contract, period, arguments) if arguments.rows is not None else None
    if arguments.json:
        print_json(as_json(source, files, records))
    elif records is not None:
        print_records(records, raw=arguments.raw)
    else:
        print_counts(files)
    return 0


def check_arguments(arguments: argparse.Namespace) -> None:
    """Exit with a usage error when the arguments cannot be combined."""
    if arguments.export and not arguments.period:
        arguments.usage_error("export requires --period")
    if arguments.export and (arguments.rows is not None or arguments.raw or arguments.json):
        arguments.usage_error("--rows, --raw and --json cannot be used with export")
    if not arguments.export and (arguments.out or arguments.exact):
        arguments.usage_error("--out and --exact require export")
    if arguments.raw and arguments.rows is None:
        arguments.usage_error("--raw requires --rows")


# --- showing ------------------------------------------------------------------------------------------------------


def print_counts(files: list[RejectedFile]) -> None:
    """Print, per file and fault, how many records have that fault."""
    rows = [
        (file.period, printable(file.name), fault.column or "(whole record)", fault.reason, f"{records:,}")
        for file in files
        for fault, records in sorted(file.faults.items(), key=lambda item: (-item[1], item[0].reason))
    ]
    print_table(_COUNT_COLUMNS, rows, right=_COUNT_COLUMNS[-1:])
    total, faults = sum(file.records for file in files), sum(sum(file.faults.values()) for file in files)
    note = "; a record with several faults is counted once for each" if faults > total else ""
    print_text(f"{total:,} rejected record(s) in {len(files)} file(s){note}")


def records_of(
    account: Account, contract: TableContract, period: Period | None, arguments: argparse.Namespace
) -> list[RejectedRecord]:
    """Return at most as many records as requested. Reading stops after them."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.rejected import read_rejected

    if arguments.raw:
        print(f"gv: caution: {_CAUTION}", file=sys.stderr)
    with closing(open_catalog(account)) as catalog:
        records = read_rejected(catalog, contract, period, arguments.file, raw=arguments.raw)
        return list(islice(records, arguments.rows))


def print_records(records: list[RejectedRecord], *, raw: bool) -> None:
    """Print one line per record."""
    rows = [
        (
            *(record.period, printable(record.name), str(record.source_row)),
            *(record.column_name or "(whole record)", record.reason, record.expected or ""),
            *((printable(record.raw_record or ""),) if raw else ()),
        )
        for record in records
    ]
    print_table((*_RECORD_COLUMNS, "raw record") if raw else _RECORD_COLUMNS, rows, right=("row",))


def as_json(source: Source, files: list[RejectedFile], records: list[RejectedRecord] | None) -> dict[str, object]:
    """Return the document that `--json` prints."""
    counts = [
        asdict(replace(file, faults=Counter()))
        | {"faults": [fault._asdict() | {"records": n} for fault, n in file.faults.most_common()]}
        for file in files
    ]
    document: dict[str, object] = {"source": source.name, "table": source.rejects_table, "files": counts}
    return document if records is None else document | {"rows": records}


# --- exporting ----------------------------------------------------------------------------------------------------


def export(
    account: Account,
    source: Source,
    contract: TableContract,
    period: Period,
    files: list[RejectedFile],
    arguments: argparse.Namespace,
) -> int:
    """Write the period's rejected records to a new file that only its owner can read, and name the truncated ones.

    Memory: a batch of the rejects table (`tables/scan.py`), whatever the number of records.
    """
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.files.export import encoding_of, export_rejects, is_truncated, omits_truncated, suffix_of
    from growth_verticals.tables.rejected import read_rejected

    path = export_path(arguments.out, f"{source.name}-{period}-rejects{suffix_of(source.format)}")
    header = header_of(account, source, period, files)
    named: list[tuple[str, int]] = []
    truncated = 0
    with closing(open_catalog(account)) as catalog:

        def records() -> Iterator[str]:
            nonlocal truncated
            named.clear()
            truncated = 0
            for record in read_rejected(catalog, contract, period, arguments.file, raw=True):
                raw = record.raw_record or ""
                if is_truncated(raw):
                    truncated += 1
                    named[_NAMED_RECORDS:] = [(record.name, record.source_row)]
                yield raw

        with new_file(path, encoding_of(source.format)) as out:
            written = export_rejects(out, records, source.format, header, exact=arguments.exact)
    print_text(f"{path}: {written:,} of {sum(file.records for file in files):,} rejected record(s) written; {_CAUTION}")
    kept = "only its first 16,384 characters were kept"
    omitted = omits_truncated(source.format, exact=arguments.exact)
    what = f"missing from the file, because {kept}" if omitted else kept
    for name, row in named[:_NAMED_RECORDS]:
        print(f"gv: {printable(name)}, row {row}: {what}", file=sys.stderr)
    if truncated > _NAMED_RECORDS:
        print(f"gv: the same holds for {truncated - _NAMED_RECORDS:,} more record(s)", file=sys.stderr)
    return 0


def export_path(out: Path | None, default_name: str) -> Path:
    """Return where to write: `out`, or a file of that name in the folder `out`, the current folder or `EXPORTS`.

    Raises `ConfigurationError` for a file that git could commit: anything in the repository outside `EXPORTS`.
    """
    if out is None:
        if not Path.cwd().is_relative_to(REPOSITORY):
            return Path(default_name)
        out = EXPORTS / default_name
    if out.is_dir():
        out /= default_name
    folder = out.parent.resolve()
    if folder.is_relative_to(EXPORTS):
        EXPORTS.mkdir(mode=0o700, exist_ok=True)
    elif folder.is_relative_to(REPOSITORY):
        raise ConfigurationError(
            f"{out} is in the repository, and raw records hold personal data that must not be committed",
            next_step=f"choose with --out a file outside {REPOSITORY}, or one in {EXPORTS}, which git ignores",
        )
    return out


def header_of(account: Account, source: Source, period: Period, files: list[RejectedFile]) -> str:
    """Return the header line that these files share; empty if they have none, or if it is unknown for all of them.

    Raises `DeliveryError` when the header lines differ or may differ: a single one would name the wrong columns.
    """
    if not isinstance(source.format, Delimited):
        return ""
    headers = [steps.header_line(account, source, period, file.name, file.sha256) for file in files]
    unknown = sorted({printable(file.name) for file, header in zip(files, headers, strict=True) if header is None})
    if len(set(headers)) == 1:
        for name in unknown:
            print(f"gv: {name}: its raw copy does not exist, so its header line is unknown", file=sys.stderr)
        return headers[0] or ""
    known_to_differ = len(set(headers) - {None}) > 1
    names = sorted({printable(file.name) for file in files})
    raise DeliveryError(
        f"these files {'have' if known_to_differ else 'may have'} different header lines and cannot be exported to one "
        "file",
        source=source.name,
        found=", ".join(names)
        + (f"; no raw copy, and so no known header line, of {', '.join(unknown)}" * bool(unknown)),
        next_step="export them one at a time with --file NAME"
        if len(names) > 1
        else "show the records with --rows --raw instead: files of one name cannot be exported one at a time",
    )


@contextmanager
def new_file(path: Path, encoding: str) -> Iterator[TextIO]:
    """Create a file that only its owner can read; it is deleted if writing to it fails.

    Raises `ConfigurationError` when the file already exists or cannot be created.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be created: {error.strerror}",
            next_step="choose another name with --out; existing files are never overwritten",
        ) from error
    try:
        # Records are in this encoding. Only the mark of a truncated one may not be.
        with os.fdopen(handle, "w", encoding=encoding, errors="backslashreplace", newline="") as out:
            yield out
    except BaseException:
        path.unlink(missing_ok=True)
        raise
