"""Make the secrets of docker-compose.yaml: a random value for each that .env does not have yet."""

from __future__ import annotations

import base64
import os
import re
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from growth_verticals.cli.standin import ROOT

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

EXAMPLE = """example: ./gv secrets
         ./gv secrets --local"""
#: The variables of .env.example that are secrets. A Fernet key is 32 random bytes in URL-safe base64.
NAMES = (
    "FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY", "POSTGRES_PASSWORD", "REDIS_PASSWORD", "ADMIN_PASSWORD",
    "SERVICE_PASSWORD",
)  # fmt: skip
#: The stand-in's account in docker-compose.yaml, and shorter waits, because its files are delivered before the runs.
LOCAL = {
    "AWS_REGION": "us-east-1",
    "AWS_ENDPOINT_URL_S3": "http://stand-in:8333",
    "AWS_ENDPOINT_URL_S3TABLES": "http://stand-in:8334",
    "GV_CATALOG_URI": "http://stand-in:8334/iceberg",
    "GV_TABLE_BUCKET_ARN": "arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables",
    "GV_LANDING_URI": "s3://gv-landing",
    "GV_POLL_INTERVAL_S": "8",
    "GV_RETRY_DELAY_S": "5",
    "GV_MAX_QUIET_S": "8",
    "GV_MIN_WAIT_S": "30",
    "USE_JOB_SCHEDULE": "False",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--file", type=Path, default=ROOT / ".env", help="the file to fill in (default: .env)")
    parser.add_argument("--local", action="store_true", help="also set the stand-in's account, for the demo")


def run(arguments: argparse.Namespace) -> int:
    """Fill in the file, which only its owner can read then, and print which names got a value. Always return 0.

    A value that is set is never changed, and no value is printed.
    """
    path: Path = arguments.file
    text = (path if path.exists() else ROOT / ".env.example").read_text(encoding="utf-8")
    new = {name: _random_value() for name in NAMES} | (LOCAL if arguments.local else {})
    new = {name: value for name, value in new.items() if not _is_set(name, text)}
    _write_private(path, filled_in(text, new))
    print(f"{path}: set {', '.join(new)}" if new else f"{path}: everything is set already")
    return 0


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with each value in the empty line of its name, or in a new line at the end."""
    for name, value in values.items():
        empty = re.search(rf"^{name}=[ \t]*$", text, re.MULTILINE)
        start, end = empty.span() if empty else (len(text), len(text))
        text = f"{text[:start]}{name}={value}{text[end:] or chr(10)}"
    return text


def _random_value() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def _is_set(name: str, text: str) -> bool:
    return re.search(rf"^{name}=[ \t]*\S", text, re.MULTILINE) is not None


def _write_private(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    new.replace(path)
