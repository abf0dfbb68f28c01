"""Put files into a source's inbox, to load them from Airflow's form, or list what is there."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from growth_verticals.account import Account
from growth_verticals.cli.output import print_json, print_table, print_text, printable, size
from growth_verticals.declarations import find_source

EXAMPLE = """example: ./gv inbox put ls_corp ~/Downloads/leads.csv
         ./gv inbox list ls_corp"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the subcommands `put` and `list`."""
    actions = parser.add_subparsers(dest="inbox_action", required=True, metavar="put|list")
    put = actions.add_parser("put", help="copy files of this machine into the inbox, and verify the copies")
    put.add_argument("source", help="source name, as listed by `./gv sources`")
    put.add_argument("files", nargs="+", metavar="FILE", type=local_file, help="files to copy")
    put.add_argument("--replace", action="store_true", help="replace files of these names with other content")
    listed = actions.add_parser("list", help="list the files that a run can load")
    listed.add_argument("source", help="source name, as listed by `./gv sources`")
    for each in (put, listed):
        each.add_argument("--json", action="store_true", help="print a JSON list with one object per file")


def local_file(text: str) -> Path:
    """Return the path. Raises `ArgumentTypeError`, a usage error, when there is no such file."""
    path = Path(text)
    if not path.is_file():
        raise argparse.ArgumentTypeError(f"no such file: {printable(text)}")
    return path


def run(arguments: argparse.Namespace) -> int:
    """Put the files one after the other, or list the inbox. Return 0.

    What was put before an error stays, and the same command again finds it.
    """
    return _put(arguments) if arguments.inbox_action == "put" else _list(arguments)


def _put(arguments: argparse.Namespace) -> int:
    from growth_verticals.landing.inbox import check_inbox_name, put_into_inbox
    from growth_verticals.landing.origins import LocalOrigin

    source, account = find_source(arguments.source), Account.from_environment()
    for path in arguments.files:  # all names first: either all files can be loaded or none is put
        check_inbox_name(source, LocalOrigin().file(path))
    files = []
    for path in arguments.files:
        file = put_into_inbox(account, source, path, replace=arguments.replace)
        files.append(file)
        if not arguments.json:
            print_text(
                f"{file.status:<8}  {file.name}  {file.size:,} bytes  sha256 {file.sha256}  {file.uri}", indent=10
            )
    if arguments.json:
        print_json(files)
        return 0
    names = list(dict.fromkeys(file.name for file in files))
    print()
    print_text(f"Next: in Airflow, press Trigger on the DAG {source.name} and enter")
    print_text(f"  Partition Key (Advanced Options)  the period, such as {source.cadence.example}", indent=36)
    for number, name in enumerate(names):
        print_text(f"{'' if number else '  Files':<36}{printable(name)}", indent=36)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from growth_verticals.landing.listing import list_inbox

    source, account = find_source(arguments.source), Account.from_environment()
    files = list_inbox(account, source)
    if arguments.json:
        print_json([{name: asdict(file)[name] for name in ("name", "uri", "size", "modified")} for file in files])
    elif files:
        rows = [(printable(file.name), size(file.size), f"{_time(file.modified)} UTC") for file in files]
        print_table(("file", "size", "put there"), rows, right=("size",))
    else:
        print_text(f"{account.inbox_prefix(source.name)}/ has no file that matches {source.delivery.pattern}")
    return 0


def _time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M}"
