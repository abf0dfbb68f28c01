"""Renders templates. Everything that comes from outside is escaped, and invisible characters are shown as codes."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from growth_verticals.cadence import BUSINESS_ZONE

if TYPE_CHECKING:
    from fastapi import Request

#: The pages in the bar at the top: path and name.
TABS = (("/", "Deliveries"), ("/tables", "Tables"), ("/vendors", "Vendors"))
_FOLDER = Path(__file__).parent
_MOUNTED_AT = "/deliveries"


def page(request: Request, template: str, *, status_code: int = 200, **values: Any) -> HTMLResponse:
    """Return a page. Templates get `root` and `airflow`, the paths of these pages and of Airflow's UI, and `here`.

    :param values: for the template. `tab` is the page's name in `TABS`, if it is one of them.
    """
    root = request.scope["root_path"].rstrip("/")
    query = request.scope.get("query_string", b"").decode("latin-1")
    here = quote(request.scope.get("path", "/")) + (f"?{query}" if query else "")
    paths = {"root": root, "airflow": root.removesuffix(_MOUNTED_AT), "here": here}
    html = _environment().get_template(template).render(paths | {"tabs": TABS, "tab": None} | values)
    return HTMLResponse(html.encode(errors="backslashreplace"), status_code)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        each.__name__: each
        for each in (
            visible, prose, lines, plain, sentence, breakable, number, compact, size, when, day, duration, percent,
            segment,
        )
    }  # fmt: skip
    return environment


def visible(text: str) -> Markup:
    """Return text from outside as HTML: control and invisible characters as codes, and in its own direction."""
    if text.isprintable():
        return Markup("<bdi>{}</bdi>").format(text)
    code = Markup('<span class="code">{}</span>')
    parts = [escape(letter) if letter.isprintable() else code.format(_code(letter)) for letter in text]
    return Markup("<bdi>{}</bdi>").format(Markup("").join(parts))


def prose(text: str) -> Markup:
    """Return a sentence of a message as HTML: what stands in backquotes is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # a backquote without a partner, such as in a name
        return visible(text)
    code = Markup("<code>{}</code>")
    return Markup("").join(
        code.format(visible(each)) if index % 2 else visible(each) for index, each in enumerate(parts)
    )


def lines(text: str) -> Markup:
    """Return several lines of text from outside as HTML, each as `visible` shows it."""
    return Markup("\n").join(visible(line) for line in text.split("\n"))


def plain(text: str) -> str:
    """Return text from outside for a title: control and invisible characters as codes."""
    return text if text.isprintable() else "".join(each if each.isprintable() else _code(each) for each in text)


def sentence(text: str) -> str:
    """Return a clause as a sentence: with a full stop, and with a capital letter unless it starts with a name."""
    if text.partition(" ")[0].isalpha():
        text = text[0].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def breakable(name: str) -> Markup:
    """Return a name of ours as HTML that can break after an underscore."""
    return Markup("_<wbr>").join(name.split("_"))


def _code(letter: str) -> str:
    return ascii(letter)[1:-1]


def number(value: int | None) -> str:
    """Return a count with thousands separators; a dash for None."""
    return "–" if value is None else f"{value:,}"


def compact(value: int) -> str:
    """Return a count in at most five characters: `1,234`, `265M`."""
    if value < 10_000:
        return f"{value:,}"
    for unit in ("k", "M", "G"):
        value_in_unit = value / 1000 ** ("kMG".index(unit) + 1)
        if value_in_unit < 999.5 or unit == "G":
            return f"{value_in_unit:.1f}{unit}" if value_in_unit < 99.95 else f"{value_in_unit:,.0f}{unit}"
    raise AssertionError("unreachable: G is the last unit")


def size(count: int | None) -> str:
    """Return a number of bytes in a readable unit; a dash for None."""
    if count is None:
        return "–"
    scaled, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if scaled < 1024 or unit == "TiB":
            break
        scaled /= 1024
    return f"{count:,} B" if unit == "B" else f"{scaled:,.1f} {unit}"


def when(at: datetime | float | None, form: str = "%a %Y-%m-%d %H:%M %Z") -> Markup:
    """Return a time, or seconds since 1970, in New York's time with the zone's name; a dash for None."""
    if at is None:
        return Markup("–")
    if isinstance(at, int | float):
        at = datetime.fromtimestamp(at, UTC)
    utc = at.astimezone(UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}">{}</time>').format(utc, at.astimezone(BUSINESS_ZONE).strftime(form))


def day(at: datetime | None) -> Markup:
    """Return New York's day of a time; a dash for None."""
    return when(at, "%Y-%m-%d")


def duration(seconds: float | None) -> str:
    """Return a duration in one or two units; a dash for None."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    total = round(seconds)
    if total < 3600:
        return f"{total // 60} min {total % 60} s"
    if total < 86_400:
        return f"{total // 3600} h {total % 3600 // 60} min"
    return f"{total // 86_400} d {total % 86_400 // 3600} h"


def percent(share: float | None) -> str:
    """Return a share (0 to 1) in percent; a dash for None."""
    return "–" if share is None else f"{share:.2%}"


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")
