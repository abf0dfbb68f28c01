"""What people read, and that a vendor's text can neither act nor hide in it."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.alerting import KINDS, Kind
from growth_verticals.alerts.messages import LABELS, Links, closing, opening
from growth_verticals.status.causes import Cause

DOCS = Path(__file__).parents[3] / "docs"
CAUSE = Cause(
    kind="late_vendor",
    source="aiq_household",
    period="2026Q3",
    text="7 of 8 arrived; missing: part 4",
    next_step="ask the vendor for the delivery",
    counts={"files": 7},
    since=datetime(2026, 11, 2, 1, 30, tzinfo=UTC),
    key="late_vendor:aiq_household:2026Q3",
)
LINKS = Links(airflow_url="https://airflow.example/", docs_url="https://docs.example/")


def test_an_opening_has_counts_cause_next_step_and_where_to_look() -> None:
    assert opening(CAUSE, LINKS).text.splitlines() == [
        "[Growth Verticals] aiq_household 2026Q3: late: vendor",
        "",
        "7 of 8 arrived; missing: part 4.",
        "7 files.",
        "Since 2026-11-01 20:30 EST.",
        "Next: ask the vendor for the delivery.",
        "",
        "Delivery: https://airflow.example/plugin/deliveries/sources/aiq_household/2026Q3",
        "What to do: https://docs.example/alerts.md#late-vendor",
    ]


def test_a_closing_says_what_is_over_and_what_is_not() -> None:
    message = closing(CAUSE, ["refused"], LINKS)
    assert message.subject == "[Growth Verticals] aiq_household 2026Q3: closed: late: vendor"
    assert message.lines == ("This is over: 7 of 8 arrived; missing: part 4.", "Not over: refused.")


@pytest.mark.parametrize(
    ("source", "period", "table", "about", "path"),
    [
        ("aiq_household", "2026Q3", None, "aiq_household 2026Q3", "/sources/aiq_household/2026Q3"),
        ("aiq_household", None, "aiq.household", "aiq_household", "/sources/aiq_household"),
        (None, None, "default.users", "default.users", "/tables"),
    ],
)
def test_a_message_leads_to_the_page_of_what_it_is_about(
    source: str | None, period: str | None, table: str | None, about: str, path: str
) -> None:
    message = opening(replace(CAUSE, source=source, period=period, table=table), LINKS)
    assert message.subject == f"[Growth Verticals] {about}: late: vendor"
    assert message.links[0][1] == f"https://airflow.example/plugin/deliveries{path}"


def test_without_addresses_a_message_names_the_guide_s_path_and_has_no_link() -> None:
    message = opening(CAUSE, Links())
    assert message.links == (("What to do", "docs/alerts.md#late-vendor"),)
    assert "href" not in message.html
    assert "link" not in {element["type"] for element in message.slack_blocks[0]["elements"][0]["elements"]}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_a_label_and_a_section_that_messages_lead_to(kind: Kind) -> None:
    assert LABELS[kind]
    headings = re.findall(r"^## (.+)$", (DOCS / "alerts.md").read_text(encoding="utf-8"), re.MULTILINE)
    anchor = Links().guide(kind).partition("#")[2]
    assert anchor in [heading.lower().replace(" ", "-") for heading in headings]


@given(st.text(), st.text(), st.text())
def test_no_text_adds_a_line_a_header_a_tag_or_a_link(text: str, step: str, period: str) -> None:
    cause = replace(CAUSE, text=text, next_step=step, period=period or None)
    for message in (opening(cause, LINKS), closing(cause, [], LINKS)):
        assert len(message.subject) <= 99
        for line in (message.subject, *message.lines):
            assert line.splitlines() == [line]
            assert line.isprintable()
        assert message.html.count("<a href=") == 2
        assert set(re.findall(r"<[^>]*>", re.sub(r'<a href="[^"<>]*">', "<a>", message.html))) == {
            "<!doctype html>", "<html>", "<body>", "<p>", "</p>", "<ul>", "<li>", "<a>", "</a>", "</li>", "</ul>",
            "</body>", "</html>",
        }  # fmt: skip
        assert not set("<>") & set(message.slack_text)


def test_a_long_text_is_cut() -> None:
    assert len(opening(replace(CAUSE, text="x" * 100_000), LINKS).lines[0]) < 2_000
