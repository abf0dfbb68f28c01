"""The stand-in, as the command line meets it: `gv local …` hands over to it, and other commands may use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(words: list[str]) -> int:
    """Run the room `local` with these words, in a process of its own: nothing here imports it."""
    return subprocess.run([sys.executable, "-m", "local", *words], check=False).returncode


def use_if_unconfigured() -> None:
    """Take the running stand-in's settings when the environment names no table bucket, and say so.

    The shell's own AWS settings are dropped: a session token of another account would be sent with the stand-in's keys.
    """
    state = Path(os.environ.get("GV_LOCAL_STATE") or ROOT / ".state" / "local")
    if "GV_TABLE_BUCKET_ARN" in os.environ or not (state / "store.pid").exists():
        return
    asked = subprocess.run([sys.executable, "-m", "local", "env", "--json"], check=False, capture_output=True)
    if asked.returncode == 0:
        print("gv: no account is configured, using the stand-in on this machine", file=sys.stderr)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(json.loads(asked.stdout))
