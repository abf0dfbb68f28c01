"""Set maintenance: of a table its compaction and snapshots, of the table bucket its unreferenced files."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_table
from growth_verticals.cli.tables.common import account_of
from growth_verticals.errors import ConfigurationError, DeclarationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Container, Mapping

    from growth_verticals.account import Account
    from growth_verticals.bucket.settings import LiveSettings, MaintenanceType, Setting, Value

EXAMPLE = """Without a setting it shows what stands, asks, and sets what was answered; with --json it only shows.
With a setting it sets that at once.

examples: ./gv tables configure
          ./gv tables configure --table aiq.household --target-file-size-mb 256 --max-snapshot-age-hours 168
          ./gv tables configure --table aiq.household --disable snapshots
          ./gv tables configure --unreferenced-days 5 --noncurrent-days 14"""
#: Each option, and the setting of the API that it means.
OPTIONS = {
    "--target-file-size-mb": "targetFileSizeMB",
    "--strategy": "strategy",
    "--min-snapshots": "minSnapshotsToKeep",
    "--max-snapshot-age-hours": "maxSnapshotAgeHours",
    "--unreferenced-days": "unreferencedDays",
    "--noncurrent-days": "nonCurrentDays",
}
_WORDS = ("compaction", "snapshots", "unreferenced")
_HEADER = ("maintenance", "level", "setting", "now", "default", "range")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("-t", "--table", metavar="NAME", help="the table; without it, the table bucket's own settings")
    table = parser.add_argument_group("settings of a table")
    table.add_argument("--target-file-size-mb", metavar="N", help="compaction's goal, 64 to 512 (default 512)")
    table.add_argument("--strategy", metavar="S", help="auto, binpack, sort or z-order (default auto)")
    table.add_argument("--min-snapshots", metavar="N", help="snapshots that are kept anyway, 1 or more (default 1)")
    table.add_argument("--max-snapshot-age-hours", metavar="N", help="1 or more (default 120)")
    bucket = parser.add_argument_group("settings of the table bucket")
    bucket.add_argument("--unreferenced-days", metavar="N", help="until a file is removed, 1 or more (default 3)")
    bucket.add_argument("--noncurrent-days", metavar="N", help="from then until its end, 1 or more (default 10)")
    either = parser.add_argument_group("either")
    for word in ("enable", "disable"):
        either.add_argument(f"--{word}", action="append", choices=_WORDS, default=[], help="may be repeated")
    either.add_argument("--yes", action="store_true", help="after the questions, set without asking for confirmation")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Set what the options say; without one, ask."""
    from growth_verticals.bucket.inventory import resolve_table
    from growth_verticals.bucket.settings import read_settings

    given = {option: getattr(arguments, option[2:].replace("-", "_")) for option in OPTIONS}
    given = {option: text for option, text in given.items() if text is not None}
    if not (given or arguments.enable or arguments.disable or arguments.json):
        return _ask_and_set(arguments)
    wanted = _wanted(arguments, given)
    account = account_of(arguments)
    table = resolve_table(account, arguments.table, arguments.namespace) if arguments.table else None
    before = read_settings(account, table)
    after = wanted(before)
    changes = _changes(account, table, before, after)
    _put(account, table, changes, after)
    words = [word for found in changes.values() for word in found]
    if arguments.json:
        print_json({"about": table or "table bucket", "changes": words, "settings": after})
        return 0
    for word in words or ["nothing to change"]:
        print(f"{table or 'table bucket'}: {word}")
    _note_disabled(after)
    return 0


def _wanted(
    arguments: argparse.Namespace, given: Mapping[str, str]
) -> Callable[[Mapping[str, LiveSettings]], dict[str, LiveSettings]]:
    """Check the options; return what makes the settings that they ask for from those that stand."""
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    values: dict[str, dict[str, Value]] = {}
    for option, text in given.items():
        kind, setting = next((k, s) for k in MAINTENANCE_TYPES for s in k.settings if s.name == OPTIONS[option])
        _require_level(arguments, kind, option)
        try:
            values.setdefault(kind.name, {})[setting.name] = setting.parse(text)
        except DeclarationError as error:
            arguments.usage_error(f"argument {option}: {error}")
    switched: dict[str, bool] = {}
    for word in (*arguments.enable, *arguments.disable):
        kind = next(kind for kind in MAINTENANCE_TYPES if kind.word == word)
        _require_level(arguments, kind, word)
        if word in arguments.enable and word in arguments.disable:
            arguments.usage_error(f"{word} can be enabled or disabled, not both")
        switched[kind.name] = word in arguments.enable

    def apply(before: Mapping[str, LiveSettings]) -> dict[str, LiveSettings]:
        return {
            name: replace(
                live, enabled=switched.get(name, live.enabled), values={**live.values, **values.get(name, {})}
            )
            for name, live in before.items()
        }

    return apply


