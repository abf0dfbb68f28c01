"""IAM's decision for one request, as its user guide gives it ("Policy evaluation logic"), for the operators in use.

A Deny that matches decides, else an Allow that matches, else the request is denied. What this does not know (another
operator, NotAction) raises rather than being passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Document = Mapping[str, Any]
Context = Mapping[str, str | tuple[str, ...]]
Decision = Literal["allowed", "denied", "not allowed"]

_KNOWN = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """:param principal: `AWS` or `Service`, and who; for the policy of a resource, a key or a role."""

    action: str
    resource: str = "*"
    principal: tuple[str, str] | None = None
    context: Context = field(default_factory=dict)


def decide(documents: Iterable[Document], request: Request) -> Decision:
    """Return `denied` for an explicit Deny, `not allowed` when nothing allows the request."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _matches(statement, request)
    }
    return "denied" if "Deny" in effects else "allowed" if "Allow" in effects else "not allowed"


def _matches(statement: Mapping[str, Any], request: Request) -> bool:
    assert statement.keys() <= _KNOWN, f"cannot evaluate {sorted(statement.keys() - _KNOWN)}"
    return (
        any(_like(action.lower(), request.action.lower()) for action in _list(statement["Action"]))
        and any(_like(resource, request.resource) for resource in _list(statement.get("Resource", "*")))
        and _is_principal(statement.get("Principal"), request.principal)
        and all(
            _holds(operator, values, request.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _is_principal(stated: Any, asking: tuple[str, str] | None) -> bool:
    if stated is None or stated == "*":
        return True
    if asking is None:
        return False
    kind, who = asking
    account = re.search(r"\d{12}", who)
    # An account, as its number or as its root's ARN, stands for everyone in it whom its own IAM allows.
    names = {who} | ({account[0], f"arn:aws:iam::{account[0]}:root"} if kind == "AWS" and account else set())
    return not names.isdisjoint(_list(stated.get(kind, [])))


def _holds(operator: str, wanted: Any, found: str | tuple[str, ...] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    matches, negated = _OPERATORS[name]
    if quantifier == "ForAnyValue":
        return any(matches(str(value), one) for one in found or () for value in _list(wanted))
    assert not quantifier, f"cannot evaluate {operator}"
    assert not isinstance(found, tuple), f"{operator} compares one value"
    if found is None:
        return negated
    return any(matches(str(value), found) for value in _list(wanted)) is not negated


def _equal(wanted: str, found: str) -> bool:
    return wanted == found


def _like(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


#: How a value compares, and whether the operator is the negation of that (and then holds where the key is missing).
_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "Bool": (_equal, False),
    "StringEquals": (_equal, False),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnLike": (_like, False),
}
