"""What a snapshot's summary keeps about the load that made it."""

from __future__ import annotations

import pytest

from growth_verticals.catalog.load_summary import MAX_NAME, MAX_REASON, LoadSummary
from growth_verticals.delivery import Actor


@pytest.mark.parametrize(
    "actor", [None, Actor(by="ana"), Actor(by="schedule", tool="airflow"), Actor(by="bo", tool="gv", reason="why | so")]
)
def test_who_made_it_with_which_tool_and_why_can_be_read_back(actor: Actor | None) -> None:
    summary = LoadSummary(source="ls_corp", period="2026-11-20", files=1, actor=actor)
    assert LoadSummary.from_properties(summary.to_properties()) == summary


@pytest.mark.parametrize("action", ["load", "replay", "undo"])
def test_what_it_did_can_be_read_back(action: str) -> None:
    summary = LoadSummary(source="ls_corp", period="2026-11-20", files=1, action=action)
    assert LoadSummary.from_properties(summary.to_properties()) == summary


def test_a_summary_of_an_older_version_does_not_say_what_it_did() -> None:
    summary = LoadSummary.from_properties({"gv.source": "ls_corp", "gv.period": "2026-11-20", "gv.files": "1"})
    assert summary == LoadSummary(source="ls_corp", period="2026-11-20", files=1, action=None)


def test_long_names_and_reasons_are_cut() -> None:
    actor = Actor(by="a" * 1000, tool="gv", reason="b" * 10_000)
    properties = LoadSummary(source="ls_corp", period="2026-11-20", files=1, actor=actor).to_properties()
    assert (len(properties["gv.by"]), len(properties["gv.reason"])) == (MAX_NAME, MAX_REASON)
