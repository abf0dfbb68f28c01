"""The newest delivery of each source in numbers, and what needs a person: for the panel on Airflow's home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter

from growth_verticals.status.facts import time_to_json
from growth_verticals.status.states import STATES
from growth_verticals.web.clock import Now
from growth_verticals.web.pages.grid import KINDS, read_status
from growth_verticals.web.render import sentence
from growth_verticals.web.security import LoggedIn, readable_sources

if TYPE_CHECKING:
    from growth_verticals.status.causes import Cause

router = APIRouter()


@router.get("/summary.json")
def summary_json(user: LoggedIn, now: Now) -> Any:
    """Return states and causes of the sources that the user may see.

    `sources` is their number; `states` has, for each state that one of them is in, `deliveries`: source and period of
    the newest delivery that has opened. A source without any delivery is in none. Causes are those of `/causes.json`,
    with their text as a sentence, and the word and the state's color of their kind.
    """
    status = read_status(readable_sources(user), now)
    newest = [
        next((cell for cell in reversed(row.cells) if cell and cell.state != "not_open"), None)
        for row in status.grid.rows
    ]
    states = []
    for state, (sign, word) in STATES.items():
        deliveries = [{"source": each.source, "period": each.period} for each in newest if each and each.state == state]
        if deliveries:
            states.append({"state": state, "sign": sign, "word": word, "deliveries": deliveries})
    return {
        "made_at": time_to_json(status.grid.made_at),
        "sources": len(status.grid.rows),
        "states": states,
        "causes": [_shown(cause) for cause in status.causes],
        "notes": status.notes,
    }


def _shown(cause: Cause) -> dict[str, Any]:
    state, word = KINDS[cause.kind]
    return cause.to_json() | {"text": sentence(cause.text), "state": state, "word": word}
