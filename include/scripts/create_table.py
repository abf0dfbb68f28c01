#!/usr/bin/env python3
"""Creates a table in a table bucket from SQL: the familiar name of `./gv tables create`."""

import os
import sys
from pathlib import Path

GV = Path(__file__).resolve().parents[2] / "gv"
os.execv(GV, [str(GV), "tables", "create", *sys.argv[1:]])  # noqa: S606 - no shell is involved
