"""How numbers, times and text from outside are shown."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from growth_verticals.web import render


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0, "0"), (9_999, "9,999"), (99_949, "99.9k"), (265_432_101, "265M"), (999_600, "1.0M"), (10**12, "1,000G")],
)
def test_a_count_fits_into_a_cell(value: int, shown: str) -> None:
    assert render.compact(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(None, "–"), (9.96, "10.0 s"), (59, "59 s"), (61, "1 min 1 s"), (7_320, "2 h 2 min"), (90_000, "1 d 1 h")],
)
def test_a_duration_has_one_or_two_units(seconds: float | None, shown: str) -> None:
    assert render.duration(seconds) == shown


@pytest.mark.parametrize(
    ("count", "shown"), [(None, "–"), (1_023, "1,023 B"), (1_536, "1.5 KiB"), (5 * 2**40, "5.0 TiB")]
)
def test_a_size_has_a_readable_unit(count: int | None, shown: str) -> None:
    assert render.size(count) == shown


def test_a_time_names_the_zone_in_summer_and_in_winter() -> None:
    winter, summer = datetime(2026, 11, 30, 17, tzinfo=UTC), datetime(2026, 7, 1, 16, tzinfo=UTC)
    assert render.when(winter) == '<time datetime="2026-11-30T17:00:00+00:00">Mon 2026-11-30 12:00 EST</time>'
    assert ">Wed 2026-07-01 12:00 EDT<" in render.when(summer.timestamp())


def test_text_from_outside_is_escaped_and_what_cannot_be_seen_is_a_code() -> None:
    assert render.visible("a<b>") == "<bdi>a&lt;b&gt;</bdi>"
    assert render.visible("<\n>") == '<bdi>&lt;<span class="code">\\n</span>&gt;</bdi>'
    assert render.visible("x\u202egpj\udc80") == (
        '<bdi>x<span class="code">\\u202e</span>gpj<span class="code">\\udc80</span></bdi>'
    )
    assert render.plain("x\u202egpj") == "x\\u202egpj"


def test_a_clause_becomes_a_sentence_but_names_keep_their_letters() -> None:
    assert render.sentence("nothing was loaded") == "Nothing was loaded."
    assert render.sentence("aiq_b2b: it failed.") == "aiq_b2b: it failed."
    assert render.sentence("") == "."


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `./gv drift x FILE`; then", "<bdi>run </bdi><code><bdi>./gv drift x FILE</bdi></code><bdi>; then</bdi>"),
        ("one ` alone <b>", "<bdi>one ` alone &lt;b&gt;</bdi>"),
        ("`<img src=x>`", "<bdi></bdi><code><bdi>&lt;img src=x&gt;</bdi></code><bdi></bdi>"),
    ],
)
def test_what_stands_in_backquotes_is_code(text: str, shown: str) -> None:
    assert render.prose(text) == shown
