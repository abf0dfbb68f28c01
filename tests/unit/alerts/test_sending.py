"""One message when a cause is new, and one when it is gone; each at least once, and without a failure exactly once."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.alerting import AlertRules, Alerts, Channel, Email, Kind, Slack, Sns, for_source
from growth_verticals.alerts.messages import Links, Message
from growth_verticals.alerts.open_alerts import OpenAlert
from growth_verticals.alerts.routes import LOG, Routes
from growth_verticals.alerts.sending import Sent, send_alerts
from growth_verticals.status.causes import Cause

EMAIL, SLACK = Email(to=("data@example.com",)), Slack()
TOPIC = Sns(topic_arn="arn:aws:sns:us-east-1:123456789012:data")


def cause(kind: Kind = "late_vendor", source: str = "feed", period: str = "2026Q3") -> Cause:
    key = f"{kind} {source} {period}"
    return Cause(kind=kind, source=source, period=period, text="nothing has arrived", key=key)


class Crash(BaseException):
    """The process ends."""


@dataclass
class Team:
    """The people, what they got, and the object in the landing zone."""

    kept: dict[str, OpenAlert] = field(default_factory=dict)
    got: list[tuple[str, str]] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    routes: Routes = field(
        default_factory=lambda: Routes(
            for_all=AlertRules(send=(EMAIL, SLACK)), by_source={}, is_connected=lambda _: True
        )
    )
    writes: int = 0
    crash_at_write: int | None = None

    def read(self) -> dict[str, OpenAlert]:
        return dict(self.kept)

    def write(self, alerts: Mapping[str, OpenAlert]) -> None:
        self.writes += 1
        if self.writes == self.crash_at_write:
            raise Crash
        self.kept = {key: OpenAlert.from_json(alert.to_json()) for key, alert in alerts.items()}

    def send(self, channel: str, message: Message) -> None:
        if channel in self.down:
            raise ConnectionError("no answer")
        self.got.append((channel, message.subject.removeprefix("[Growth Verticals] ")))

    def run(self, *causes: Cause, complete: bool = True) -> Sent:
        self.got.clear()
        return send_alerts(self, causes, self.routes, Links(), self.send, complete=complete)


@pytest.fixture
def team() -> Team:
    return Team()


def routed(rules: Alerts, *connected: Channel, **by_source: Alerts) -> Routes:
    own = {name: for_source(rules, alerts) for name, alerts in by_source.items()}
    return Routes(for_all=for_source(rules), by_source=own, is_connected=connected.__contains__)


# --- opening and closing ------------------------------------------------------------------------------------------


def test_a_new_cause_is_told_once_over_each_channel_however_often_it_is_polled(team: Team) -> None:
    assert (team.run(cause()).opened, team.got) == (
        2,
        [(EMAIL.id, "feed 2026Q3: late: vendor"), (SLACK.id, "feed 2026Q3: late: vendor")],
    )
    writes = team.writes
    for _ in range(3):
        team.run(cause())
        assert team.got == []
    assert team.writes == writes


def test_the_end_of_a_cause_is_told_once_and_then_it_can_come_again(team: Team) -> None:
    team.run(cause())
    assert (team.run().closed, team.got) == (
        2,
        [(EMAIL.id, "feed 2026Q3: closed: late: vendor"), (SLACK.id, "feed 2026Q3: closed: late: vendor")],
    )
    assert team.kept == {}
    team.run()
    assert team.got == []
    assert team.run(cause()).opened == 2


def test_a_closing_says_what_is_not_over_for_the_same_delivery(team: Team) -> None:
    messages: list[Message] = []
    team.run(cause("due_soon"), cause("refused", period="2026Q2"))
    remaining = [cause("late_vendor"), cause("refused", period="2026Q2")]
    send_alerts(team, remaining, team.routes, Links(), lambda _, message: messages.append(message))
    closed = [message for message in messages if "closed" in message.subject]
    assert {message.lines for message in closed} == {("This is over: nothing has arrived.", "Not over: late: vendor.")}


@pytest.mark.parametrize("kind", ["restated", "rejects_over"])
def test_what_has_happened_is_an_event_and_closes_silently(team: Team, kind: Kind) -> None:
    assert team.run(cause(kind)).opened == 2
    assert (team.run(), team.got, team.kept) == (Sent(opened=0, closed=0, failed={}), [], {})


def test_if_not_all_causes_could_be_read_new_ones_are_told_and_nothing_is_closed(team: Team) -> None:
    team.run(cause())
    team.run(cause("refused", period="2026Q2"), complete=False)
    assert [subject for _, subject in team.got] == ["feed 2026Q2: refused"] * 2
    assert team.run(cause("refused", period="2026Q2")).closed == 2


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_channel_that_fails_does_not_stop_the_others_and_gets_what_it_missed(team: Team) -> None:
    team.down = {EMAIL.id}
    sent = team.run(cause())
    assert (team.got, sent.failed) == (
        [(SLACK.id, "feed 2026Q3: late: vendor")], {EMAIL.id: "ConnectionError: no answer"},
    )  # fmt: skip
    team.down = set()
    assert (team.run(cause()).failed, team.got) == ({}, [(EMAIL.id, "feed 2026Q3: late: vendor")])


def test_an_opening_that_could_not_be_sent_is_sent_before_its_closing(team: Team) -> None:
    team.down = {EMAIL.id}
    team.run(cause())
    team.run()
    assert team.got == [(SLACK.id, "feed 2026Q3: closed: late: vendor")]
    team.down = set()
    team.run()
    assert team.got == [(EMAIL.id, "feed 2026Q3: late: vendor"), (EMAIL.id, "feed 2026Q3: closed: late: vendor")]
    assert team.kept == {}


def test_a_channel_that_is_down_is_not_tried_for_every_message(team: Team) -> None:
    tried: Counter[str] = Counter()

    def send(channel: str, message: Message) -> None:
        tried[channel] += 1
        team.send(channel, message)

    team.down = {EMAIL.id}
    causes = [cause(period=f"2026-11-{day}") for day in range(10, 30)]
    assert send_alerts(team, causes, team.routes, Links(), send).opened == 20
    assert tried == {EMAIL.id: 3, SLACK.id: 20}


def test_a_crash_after_a_message_was_sent_repeats_that_message_and_loses_none(team: Team) -> None:
    team.crash_at_write = 2  # the first write is before the first message
    with pytest.raises(Crash):
        team.run(cause())
    assert [channel for channel, _ in team.got] == [EMAIL.id]
    team.run(cause())
    assert [channel for channel, _ in team.got] == [EMAIL.id, SLACK.id]
    team.run(cause())
    assert team.got == []


def test_a_cause_that_comes_back_after_a_crash_in_its_closing_is_told_again(team: Team) -> None:
    team.run(cause())
    team.writes, team.crash_at_write = 0, 2
    with pytest.raises(Crash):
        team.run()
    assert team.got == [(EMAIL.id, "feed 2026Q3: closed: late: vendor")]
    team.run(cause())
    assert (EMAIL.id, "feed 2026Q3: late: vendor") in team.got


def test_no_closing_is_sent_where_its_opening_is_not_accepted(team: Team) -> None:
    def send(channel: str, message: Message) -> None:
        if "closed" not in message.subject:
            raise ValueError("too long")
        team.send(channel, message)

    send_alerts(team, [cause()], team.routes, Links(), send)
    assert send_alerts(team, [], team.routes, Links(), send).failed.keys() == {EMAIL.id, SLACK.id}
    assert team.got == []


# --- where messages go --------------------------------------------------------------------------------------------


def test_a_source_can_send_elsewhere_and_about_other_kinds(team: Team) -> None:
    own = Alerts(send=(TOPIC,), about=("refused",))
    team.routes = routed(Alerts(send=(SLACK,)), SLACK, TOPIC, own=own)
    team.run(cause("refused", "own"), cause("late_vendor", "own"), cause("late_vendor", "other"))
    assert team.got == [(TOPIC.id, "own 2026Q3: refused"), (SLACK.id, "other 2026Q3: late: vendor")]


@pytest.mark.parametrize("declared", [Alerts(), Alerts(send=(EMAIL, SLACK))])
def test_without_a_connection_each_message_is_one_line_in_the_log(team: Team, declared: Alerts) -> None:
    team.routes = routed(declared)
    team.run(cause())
    assert team.got == [(LOG, "feed 2026Q3: late: vendor")]
    team.run()
    assert team.got == [(LOG, "feed 2026Q3: closed: late: vendor")]


def test_a_connection_that_is_added_gets_the_open_alerts(team: Team) -> None:
    team.routes = routed(Alerts(send=(EMAIL, SLACK)), SLACK)
    team.run(cause())
    assert [channel for channel, _ in team.got] == [LOG, SLACK.id]
    team.routes = routed(Alerts(send=(EMAIL, SLACK)), EMAIL, SLACK)
    team.run(cause())
    assert [channel for channel, _ in team.got] == [EMAIL.id]


def test_a_channel_that_is_no_longer_declared_is_forgotten(team: Team) -> None:
    team.down = {EMAIL.id}
    team.run(cause())
    team.down, team.routes = set(), routed(Alerts(send=(TOPIC,)), TOPIC)
    team.run()
    assert (team.got, team.kept) == ([], {})


def test_a_kind_that_nobody_wants_any_more_stays_open_until_its_cause_is_gone(team: Team) -> None:
    team.run(cause())
    team.routes = routed(Alerts(send=(EMAIL, SLACK), about=("refused",)), EMAIL, SLACK)
    team.run(cause())
    assert team.got == []
    assert team.run().closed == 2


# --- any sequence -------------------------------------------------------------------------------------------------

CAUSES = {
    each.key: each
    for each in (cause("late_vendor"), cause("refused", period="2026Q2"), cause("restated", period="2026Q1"))
}
CHANNELS = (EMAIL.id, SLACK.id)
some_causes = st.frozensets(st.sampled_from(sorted(CAUSES)))


def subjects(key: str) -> tuple[str, str]:
    """Return the subjects of the opening and of the closing."""
    each = CAUSES[key]
    about, label = f"{each.source} {each.period}: ", each.kind.replace("_", ": ")
    return f"{about}{label}", f"{about}closed: {label}"


@given(st.lists(some_causes, max_size=8))
def test_without_a_failure_each_appearance_and_each_end_is_told_exactly_once(history: Sequence[Set[str]]) -> None:
    team, told = Team(), Counter[tuple[str, str]]()
    for keys in history:
        team.run(*(CAUSES[key] for key in keys))
        told.update(team.got)
    for key, each in CAUSES.items():
        steps = list(itertools.pairwise([False, *(key in keys for keys in history)]))
        appeared, ended = steps.count((False, True)), steps.count((True, False))
        for channel in CHANNELS:
            opening, closing = subjects(key)
            assert told[channel, opening] == appeared
            assert told[channel, closing] == (0 if each.kind == "restated" else ended)


@given(st.lists(st.tuples(some_causes, st.frozensets(st.sampled_from(CHANNELS)), st.none() | st.integers(1, 8))))
def test_whatever_fails_every_channel_is_told_of_every_cause_and_at_last_how_it_is_now(
    history: Sequence[tuple[Set[str], Set[str], int | None]],
) -> None:
    """Channels are down, and processes end after a message was sent and before it is recorded. The last run is fine."""
    team, seen = Team(), set[str]()
    told: list[tuple[str, str]] = []
    keys: Set[str] = frozenset()
    for now, down, crash in [*history, (None, frozenset(), None)]:
        keys = keys if now is None else now
        team.down, team.writes, team.crash_at_write = set(down), 0, crash
        with suppress(Crash):
            team.run(*(CAUSES[key] for key in keys))
        told += team.got
        seen |= keys & team.kept.keys()
    for key, channel in itertools.product(seen, CHANNELS):
        opening, closing = subjects(key)
        mine = [text for to, text in told if to == channel and text in (opening, closing)]
        assert opening in mine
        if CAUSES[key].kind != "restated":
            assert mine[-1] == (opening if key in keys else closing)
    assert team.kept.keys() == keys
