"""How Airflow stores XComs."""

from __future__ import annotations

from typing import Any


def plain(value: Any) -> Any:
    """Return an XCom's stored value as JSON types: Airflow stores a tuple as a mapping that describes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return [plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "__classname__" in value:
        return plain(value.get("__data__"))
    return {name: plain(each) for name, each in value.items()}
