"""What a person must know to approve a delivery, as Markdown: names, numbers and reasons, never a value of a row."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from growth_verticals.delivery import RestatedFile, Restatement
    from growth_verticals.quality.report import CheckReport

#: Longest tables that are shown, in rows.
_MAX_ROWS = 50
#: A column is shown if its share of NULL changed by this much.
_MIN_CHANGE = 0.01


def to_markdown(report: CheckReport, restatement: Restatement | None) -> str:
    """Return the findings, the files, what a restatement removes, changes by column, and rejects by reason.

    Names come from vendors, so they are escaped: no name can become a link, an image or HTML.
    """
    parts = [_findings(report), _files(report)]
    if restatement is not None:
        parts += [files_table("Would leave the table", restatement.leaves)]
        parts += [files_table("Would come", restatement.comes)]
    parts += [_columns(report), _rejects(report)]
    return "\n\n".join(part for part in parts if part)


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, on one line."""
    printable = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|~&:@/\"'$^=])", r"\\\1", printable)


def _findings(report: CheckReport) -> str:
    rows = [
        (finding.outcome, finding.check, finding.expected, finding.found, ", ".join(finding.columns))
        for finding in report.findings
        if finding.outcome != "pass"
    ]
    return markdown_table("Checks", ("Outcome", "Check", "Expected", "Found", "Columns"), rows)


def _files(report: CheckReport) -> str:
    rows = [
        (file.name, f"{file.rows_read:,}", f"{file.rows_valid:,}", f"{file.rows_rejected:,}", file.status)
        for file in report.files
    ]
    before = ""
    if report.period_before is not None and report.rows_before is not None:
        before = f" The period before, {report.period_before}, has {report.rows_before:,} rows."
    total = f"{report.rows:,} rows would be added to {report.rows_present:,} that the period has and keeps.{before}"
    return markdown_table("Files", ("File", "Read", "Valid", "Rejected", "Status"), rows) + f"\n\n{escape(total)}"


def files_table(title: str, files: Sequence[RestatedFile]) -> str:
    """Return a table of files, each with its rows and rejects."""
    return markdown_table(
        title, ("File", "Rows", "Rejects"), [(f.name, f"{f.rows:,}", f"{f.rejects:,}") for f in files]
    )


def _columns(report: CheckReport) -> str:
    rows = [
        (change.column, f"{change.null_share_before:.1%}", f"{change.null_share:.1%}")
        for change in report.columns
        if change.null_share is not None
        and change.null_share_before is not None
        and abs(change.null_share - change.null_share_before) >= _MIN_CHANGE
    ]
    return markdown_table("Share of NULL, by column", ("Column", report.period_before or "before", report.period), rows)


def _rejects(report: CheckReport) -> str:
    rows = [(each.reason, each.column or "", f"{each.records:,}") for each in report.rejects]
    return markdown_table("Rejected records", ("Reason", "Column", "Records"), rows)


def markdown_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table with a title; an empty string if there are no rows."""
    lines = [f"| {' | '.join(escape(cell) for cell in row)} |" for row in rows]
    if not lines:
        return ""
    more = f"\n\nand {len(lines) - _MAX_ROWS:,} more" if len(lines) > _MAX_ROWS else ""
    head = f"| {' | '.join(escape(cell) for cell in header)} |\n|{' --- |' * len(header)}"
    return f"**{escape(title)}**\n\n{head}\n" + "\n".join(lines[:_MAX_ROWS]) + more
