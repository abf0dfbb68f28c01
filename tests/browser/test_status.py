"""`./gv status` is the same grid in a terminal."""

from __future__ import annotations

import json
import re

from .conftest import Demo
from .person import Person


def test_the_terminal_shows_the_same_states_as_the_page(person: Person, demo: Demo) -> None:
    pages = person.open()
    cells = pages.locator("a.cell").all()
    shown = {}
    for each in cells:
        source, period = (each.get_attribute("href") or "").split("/")[-2:]
        shown[source, period] = each.locator(".hidden").inner_text().partition(".")[0]
    result = demo.gv("status", "--json")
    assert result.returncode == 2, result.stderr
    rows = json.loads(result.stdout)["rows"]
    assert {(each["source"], each["period"]): each["word"] for row in rows for each in row["cells"] if each} == shown

    result = demo.gv("status")
    assert result.returncode == 2
    signs = {row["source"]: "".join(each["sign"] for each in row["cells"] if each) for row in rows}
    for line in result.stdout.splitlines():
        source, _, rest = line.partition(" ")
        if source in signs:
            assert re.sub("  due .*|  paused| ", "", rest) == signs.pop(source)
    assert signs == {}
