"""Set maintenance: compaction and snapshots of a table, or unreferenced file removal of the table bucket."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from growth_verticals.cli.output import print_json, print_table, print_text
from growth_verticals.cli.tables.common import account_of
from growth_verticals.errors import ConfigurationError, DeclarationError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Container, Mapping

    from growth_verticals.account import Account
    from growth_verticals.bucket.settings import LiveSettings, MaintenanceType, Setting, Value

EXAMPLE = """Without a setting: show the current settings, prompt for new values, and set them after confirmation;
with --json, only show them. With a setting: set it at once, without a prompt.

examples: ./gv tables configure
          ./gv tables configure --table aiq.household --target-file-size-mb 256 --max-snapshot-age-hours 168
          ./gv tables configure --table aiq.household --disable snapshots
          ./gv tables configure --unreferenced-days 5 --noncurrent-days 14"""
#: Each option, and the API's name of its setting.
OPTIONS = {
    "--target-file-size-mb": "targetFileSizeMB",
    "--strategy": "strategy",
    "--min-snapshots": "minSnapshotsToKeep",
    "--max-snapshot-age-hours": "maxSnapshotAgeHours",
    "--unreferenced-days": "unreferencedDays",
    "--noncurrent-days": "nonCurrentDays",
}
_CLI_NAMES = ("compaction", "snapshots", "unreferenced")
_HEADER = ("maintenance", "level", "setting", "current", "default", "range")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("-t", "--table", metavar="NAME", help="the table; without it, the table bucket's settings")
    table = parser.add_argument_group("settings of a table")
    table.add_argument(
        "--target-file-size-mb", metavar="N", help="target file size of compaction, 64 to 512 (default 512)"
    )
    table.add_argument(
        "--strategy", metavar="S", help="compaction strategy: auto, binpack, sort or z-order (default auto)"
    )
    table.add_argument(
        "--min-snapshots", metavar="N", help="newest snapshots that are always kept, 1 or more (default 1)"
    )
    table.add_argument(
        "--max-snapshot-age-hours", metavar="N", help="age at which a snapshot expires, 1 or more (default 120)"
    )
    bucket = parser.add_argument_group("settings of the table bucket")
    bucket.add_argument(
        "--unreferenced-days", metavar="N", help="age at which an unreferenced file is removed, 1 or more (default 3)"
    )
    bucket.add_argument(
        "--noncurrent-days", metavar="N", help="days from its removal to its deletion, 1 or more (default 10)"
    )
    both = parser.add_argument_group("settings of a table or the table bucket")
    for option in ("enable", "disable"):
        both.add_argument(f"--{option}", action="append", choices=_CLI_NAMES, default=[], help="can be repeated")
    both.add_argument("--yes", action="store_true", help="after the prompts, set without asking for confirmation")
    parser.set_defaults(usage_error=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Set what the options say; without an option, prompt."""
    from growth_verticals.bucket.inventory import resolve_table
    from growth_verticals.bucket.settings import read_settings

    given = {option: getattr(arguments, option[2:].replace("-", "_")) for option in OPTIONS}
    given = {option: text for option, text in given.items() if text is not None}
    if not (given or arguments.enable or arguments.disable or arguments.json):
        return _prompt_and_set(arguments)
    change_settings = _requested_change(arguments, given)
    account = account_of(arguments)
    table = resolve_table(account, arguments.table, arguments.namespace) if arguments.table else None
    before = read_settings(account, table)
    after = change_settings(before)
    changes = _changes(account, table, before, after)
    _put(account, table, changes, after)
    change_texts = [text for texts in changes.values() for text in texts]
    if arguments.json:
        print_json({"target": table or "table bucket", "changes": change_texts, "settings": after})
        return 0
    for text in change_texts or ["nothing to change"]:
        print_text(f"{table or 'table bucket'}: {text}")
    _note_disabled(after)
    return 0


def _requested_change(
    arguments: argparse.Namespace, given: Mapping[str, str]
) -> Callable[[Mapping[str, LiveSettings]], dict[str, LiveSettings]]:
    """Check the options; return a function that applies them to the current settings."""
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    values: dict[str, dict[str, Value]] = {}
    for option, text in given.items():
        maintenance_type, setting = next(
            (each, setting)
            for each in MAINTENANCE_TYPES
            for setting in each.settings
            if setting.name == OPTIONS[option]
        )
        _require_level(arguments, maintenance_type, option)
        try:
            values.setdefault(maintenance_type.name, {})[setting.name] = setting.parse(text)
        except DeclarationError as error:
            arguments.usage_error(f"argument {option}: {error}")
    enabled: dict[str, bool] = {}
    for cli_name in (*arguments.enable, *arguments.disable):
        maintenance_type = next(each for each in MAINTENANCE_TYPES if each.cli_name == cli_name)
        _require_level(arguments, maintenance_type, cli_name)
        if cli_name in arguments.enable and cli_name in arguments.disable:
            arguments.usage_error(f"{cli_name} can be enabled or disabled, not both")
        enabled[maintenance_type.name] = cli_name in arguments.enable

    def apply(before: Mapping[str, LiveSettings]) -> dict[str, LiveSettings]:
        return {
            name: replace(live, enabled=enabled.get(name, live.enabled), values={**live.values, **values.get(name, {})})
            for name, live in before.items()
        }

    return apply


