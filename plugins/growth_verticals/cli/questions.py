"""What a person on a terminal is asked before a load is committed. Scripts answer with arguments instead."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from growth_verticals import steps
from growth_verticals.cli.output import operator
from growth_verticals.delivery import Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.delivery import StagedFile
    from growth_verticals.quality.report import CheckReport
    from growth_verticals.source import Source


def answer_to_restatement(
    account: Account, source: Source, period: Period, staged: Sequence[StagedFile], choice: str | None, why: str | None
) -> Answer | None:
    """Return what becomes of loaded files that come again with other content; None: what the source declares.

    Tells the person which files would leave. Without `--restated`, a person on a terminal is asked if the source asks.
    """
    if choice in ("add", "refuse"):
        return _answer(choice, why)
    whole_period = None if choice is None else choice == "replace_period"
    restatement = steps.find_restated(account, source, period, staged, is_whole=False, whole_period=whole_period)
    asks = choice is None and restatement is not None and restatement.asks
    if choice is None and not (asks and _is_terminal()):
        return None
    if restatement is not None:
        print(f"gv: {restatement.describe()}", file=sys.stderr)
    if restatement is not None and asks:
        choice = _prompt("Enter replace, add or refuse (press Enter to refuse): ")
        why = why or (_prompt("Enter the reason: ") if choice in ("replace", "add") else None)
        if choice not in ("replace", "add") or not why:
            return None  # the commit refuses, and says which ways there are
        choice = restatement.action if choice == "replace" else choice
    leaves = restatement.leaves if restatement is not None and choice != "add" else ()
    return _answer(choice, why, tuple(file.sha256 for file in leaves))


def approval_of_checks(report: CheckReport, approval: str | None) -> Answer | None:
    """Return the approval of a delivery for which a check asks; None if it does not ask, or nobody approves.

    Without `--approve`, a person on a terminal is asked for the reason.
    """
    questions = report.with_outcome("ask")
    if not questions or report.outcome == "refuse":
        return None
    if approval is None and _is_terminal():
        for finding in questions:
            print(f"?  {finding.sentence()}", file=sys.stderr)
        approval = _prompt("To load the delivery, enter the reason. To refuse it, press Enter: ")
    return _answer("load", approval) if approval else None


def _answer(action: Any, why: str | None, removes: Sequence[str] = ()) -> Answer:
    return Answer(action=action, by=operator(None).by, reason=why or "", removes=removes)


def _is_terminal() -> bool:
    return sys.stdin.isatty() and sys.stderr.isatty()


def _prompt(text: str) -> str | None:
    print(text, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() or None
