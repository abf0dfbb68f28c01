"""The time at which a page is made, as a dependency of its route."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Depends


def current_time() -> datetime:
    """Return the time, UTC. Tests replace it with `app.dependency_overrides`, to see a page at a known time."""
    return datetime.now(UTC)


Now = Annotated[datetime, Depends(current_time)]
