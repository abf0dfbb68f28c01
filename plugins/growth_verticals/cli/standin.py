"""How the command line uses the stand-in: `gv local ...` runs it, and other commands can use its settings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def run(arguments: list[str]) -> int:
    """Run the package `local` with these arguments in a subprocess: `growth_verticals` never imports it."""
    return subprocess.run([sys.executable, "-m", "local", *arguments], check=False).returncode


def use_if_unconfigured() -> None:
    """Use the running stand-in's settings, and say so, when the environment names no table bucket.

    Removes the shell's own AWS settings: a session token of another account would be sent with the stand-in's keys.
    """
    state = Path(os.environ.get("GV_LOCAL_STATE") or ROOT / ".state" / "local")
    if "GV_TABLE_BUCKET_ARN" in os.environ or not (state / "store.pid").exists():
        return
    result = subprocess.run([sys.executable, "-m", "local", "env", "--json"], check=False, capture_output=True)
    if result.returncode == 0:
        print("gv: no account is configured, using the stand-in on this machine", file=sys.stderr)
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(json.loads(result.stdout))
