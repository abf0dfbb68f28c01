"""Output for people and for programs: aligned text when piped, fitted to a terminal by rich, JSON on request.

Nothing is ever cut. On a terminal, text is folded to its width; a pipe gets each row on one line.
"""

from __future__ import annotations

import getpass
import json
import os
import sys
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from growth_verticals.delivery import Actor

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_DAY_S = 86_400


def operator(reason: str | None) -> Actor:
    """Return who runs this command, for the history of the tables that it changes."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a container's user id without a name
        name = f"uid {os.getuid()}"
    return Actor(by=name, tool="gv", reason=reason)


def is_terminal() -> bool:
    """Whether a person looks at the output."""
    return sys.stdout.isatty()


def print_text(text: str, *, indent: int = 2, style: str = "") -> None:
    """Print text; on a terminal in a style of rich, and wrapped at words, indented from the second line on."""
    if not is_terminal():
        print(text, flush=True)
        return
    from growth_verticals.cli import terminal

    terminal.print_text(text, indent=indent, style=style)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, right: Collection[str] = ()) -> None:
    """Print rows under a header. The columns named in `right` have numbers, and are right-aligned."""
    if is_terminal():
        from growth_verticals.cli import terminal

        terminal.print_table(header, rows, right)
        return
    widths = [max(len(row[index]) for row in (header, *rows)) for index in range(len(header))]
    for row in (header, *rows):
        cells = [
            cell.rjust(width) if name in right else cell.ljust(width)
            for name, cell, width in zip(header, row, widths, strict=True)
        ]
        print("  ".join(cells).rstrip())


def print_json(document: Any) -> None:
    """Print one JSON document: dataclasses as objects, times in ISO 8601, decimals as text."""
    print(json.dumps(document, indent=2, default=_to_json))


def printable(text: str) -> str:
    """Return the text with control characters escaped, so that a terminal does not act on them."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def number(value: int | None) -> str:
    """Return `value` with thousands separators, or a dash for None."""
    return "-" if value is None else f"{value:,}"


def size(count: int | None) -> str:
    """Return a byte count in a readable unit, or a dash for None."""
    if count is None:
        return "-"
    if count < 1024:
        return f"{count} B"
    scaled = count / 1024
    for unit in ("KiB", "MiB", "GiB"):
        if scaled < 1024:
            return f"{scaled:,.1f} {unit}"
        scaled /= 1024
    return f"{scaled:,.1f} TiB"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """Return how long ago `at` was, or a dash for None."""
    return "-" if at is None else f"{_span((now or datetime.now(UTC)) - at)} ago"


def until(at: datetime, now: datetime | None = None) -> str:
    """Return the time left until `at`, or `now` if it has passed."""
    left = at - (now or datetime.now(UTC))
    return f"in {_span(left)}" if left > timedelta() else "now"


def _span(span: timedelta) -> str:
    seconds = max(0, int(span.total_seconds()))
    if seconds >= _DAY_S:
        return f"{seconds // _DAY_S} d {seconds % _DAY_S // 3600} h"
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 60} min" if seconds >= 60 else f"{seconds} s"


def _to_json(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds")
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")
