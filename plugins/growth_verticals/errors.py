"""Every error that this package raises, as one tree.

    GrowthVerticalsError
    ├── ConfigurationError      a setting, credential or declaration is missing or wrong
    │   ├── DeclarationError      a source's declaration contradicts itself
    │   └── UnknownSourceError    no source of that name is declared
    ├── PeriodError             a period that does not parse, or that the cadence does not have
    ├── ContractError           the SQL file and something else do not agree
    │   ├── DdlError              the SQL file is not a table (line, column and caret)
    │   └── TableMismatchError    the live table is not what its SQL file says
    ├── DeliveryError           what was sent cannot be taken
    │   ├── DeliveryLateError     no complete delivery in time
    │   ├── FileRefusedError      one file is unreadable or not what it was declared to be
    │   └── DeliveryRefusedError  the delivery as a whole: too many rejects, counts that disagree
    └── ServiceError            a server did not do what was asked; asking again may help
        ├── TransferError         bytes were lost or changed on the way
        └── CommitError           the table's head could not be moved; nothing was loaded

A message says what it is about (source, file, line, column), what was expected and found, and what to do next. It
never holds a value of a row: `found` describes ("text", "12 columns"), it does not quote.
"""

from __future__ import annotations

from typing import ClassVar


class GrowthVerticalsError(Exception):
    """Base of the tree.

    :param what: what went wrong, as a clause without a full stop.
    :param source: the source's name.
    :param file: a file's name or URI (never with credentials).
    :param line: 1-based physical line in that file.
    :param column: a column's name (or, for DDL, the 1-based column of the character).
    :param expected: what should have been there.
    :param found: what was there, described and not quoted when it comes from a row.
    :param next_step: what the reader should do now.
    """

    #: Whether the same call may succeed later without a person's help. Airflow's retry policy reads it.
    retryable: ClassVar[bool] = False

    def __init__(
        self,
        what: str,
        *,
        source: str | None = None,
        file: str | None = None,
        line: int | None = None,
        column: str | int | None = None,
        expected: str | None = None,
        found: str | None = None,
        next_step: str | None = None,
    ) -> None:
        self.what = what
        self.source = source
        self.file = file
        self.line = line
        self.column = column
        self.expected = expected
        self.found = found
        self.next_step = next_step
        super().__init__(what)

    def __str__(self) -> str:
        place = [part for part in (self.source, self.file) if part]
        if self.line is not None:
            place.append(f"line {self.line}")
        if self.column is not None:
            place.append(f"column {self.column}")
        text = f"{': '.join(place)}: {self.what}" if place else self.what
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.found is not None:
            text += f", found {self.found}" if self.expected is not None else f"; found {self.found}"
        text += "."
        if self.next_step is not None:
            text += f" Next: {self.next_step.rstrip('.')}."
        return text


class ConfigurationError(GrowthVerticalsError):
    """A setting or credential is missing or wrong."""


class DeclarationError(ConfigurationError):
    """A source's declaration contradicts itself."""


class UnknownSourceError(ConfigurationError):
    """No source of that name is declared."""


class PeriodError(GrowthVerticalsError):
    """A period that does not parse, or that the source's cadence does not have."""


class ContractError(GrowthVerticalsError):
    """The SQL file and something else do not agree."""


class DdlError(ContractError):
    """The SQL file is not one CREATE TABLE statement that can be kept.

    :param text: the whole statement; the message shows the line at fault with a caret under the column.
    """

    def __init__(self, what: str, *, text: str, file: str, line: int, column: int, **more: str | None) -> None:
        super().__init__(what, file=file, line=line, column=column, **more)
        lines = text.split("\n")  # as lines are counted; splitlines would break at form feeds too
        self.excerpt = lines[line - 1].rstrip("\r").replace("\t", " ") if line <= len(lines) else ""

    def __str__(self) -> str:
        column = self.column if isinstance(self.column, int) else 1
        return f"{super().__str__()}\n    {self.excerpt}\n    {' ' * (column - 1)}^"


class TableMismatchError(ContractError):
    """The live table is not what its SQL file says."""


class DeliveryError(GrowthVerticalsError):
    """What was sent cannot be taken."""


class DeliveryLateError(DeliveryError):
    """No complete delivery arrived in time."""


class FileRefusedError(DeliveryError):
    """One file is unreadable, or is not what it was declared to be. None of its rows is loaded."""


class DeliveryRefusedError(DeliveryError):
    """The delivery as a whole is refused: too many rejected rows, or counts that disagree."""


class ServiceError(GrowthVerticalsError):
    """A server did not do what was asked."""

    retryable = True


class TransferError(ServiceError):
    """Bytes were lost or changed on the way."""


class CommitError(ServiceError):
    """The table's head could not be moved. Nothing was loaded, and the staged files may be committed again."""
