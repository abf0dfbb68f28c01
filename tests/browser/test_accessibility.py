"""Our pages can be used by everybody: in both themes, in a wide and in a narrow window, with a screen reader."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Frame, Page, expect

from . import demo_story
from .conftest import LogIn

#: Name → path, under the root of our pages.
PAGES = {
    "grid": (),
    "delivery": ("sources", "aiq_household", "2026Q3"),
    "refused": ("sources", *demo_story.REFUSED),
    "approval": ("sources", *demo_story.ASKS),
    "source": ("sources", "popsycle_campaign_ad_log"),
    "form": ("sources", "ls_corp", "load"),
    "tables": ("tables",),
    "vendors": ("vendors",),
    "message": ("dags", "correct"),
}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_serious_finding_and_does_not_scroll_sideways(
    log_in: LogIn, name: str, theme: str, width: int
) -> None:
    person = log_in(theme=theme, width=width)
    person.open(*PAGES[name])
    assert theme in person.frame.evaluate("document.documentElement.className").split()
    person.frame.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert serious_findings(person.frame) == []
    assert person.frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_panel_on_airflows_home_has_no_serious_finding(log_in: LogIn, theme: str) -> None:
    person = log_in(theme=theme)
    person.open_home()
    panel = "section[aria-labelledby=deliveries-panel]"
    expect(person.page.locator(panel)).to_be_visible()
    assert serious_findings(person.page, panel) == []


def serious_findings(page: Page | Frame, part: str | None = None) -> list[str]:
    """Return what axe-core finds serious or critical: rule, element and message."""
    result = Axe().run(page, context=part).response
    assert result["passes"]
    findings: list[dict[str, Any]] = result["violations"]
    return [
        f"{finding['id']}: {node['html'][:200]}: {node['failureSummary']}"
        for finding in findings
        if finding["impact"] in ("serious", "critical")
        for node in finding["nodes"]
    ]
