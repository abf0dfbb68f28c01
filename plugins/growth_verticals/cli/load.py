"""Load files by hand: land, stage and commit them as the DAG does, but without Airflow."""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import sys
import time
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from growth_verticals import steps
from growth_verticals.account import Account
from growth_verticals.cadence import BUSINESS_ZONE
from growth_verticals.catalog.load_summary import MAX_REASON
from growth_verticals.cli.output import is_terminal, operator, print_table, print_text
from growth_verticals.cli.questions import answer_to_restatement, approval_of_checks
from growth_verticals.contract.declared import contract_of
from growth_verticals.declarations import find_source
from growth_verticals.delivery import FileResult, LoadResult
from growth_verticals.errors import ContractError, DeliveryError
from growth_verticals.source import OnDemand

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from growth_verticals.cadence import Period
    from growth_verticals.delivery import StagedFile
    from growth_verticals.quality.report import CheckReport
    from growth_verticals.source import Source

#: Reasons of rejects that are listed.
_SHOWN_REASONS = 10
EXAMPLE = "example: ./gv load ls_corp ~/Downloads/leads.csv --period 2026-11-20 --expect-rows 1200"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("source", help="source name, as listed by `./gv sources`")
    parser.add_argument("files", nargs="+", metavar="FILE", type=existing_file, help="files of the delivery")
    parser.add_argument(
        "--period",
        help="period of the delivery (default: the newest that has opened; today for an on-demand source)",
    )
    parser.add_argument(
        "--expect-rows", type=row_count, metavar="N", help="refuse the delivery unless it has N records in total"
    )
    parser.add_argument(
        "--expect-sum",
        type=column_sum,
        action="append",
        default=[],
        metavar="COLUMN=N",
        help="the column's sum over the delivery, for a source that declares ControlSum; can be repeated",
    )
    parser.add_argument(
        "--approve", type=reason, metavar="REASON", help="load the delivery although a check asks for an approval"
    )
    parser.add_argument(
        "--restated",
        choices=("replace", "replace_period", "add", "refuse"),
        help="what to do if loaded files come again with other content: replace them, replace all other files of the "
        "period, add to them, or refuse the delivery. Default: as the source declares",
    )
    parser.add_argument(
        "--reason", type=reason, metavar="TEXT", help="why; it is kept in the table's history (required for --restated)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object")


def existing_file(text: str) -> Path:
    """Return the absolute path. Raises `ArgumentTypeError`, a usage error, when there is no such file."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {text}")
    return path.resolve()


def row_count(text: str) -> int:
    """Return the count. Raises `ArgumentTypeError`, a usage error, when the text is not a whole number."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError("expected a whole number, 0 or more")
    return int(text)


def rows_up_to(most: int, otherwise: str) -> Callable[[str], int]:
    """Return what reads a count of at most `most`; its `ArgumentTypeError` for more says what to do `otherwise`."""

    def read(text: str) -> int:
        rows = row_count(text)
        if rows > most:
            raise argparse.ArgumentTypeError(f"at most {most:,}; {otherwise}")
        return rows

    return read


