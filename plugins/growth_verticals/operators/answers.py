"""What the operators that ask a person share: how long they wait, and who has answered."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer_within(seconds: float) -> timedelta:
    """Return how long to wait for an answer: GV_ANSWER_WITHIN_S if it is set, otherwise `seconds`."""
    return timedelta(seconds=float(os.environ.get("GV_ANSWER_WITHIN_S") or seconds))


def answered_by(response: Mapping[str, Any]) -> str:
    """Return the name of the person who answered, from what `HITLOperator.execute_complete` returns."""
    user = response.get("responded_by_user") or {}
    return str(user.get("name") or user.get("id") or "unknown")