def _require_level(arguments: argparse.Namespace, maintenance_type: MaintenanceType, option: str) -> None:
    if maintenance_type.level == "table" and not arguments.table:
        arguments.usage_error(
            f"{option} is a setting of a table: {maintenance_type.cli_name} is set per table. Add --table NAME"
        )
    if maintenance_type.level == "table bucket" and arguments.table:
        arguments.usage_error(
            f"{option} is a setting of the table bucket: {maintenance_type.cli_name} files are removed in the same way "
            "in all its tables. Remove --table"
        )


def _changes(
    account: Account, table: str | None, before: Mapping[str, LiveSettings], after: Mapping[str, LiveSettings]
) -> dict[str, list[str]]:
    """Return what changes, by maintenance type; refuse sorting for a table without a sort order."""
    from growth_verticals.bucket.settings import (
        COMPACTION,
        MAINTENANCE_TYPES,
        SORTING_STRATEGIES,
        require_sort_order,
        setting_changes,
    )

    changes = {
        each.name: texts
        for each in MAINTENANCE_TYPES
        if each.name in after and (texts := setting_changes(each, before[each.name], after[each.name]))
    }
    if table and COMPACTION.name in changes and after[COMPACTION.name].values["strategy"] in SORTING_STRATEGIES:
        require_sort_order(account, table)
    return changes


def _put(account: Account, table: str | None, changes: Container[str], after: Mapping[str, LiveSettings]) -> None:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES, put_settings

    for maintenance_type in MAINTENANCE_TYPES:
        if maintenance_type.name in changes:
            put_settings(account, table, maintenance_type, after[maintenance_type.name])


def _note_disabled(after: Mapping[str, LiveSettings]) -> None:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    for name in [each.cli_name for each in MAINTENANCE_TYPES if each.name in after and not after[each.name].enabled]:
        print_text(f"note: {name} is disabled; its values have no effect until --enable {name}")


# --- with prompts ---------------------------------------------------------------------------------------------------


def _prompt_and_set(arguments: argparse.Namespace) -> int:
    from growth_verticals.bucket.settings import read_settings

    account = account_of(arguments)
    try:
        table = _prompt_for_table(account, arguments)
        before = read_settings(account, table)
        print_settings(before)
        after = {name: _prompt_for_settings(name, live) for name, live in before.items()}
        changes = _changes(account, table, before, after)
        for text in [text for texts in changes.values() for text in texts]:
            print_text(f"{table or 'table bucket'}: {text}")
        if changes and not arguments.yes and not _confirm("Set these values?", default=False):
            print("nothing was changed")
            return 1
    except EOFError:
        print("\nno answer; nothing was changed")
        return 1
    _put(account, table, changes, after)
    print("settings changed" if changes else "nothing to change")
    _note_disabled(after)
    return 0


def _prompt_for_table(account: Account, arguments: argparse.Namespace) -> str | None:
    from growth_verticals.bucket.inventory import resolve_table

    name = arguments.table
    while True:
        try:
            name = name or input("Table (namespace.table), or Enter for the table bucket's settings: ").strip()
            return resolve_table(account, name, arguments.namespace) if name else None
        except ConfigurationError as error:
            if arguments.table:
                raise
            print(error)
            name = None


def _prompt_for_settings(name: str, live: LiveSettings) -> LiveSettings:
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    maintenance_type = next(each for each in MAINTENANCE_TYPES if each.name == name)
    if not _confirm(f"{maintenance_type.cli_name}: enabled?", default=live.enabled):
        return replace(live, enabled=False)
    values = {
        setting.name: _prompt_for_value(setting, live.values[setting.name]) for setting in maintenance_type.settings
    }
    return replace(live, enabled=True, values=values)


def _prompt_for_value(setting: Setting, current: Value) -> Value:
    unit = f" in {setting.unit}" if setting.unit else ""
    while True:
        text = input(f"  {setting.label}{unit}, {setting.range} [{current}]: ").strip()
        if not text:
            return current
        try:
            return setting.parse(text)
        except DeclarationError as error:
            print(f"  {error}")


def _confirm(question: str, *, default: bool) -> bool:
    while True:
        text = input(f"{question} {'[Y/n]' if default else '[y/N]'} ").strip().lower()
        if text in ("", "y", "yes", "n", "no"):
            return default if not text else text[0] == "y"


def print_settings(live: Mapping[str, LiveSettings]) -> None:
    """Print the current settings, with level, default and range."""
    from growth_verticals.bucket.settings import MAINTENANCE_TYPES

    rows: list[tuple[str, ...]] = []
    for maintenance_type in MAINTENANCE_TYPES:
        if maintenance_type.name not in live:
            continue
        settings = live[maintenance_type.name]
        status = "enabled" if settings.enabled else "disabled"
        rows.append((maintenance_type.cli_name, maintenance_type.level, "status", status, "enabled", ""))
        rows += [
            (
                "",
                "",
                f"{each.label}{f' ({each.unit})' if each.unit else ''}",
                str(settings.values[each.name]),
                str(each.default),
                each.range,
            )
            for each in maintenance_type.settings
        ]
    print_table(_HEADER, rows)
