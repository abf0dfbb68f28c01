"""The text of an alert's messages, for people, and safe where it is shown.

File names, and what quotes them, come from vendors. A text has no control characters and no line breaks, so that it can
neither add a header to an e-mail nor hide in a log; and it is escaped, or never parsed, where a reader shows markup.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from growth_verticals.cadence import BUSINESS_ZONE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.alerting import Kind
    from growth_verticals.status.causes import Cause

LABELS: dict[Kind, str] = {
    "due_soon": "due soon",
    "late_vendor": "late: vendor",
    "late_pipeline": "late: pipeline",
    "refused": "refused",
    "needs_approval": "needs approval",
    "restated": "restated",
    "rejects_over": "rejects over the limit",
    "gap": "gap found by the audit",
    "maintenance_failed": "maintenance failed",
    "host_key_changed": "host key changed",
}

_MAX_TEXT = 1_500
#: SNS allows less than 100 characters.
_MAX_SUBJECT = 99
_PREFIX = "[Growth Verticals] "


@dataclass(frozen=True, kw_only=True)
class Links:
    """Where a message can lead.

    :param airflow_url: base URL of Airflow's UI; None if it is not set.
    :param docs_url: where docs/ can be read; None if it is only in the repository.
    """

    airflow_url: str | None = None
    docs_url: str | None = None

    def deliveries(self, cause: Cause) -> str | None:
        """Return the address of the page of the delivery, source or table that a cause is about."""
        if not self.airflow_url:
            return None
        place = (
            "/tables"
            if cause.source is None
            else "".join(f"/{quote(name, safe='')}" for name in ("sources", cause.source, cause.period) if name)
        )
        return f"{self.airflow_url.rstrip('/')}/plugin/deliveries{place}"

    def guide(self, kind: Kind) -> str:
        """Return the address of the section about this kind of cause, or its path in the repository."""
        return f"{(self.docs_url or 'docs').rstrip('/')}/alerts.md#{kind.replace('_', '-')}"


@dataclass(frozen=True, kw_only=True)
class Message:
    """A message of one line of subject, some lines of text, and links as (what it is, address)."""

    subject: str
    lines: tuple[str, ...]
    links: tuple[tuple[str, str], ...]

    @property
    def text(self) -> str:
        """The message as plain text."""
        return "\n".join((self.subject, "", *self.lines, "", *(f"{what}: {address}" for what, address in self.links)))

    @property
    def line(self) -> str:
        """The message as one line, for a log."""
        return " ".join((f"{self.subject}.", *self.lines, *(f"{what}: {address}" for what, address in self.links)))

    @property
    def html(self) -> str:
        """The message's lines and links as HTML. Only the addresses of `links` are links."""
        lines = "".join(f"<p>{escape(line)}</p>" for line in self.lines)
        links = "".join(f"<li>{escape(what)}: {_html_link(address)}</li>" for what, address in self.links)
        return f"<!doctype html><html><body>{lines}<ul>{links}</ul></body></html>"

    @property
    def slack_text(self) -> str:
        """The subject in Slack's markup, for notifications."""
        return escape(self.subject, quote=False)

    @property
    def slack_blocks(self) -> list[dict[str, Any]]:
        """The message as a block of rich text, whose texts Slack does not parse: no markup, mentions or links."""
        elements: list[dict[str, Any]] = [{"type": "text", "text": self.subject, "style": {"bold": True}}]
        elements += [{"type": "text", "text": f"\n{line}"} for line in self.lines]
        for what, address in self.links:
            elements += [{"type": "text", "text": f"\n{what}: "}, _slack_link(address)]
        return [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]


def opening(cause: Cause, links: Links) -> Message:
    """Return the message that tells of a cause."""
    lines = [_sentence(cause.text)]
    if cause.counts:
        counts = (f"{number:,} {plain(name).replace('_', ' ')}" for name, number in cause.counts.items())
        lines.append(f"{', '.join(counts)}.")
    if cause.since:
        lines.append(f"Since {cause.since.astimezone(BUSINESS_ZONE):%Y-%m-%d %H:%M %Z}.")
    if cause.next_step:
        lines.append(f"Next: {_sentence(cause.next_step)}")
    return Message(subject=_subject(cause, LABELS[cause.kind]), lines=tuple(lines), links=_links(cause, links))


def closing(cause: Cause, others: Sequence[Kind], links: Links) -> Message:
    """Return the message that a cause is gone.

    :param others: kinds of the causes of the same delivery that exist now.
    """
    lines = [f"This is over: {_sentence(cause.text)}"]
    if others:
        lines.append(f"Not over: {', '.join(LABELS[kind] for kind in others)}.")
    return Message(
        subject=_subject(cause, f"closed: {LABELS[cause.kind]}"), lines=tuple(lines), links=_links(cause, links)
    )


def plain(text: str) -> str:
    """Return a text as one line of printable characters, without such as reverse it, cut after 1,500 characters."""
    visible = "".join(each if each.isprintable() else " " for each in text)
    line = " ".join(visible.split())
    return line if len(line) <= _MAX_TEXT else f"{line[:_MAX_TEXT]}…"


def _sentence(text: str) -> str:
    return f"{plain(text).rstrip('.')}."


def _subject(cause: Cause, label: str) -> str:
    about = " ".join(name for name in (cause.source or cause.table, cause.period) if name)
    return f"{_PREFIX}{plain(about)[: _MAX_SUBJECT - len(_PREFIX) - len(label) - 2]}: {label}"


def _links(cause: Cause, links: Links) -> tuple[tuple[str, str], ...]:
    page = links.deliveries(cause)
    guide = ("What to do", links.guide(cause.kind))
    return (("Delivery" if cause.period else "Page", page), guide) if page else (guide,)


def _is_address(address: str) -> bool:
    return address.startswith(("https://", "http://"))


def _html_link(address: str) -> str:
    text = escape(address)
    return f'<a href="{text}">{text}</a>' if _is_address(address) else text


def _slack_link(address: str) -> dict[str, Any]:
    return {"type": "link", "url": address} if _is_address(address) else {"type": "text", "text": address}
