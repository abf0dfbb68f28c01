"""A declaration of `complete=` that could take a delivery too early, or that nobody can meet, is refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from growth_verticals.errors import DeclarationError
from growth_verticals.source import US_STATES, Each, Files, Inbox, Manifest, Marker, Parts, Quiet, Rule, Sftp

PARTS = "a_{period}_part{part}of{parts}.csv"
HOUR = timedelta(hours=1)


def declare(*rules: Rule, pattern: str = "a_{period}_*.csv", **arguments: Any) -> Sftp:
    return Sftp(conn_id="c", directory="/outgoing", pattern=pattern, complete=rules, **arguments)


@pytest.mark.parametrize(
    ("rules", "pattern"),
    [
        ((Marker("{period}.done"),), "*.csv"),
        ((Manifest("{period}.csv", columns={"name": "file", "rows": "n"}),), "*.csv"),
        ((Manifest("{period}.md5", sums="md5"),), "*.csv"),
        ((Files(8),), "*.csv"),
        ((Parts(),), PARTS),
        ((Parts(PARTS),), "a_*"),
        ((Parts(), Manifest("{period}.sha256", sums="sha256")), PARTS),
        ((Each(US_STATES),), "{value}{year}.csv"),
        ((Each(US_STATES, at_least=1), Quiet(HOUR)), "*_{value}.csv"),
        ((Each(US_STATES, required=("GA",)), Marker("{period}.done")), "{value}.csv"),
    ],
)
def test_valid_rules(rules: tuple[Rule, ...], pattern: str) -> None:
    assert declare(*rules, pattern=pattern).rules == rules


def test_one_rule_needs_no_tuple_and_none_is_the_default() -> None:
    files = Sftp(conn_id="c", directory="/", pattern="{period}", complete=Files(1))
    assert files.rules == (Files(1),)
    assert Sftp(conn_id="c", directory="/", pattern="{period}").rules == ()


@pytest.mark.parametrize(
    ("rules", "pattern", "message"),
    [
        ((Parts(),), "a_{period}_*.csv", r"must contain \{part\} exactly once"),
        ((Parts(),), "a_{part}of{parts}_{part}.csv", r"must contain \{part\} exactly once"),
        ((Parts("a_{part}.csv"),), "a_*", r"must contain \{parts\} exactly once"),
        ((Parts(),), "a_*{part}of{parts}.csv", "ambiguous"),
        ((Parts(),), "a_{part}{parts}.csv", "ambiguous"),
        ((Parts(),), "a_{part}of{parts}{release}", "ambiguous"),
        ((Each(("a",)),), "[{value}].csv", "ambiguous"),
        ((), PARTS, r"contains \{part\}, but no rule reads it"),
        ((Quiet(HOUR),), "{value}.csv", r"contains \{value\}, but no rule reads it"),
        ((Files(1), Files(2)), "*", "has a rule twice"),
        ((Each(("a", "b"), at_least=1),), "{value}", "another rule must say when it is complete"),
        ((Each(("a", "b"), required=("a",)), Files(1)), "{value}", "another rule must say when it is complete"),
        ((Marker("done"),), "a_{period}", "Marker of an earlier period would count for the next one"),
        ((Manifest("list.md5", sums="md5"),), "a_{period}", "Manifest of an earlier period would count"),
        ((Marker("{value}_{period}"),), "a", "the name of a Marker can contain period tokens only"),
        ((Marker("../{period}.done"),), "a", "files in one folder only"),
        ((Marker("{quater}.done"),), "a", "unknown token in braces"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(rules: tuple[Rule, ...], pattern: str, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        declare(*rules, pattern=pattern)


@pytest.mark.parametrize(
    ("rule", "arguments", "message"),
    [
        (Files, {"count": 0}, "1 to 10,000"),
        (Quiet, {"duration": timedelta(seconds=59)}, "1 minute to 7 days"),
        (Quiet, {"duration": timedelta(days=8)}, "1 minute to 7 days"),
        (Each, {"values": ()}, "a tuple of different texts"),
        (Each, {"values": "GA"}, "a tuple of different texts"),
        (Each, {"values": ("GA", "GA")}, "a tuple of different texts"),
        (Each, {"values": ("GA", "")}, "a tuple of different texts"),
        (Each, {"values": ("GA",), "required": ("NC",)}, "not one of the values; found NC"),
        (Each, {"values": ("GA",), "at_least": 2}, "at_least is out of range; expected 1 to 1"),
        (Manifest, {"pattern": "m"}, "either columns or sums"),
        (Manifest, {"pattern": "m", "columns": {"name": "n"}, "sums": "md5"}, "either columns or sums"),
        (Manifest, {"pattern": "m", "columns": {"size": "n"}}, "columns are not valid; expected name, and some of"),
        (Manifest, {"pattern": "m", "columns": {"name": "n", "crc": "c"}}, "columns are not valid"),
        (Manifest, {"pattern": "m", "columns": {"name": "n"}, "delimiter": ""}, "delimiter must be one character"),
        (Manifest, {"pattern": "m", "sums": "crc32"}, "sums are not valid; expected sha256 or md5"),
    ],
)
def test_a_rule_with_an_invalid_argument_is_refused(rule: Any, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        rule(**arguments)


def test_placeholders_are_not_allowed_elsewhere() -> None:
    with pytest.raises(DeclarationError, match="unknown token"):
        declare(Files(1), ignore=("{part}.csv",))
    with pytest.raises(DeclarationError, match="unknown token"):
        Sftp(conn_id="c", directory="/{value}", pattern="{value}", complete=Each(("GA",)))


def test_ignore_is_a_tuple() -> None:
    with pytest.raises(DeclarationError, match="ignore must be a tuple"):
        declare(Files(1), ignore="*.txt")


def test_an_inbox_is_not_waited_for_so_it_has_no_rules() -> None:
    with pytest.raises(DeclarationError, match="no effect on an inbox"):
        Inbox(complete=Files(1))


def test_a_placeholder_is_no_period_token() -> None:
    assert not declare(Parts(), pattern="a_{part}of{parts}").has_period_token
