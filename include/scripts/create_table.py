#!/usr/bin/env python3
"""Creates a table of a table bucket from SQL: `./gv tables create` by the name that people know."""

import os
import sys
from pathlib import Path

GV = Path(__file__).resolve().parents[2] / "gv"
os.execv(GV, [str(GV), "tables", "create", *sys.argv[1:]])  # noqa: S606 - no shell between