def _require_level(arguments: argparse.Namespace, kind: MaintenanceType, what: str) -> None:
    if kind.level == "table" and not arguments.table:
        arguments.usage_error(
            f"{what} belongs to a table: {kind.word} is set for each table by itself. Name it: --table"
        )
    if kind.level == "table bucket" and arguments.table:
        arguments.usage_error(
            f"{what} belongs to the table bucket: {kind.word} files are removed alike in all its tables. "
            "Leave out --table"
        )


def _changes(
    account: Account, table: str | None, before: Mapping[str, LiveSettings], after: Mapping[str, LiveSettings]
) -> dict[str, list[str]]:
    """Return what changes, by kind; refuse here what only a look at the table can tell."""
    from growth_verticals.bucket.settings import (
        COMPACTION,
        MAINTENANCE_TYPES,
        ORDERING,
        differences,
        require_sort_order,
    )

    changes = {
        kind.name: found
        for kind in MAINTENANCE_TYPES
        if kind.name in after and (found := differences(kind, before[kind.name], after[kind.name]))
    }
    if table and COMPACTION.name in changes and after[COMPACTION.name].values["strategy"] in ORDERING:
        require_sort_order(account, table)
    return changes


def _put(account: Account, table: str | None, changes: Container[str], after: Mapping[str, LiveSettings]) -> None:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES, put_settings

    for kind in MAINTENANCE_TYPES:
        if kind.name in changes:
            put_settings(account, table, kind, after[kind.name])


def _note_disabled(after: Mapping[str, LiveSettings]) -> None:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    for kind in MAINTENANCE_TYPES:
        if kind.name in after and not after[kind.name].enabled:
            print(f"note: {kind.word} is disabled, so that its values do nothing until --enable {kind.word}")


# --- by questions -------------------------------------------------------------------------------------------------


def _ask_and_set(arguments: argparse.Namespace) -> int:
    from growth_verticals.bucket.settings import read_settings

    account = account_of(arguments)
    try:
        table = _ask_table(account, arguments)
        before = read_settings(account, table)
        print_settings(before)
        after = {name: _ask_kind(name, live) for name, live in before.items()}
        changes = _changes(account, table, before, after)
        for change in [word for found in changes.values() for word in found]:
            print(f"{table or 'table bucket'}: {change}")
        if changes and not arguments.yes and not _ask_yes("Set this?", otherwise=False):
            print("nothing was changed")
            return 1
    except EOFError:
        print("\nno answer; nothing was changed")
        return 1
    _put(account, table, changes, after)
    print("set" if changes else "nothing to change")
    _note_disabled(after)
    return 0


def _ask_table(account: Account, arguments: argparse.Namespace) -> str | None:
    from growth_verticals.bucket.inventory import resolve_table

    name = arguments.table
    while True:
        try:
            name = name or input("Table (namespace.table), or Enter for the table bucket's own settings: ").strip()
            return resolve_table(account, name, arguments.namespace) if name else None
        except ConfigurationError as error:
            if arguments.table:
                raise
            print(error)
            name = None


def _ask_kind(name: str, live: LiveSettings) -> LiveSettings:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    kind = next(kind for kind in MAINTENANCE_TYPES if kind.name == name)
    if not _ask_yes(f"{kind.word}: enabled?", otherwise=live.enabled):
        return replace(live, enabled=False)
    values = {setting.name: _ask_value(setting, live.values[setting.name]) for setting in kind.settings}
    return replace(live, enabled=True, values=values)


def _ask_value(setting: Setting, now: Value) -> Value:
    unit = f" in {setting.unit}" if setting.unit else ""
    while True:
        text = input(f"  {setting.label}{unit}, {setting.range} [{now}]: ").strip()
        if not text:
            return now
        try:
            return setting.parse(text)
        except DeclarationError as error:
            print(f"  {error}")


def _ask_yes(question: str, *, otherwise: bool) -> bool:
    while True:
        text = input(f"{question} {'[Y/n]' if otherwise else '[y/N]'} ").strip().lower()
        if text in ("", "y", "yes", "n", "no"):
            return otherwise if not text else text[0] == "y"


def print_settings(live: Mapping[str, LiveSettings]) -> None:
    """Print the settings as they stand, with level, default and range."""
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    rows: list[tuple[str, ...]] = []
    for kind in MAINTENANCE_TYPES:
        if kind.name not in live:
            continue
        found = live[kind.name]
        rows.append((kind.word, kind.level, "status", "enabled" if found.enabled else "disabled", "enabled", ""))
        rows += [
            (
                "",
                "",
                f"{each.label}{f' ({each.unit})' if each.unit else ''}",
                str(found.values[each.name]),
                str(each.default),
                each.range,
            )
            for each in kind.settings
        ]
    print_table(_HEADER, rows)