def column_sum(text: str) -> tuple[str, str]:
    """Return column and sum. Raises `ArgumentTypeError`, a usage error, for other text."""
    match = re.fullmatch(r"([a-z][a-z0-9_]*)=(-?[0-9]+(?:\.[0-9]+)?)", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError("expected a column and a number, such as amount=1200.50")
    return match[1], match[2]


def reason(text: str) -> str:
    """Return the reason. Raises `ArgumentTypeError`, a usage error, if it is empty or too long."""
    if not text.strip():
        raise argparse.ArgumentTypeError("expected a reason, for the people who look at the load later")
    if len(text.strip()) > MAX_REASON:
        raise argparse.ArgumentTypeError(f"expected at most {MAX_REASON} characters")
    return text.strip()


def run(arguments: argparse.Namespace) -> int:
    """Load the files as one delivery. Return 0 when all of it is in the table, 1 when it was refused."""
    if arguments.restated and not arguments.reason:
        print("gv: --restated needs --reason TEXT, for the people who look at the table's history", file=sys.stderr)
        return 2
    started = time.monotonic()
    source = find_source(arguments.source)
    period = source.cadence.parse(arguments.period) if arguments.period else current_period(source)
    account = Account.from_environment()
    staged: list[StagedFile] = []
    checked: CheckReport | None = None
    watched = not arguments.json and is_terminal() and sys.stderr.isatty()
    try:
        staged.extend(stage_all(account, source, period, arguments.files, watched=watched))
        answer = answer_to_restatement(account, source, period, staged, arguments.restated, arguments.reason)
        checked = steps.check(
            account,
            source,
            period,
            staged,
            expected_sums=dict(arguments.expect_sum),
            leaving=answer.removes if answer else None,
            is_whole=False,
        )
        if checked.with_outcome("ask"):
            approval = approval_of_checks(checked, arguments.approve)
            answer = (answer or approval) if approval else None
        result = steps.commit(
            account,
            source,
            period,
            staged,
            arguments.expect_rows,
            checked,
            answer,
            is_whole=False,
            actor=operator(arguments.reason),
        )
        error = None
    except (DeliveryError, ContractError) as refusal:
        if "GV_DEBUG" in os.environ:
            raise
        result, error = refused_result(source, period, arguments.files, staged), str(refusal)
    seconds = time.monotonic() - started
    if arguments.json:
        print(json.dumps(as_json(result, checked, error, seconds)))
    else:
        report(result, checked, error, seconds)
        if checked is not None and checked.rejects:
            report_rejects(checked, are_stored=error is None or are_rejects_stored(account, source, period, staged))
    return 1 if error else 0


def stage_all(
    account: Account, source: Source, period: Period, paths: list[Path], *, watched: bool
) -> list[StagedFile]:
    """Land the files and stage them together, in the given order. `watched`: draw how far that is."""
    from growth_verticals.cli.progress import LoadProgress
    from growth_verticals.landing.origins import LocalOrigin

    files = [LocalOrigin().file(path) for path in paths]
    if not watched:
        return steps.stage(account, source, period, steps.land_all(account, LocalOrigin(), source, period, files))
    with LoadProgress(files) as progress:
        landed = steps.land_all(account, progress.origin(), source, period, files)
        return steps.stage(account, source, period, landed, watch=progress.staging)


def current_period(source: Source) -> Period:
    """Return today's period for an on-demand source, else the newest period that has opened."""
    now = datetime.now(UTC)
    if isinstance(source.cadence, OnDemand):
        return source.cadence.containing(now.astimezone(BUSINESS_ZONE).date())
    return source.cadence.latest_open(now)


def refused_result(source: Source, period: Period, paths: list[Path], staged: list[StagedFile]) -> LoadResult:
    """Return the result of a refused delivery.

    :param staged: the staged files in the order of `paths`; empty if the delivery was refused before all were staged.
    """
    loaded = {file.sha256 for file in staged if file.status == "already_loaded"}
    loaded -= {file.sha256 for file in staged if file.status == "staged"}  # equal files of this delivery
    files = [
        FileResult(
            name=path.name,
            sha256=file.sha256 if file else "",
            status="already_loaded" if file and file.sha256 in loaded else "refused",
            rows_read=file.rows_read if file else 0,
            rows_loaded=0,
            rows_rejected=file.rows_rejected if file else 0,
            rows_refused=file.rows_valid if file else 0,
        )
        for path, file in zip_longest(paths, staged)
    ]
    return LoadResult(source=source.name, table=source.table, period=period.key, snapshot_id=None, files=tuple(files))


def as_json(result: LoadResult, checked: CheckReport | None, error: str | None, seconds: float) -> dict[str, Any]:
    """Return the document that `--json` prints."""
    values: dict[str, Any] = asdict(result)
    values["findings"] = [asdict(finding) for finding in checked.findings] if checked else []
    values["rejects"] = [asdict(reject) for reject in checked.rejects] if checked else []
    values["seconds"] = round(seconds, 3)
    values["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    return values | ({"error": error} if error else {})


def report(result: LoadResult, checked: CheckReport | None, error: str | None, seconds: float) -> None:
    """Print the result of the delivery."""
    for file in result.files:
        print_text(f"{file.status:<14}  {file.name}  {counts_of(file)}", indent=16)
    for finding in checked.findings if checked else ():
        print_text(f"{finding.outcome:<14}  {finding.sentence()}", indent=16)
    print_text(f"refused: {error}" if error else f"{result.summary()}, {seconds:.1f} s")


def report_rejects(checked: CheckReport, *, are_stored: bool) -> None:
    """Print why records were rejected, the most frequent reasons first, and how to see the records."""
    print()
    print_table(
        ("column", "reason", "records"),
        [
            (each.column or "(whole record)", each.reason, f"{each.records:,}")
            for each in checked.rejects[:_SHOWN_REASONS]
        ],
        right=("records",),
    )
    if more := checked.rejects[_SHOWN_REASONS:]:
        print_text(f"and {len(more):,} more")
    if are_stored:
        of_period = f"{checked.source} --period {checked.period}"
        print_text(f"show:    ./gv rejects {of_period} --rows")
        print_text(f"export:  ./gv rejects export {of_period}")
    else:
        print_text("the rejected records were not stored, because the delivery was refused for another reason")


def are_rejects_stored(account: Account, source: Source, period: Period, staged: Sequence[StagedFile]) -> bool:
    """Whether the rejects table has records of these files: it keeps those of a delivery that has too many."""
    from growth_verticals.catalog.rest import open_catalog
    from growth_verticals.tables.rejected import count_rejected

    with closing(open_catalog(account)) as catalog:
        held = count_rejected(catalog, contract_of(source), period, {file.name for file in staged})
    return not {file.sha256 for file in held}.isdisjoint(file.sha256 for file in staged)


def counts_of(file: FileResult) -> str:
    """Return what was read of a file and what became of it."""
    match file.status:
        case "empty":
            return "no rows: nothing to load"
        case "already_loaded":
            return "not read again"
        case "refused" if file.rows_read:
            return f"{file.rows_read:,} read, {file.rows_rejected:,} rejected, nothing loaded"
        case "refused":
            return "nothing loaded"
    return f"{file.rows_read:,} read = {file.rows_loaded:,} loaded + {file.rows_rejected:,} rejected"
