"""Whether a test that a text names exists."""

from __future__ import annotations

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]


def is_test(name: str) -> bool:
    """Whether `name`, as pytest's path::name with or without parameters, is a test."""
    path, _, function = name.partition("::")
    file = REPOSITORY / path
    pattern = rf"^def {re.escape(function.partition('[')[0])}\("
    return function.startswith("test_") and file.is_file() and bool(re.search(pattern, file.read_text(), re.MULTILINE))
