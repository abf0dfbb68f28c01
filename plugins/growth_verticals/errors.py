"""Every error that this package raises, as one tree.

    GrowthVerticalsError
    ├── ConfigurationError      a setting, credential or declaration is missing or wrong
    │   ├── DeclarationError      a source's declaration contradicts itself
    │   ├── UnknownSourceError    no source of that name is declared
    │   └── HostKeyChangedError   a vendor's server does not have the pinned host key
    ├── PeriodError             a period is missing, or is not one of the source's cadence
    ├── ContractError           a contract is invalid, or something does not match it
    │   ├── DdlError              the SQL file does not define one table (line, column and caret)
    │   └── TableMismatchError    the live table does not match its SQL file
    ├── DeliveryError           a delivery cannot be accepted
    │   ├── DeliveryLateError     no complete delivery arrived in time
    │   ├── UnexplainedError      the audit found a difference that no run explains
    │   ├── FileRefusedError      one file is unreadable or does not match its declaration
    │   │   └── ColumnsRefusedError its columns do not fit the SQL file and the declaration
    │   └── DeliveryRefusedError  the whole delivery is refused: too many rejects, counts that disagree, a check
    │       └── RestatedError       it would replace loaded files, and nobody has agreed to that
    └── ServiceError            a service did not complete a request; a retry may succeed
        ├── TransferError         bytes were lost or changed in transit
        │   └── FileChangedError      a file is gone, or not the one that was listed or landed; a retry cannot succeed
        └── CommitError           a commit did not succeed, or its outcome is unknown; it can be retried

A message names the source, file, line and column, says what was expected and what was found, and gives the next step.
It never contains a value of a row: `found` describes ("text", "12 columns") and does not quote.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping


class GrowthVerticalsError(Exception):
    """Base of the tree.

    :param what: what went wrong, as a clause without punctuation at the end.
    :param source: the source's name.
    :param file: a file's name or URI (never with credentials).
    :param line: 1-based physical line in that file.
    :param column: a column's name (or, for DDL, the 1-based column of the character).
    :param expected: what should have been there.
    :param found: what was there; described, not quoted, when it comes from a row.
    :param next_step: what the reader of the message should do.
    :param counts: numbers that belong to the cause, such as `rows_read`. They are not part of the message.
    """

    #: Whether the same call may succeed later without human action. Airflow's retry policy reads it.
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
        counts: Mapping[str, int] | None = None,
    ) -> None:
        self.what = what
        self.source = source
        self.file = file
        self.line = line
        self.column = column
        self.expected = expected
        self.found = found
        self.next_step = next_step
        self.counts = dict(counts or {})
        super().__init__(what)

    @property
    def sentence(self) -> str:
        """What went wrong, where, and what was expected and found: the message without the next step."""
        location = [name for name in (self.source, self.file) if name]
        if self.line is not None:
            location.append(f"line {self.line}")
        if self.column is not None:
            location.append(f"column {self.column}")
        text = f"{': '.join(location)}: {self.what}" if location else self.what
        if self.expected is not None:
            text += f"; expected {self.expected}"
        if self.found is not None:
            text += f", found {self.found}" if self.expected is not None else f"; found {self.found}"
        return f"{text}."

    def fields(self) -> dict[str, Any]:
        """Return the arguments, as JSON types: with them, another process can raise the same error."""
        names = ("what", "source", "file", "line", "column", "expected", "found", "next_step", "counts")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        return self.sentence + (f" Next: {self.next_step.rstrip('.')}." if self.next_step is not None else "")


class ConfigurationError(GrowthVerticalsError):
    """A setting or credential is missing or wrong."""


class DeclarationError(ConfigurationError):
    """A source's declaration contradicts itself."""


class UnknownSourceError(ConfigurationError):
    """No source of that name is declared."""


class HostKeyChangedError(ConfigurationError):
    """A vendor's server does not have the pinned host key: they changed it, or it is another server."""


class PeriodError(GrowthVerticalsError):
    """A period is missing, does not parse, or is not a period of the source's cadence."""


class ContractError(GrowthVerticalsError):
    """A contract is invalid, or something (a file, the table, the declaration) does not match it."""


class DdlError(ContractError):
    """The SQL file is not one supported CREATE TABLE statement.

    :param text: the whole statement; the message shows the line with the error, and a caret under the column.
    """

    def __init__(self, what: str, *, text: str, file: str, line: int, column: int, **details: Any) -> None:
        super().__init__(what, file=file, line=line, column=column, **details)
        lines = text.split("\n")  # not splitlines, which also splits at form feeds: `line` counts newlines only
        self.excerpt = lines[line - 1].rstrip("\r").replace("\t", " ") if line <= len(lines) else ""

    def __str__(self) -> str:
        column = self.column if isinstance(self.column, int) else 1
        return f"{super().__str__()}\n    {self.excerpt}\n    {' ' * (column - 1)}^"


class TableMismatchError(ContractError):
    """The live table does not match its SQL file."""


class DeliveryError(GrowthVerticalsError):
    """A delivery cannot be accepted."""


class DeliveryLateError(DeliveryError):
    """No complete delivery arrived in time."""


class UnexplainedError(DeliveryError):
    """What the vendor has, what was landed and what the table holds differ, and no run explains it."""


class FileRefusedError(DeliveryError):
    """One file is unreadable, or does not match its declaration. None of its rows is loaded."""


class ColumnsRefusedError(FileRefusedError):
    """A file's columns do not fit the SQL file and the declaration.

    `header` has the names in the file's header. They are not part of the message: in a file without a header, they are
    a row. `proposal` is the text of a patch, and of what a person must decide; empty if none could be made.
    """

    header: tuple[str, ...] = ()
    proposal: str = ""


class DeliveryRefusedError(DeliveryError):
    """The whole delivery is refused: too many rejected records, counts that disagree, or a check."""


class RestatedError(DeliveryRefusedError):
    """The delivery would replace loaded files, and neither the declaration nor a person has agreed to that.

    :param restatement: what would leave and come, as a `delivery.Restatement`.
    """

    def __init__(self, what: str, *, restatement: Any, **details: Any) -> None:
        super().__init__(what, **details)
        self.restatement = restatement


class ServiceError(GrowthVerticalsError):
    """A service did not complete a request."""

    retryable = True


class TransferError(ServiceError):
    """Bytes were lost or changed in transit."""


class FileChangedError(TransferError):
    """A file is gone, or not the one that was listed or landed: only listing or landing it again helps."""

    retryable = False


class CommitError(ServiceError):
    """A commit did not succeed, or its outcome is unknown. It can be retried: nothing is loaded twice."""
