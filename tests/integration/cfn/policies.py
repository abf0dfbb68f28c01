"""IAM's decision for one request, by its user guide ("Policy evaluation logic"), for the operators in use.

A matching Deny decides first, then a matching Allow; otherwise the request is denied. Anything unsupported (another
operator, NotAction) raises an error instead of being ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Document = Mapping[str, Any]
Context = Mapping[str, str | tuple[str, ...]]
Decision = Literal["allowed", "denied", "not allowed"]

_SUPPORTED = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}


@dataclass(frozen=True, kw_only=True)
class Request:
    """:param principal: (`AWS` or `Service`, identity); needed for the policy of a resource, a key or a role."""

    action: str
    resource: str = "*"
    principal: tuple[str, str] | None = None
    context: Context = field(default_factory=dict)


def decide(documents: Iterable[Document], request: Request) -> Decision:
    """Return `denied` for an explicit Deny, `not allowed` when no statement allows the request."""
    effects = {
        statement["Effect"]
        for document in documents
        for statement in document["Statement"]
        if _matches(statement, request)
    }
    return "denied" if "Deny" in effects else "allowed" if "Allow" in effects else "not allowed"


def _matches(statement: Mapping[str, Any], request: Request) -> bool:
    assert statement.keys() <= _SUPPORTED, f"cannot evaluate {sorted(statement.keys() - _SUPPORTED)}"
    return (
        any(_like(action.lower(), request.action.lower()) for action in _list(statement["Action"]))
        and any(_like(resource, request.resource) for resource in _list(statement.get("Resource", "*")))
        and _is_principal(statement.get("Principal"), request.principal)
        and all(
            _condition_holds(operator, values, request.context.get(key))
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
    )


def _is_principal(stated: Any, caller: tuple[str, str] | None) -> bool:
    if stated is None or stated == "*":
        return True
    if caller is None:
        return False
    principal_type, identity = caller
    account = re.search(r"\d{12}", identity)
    # An account (its number or its root's ARN) means everyone in it whom its own IAM allows.
    names = {identity}
    if principal_type == "AWS" and account:
        names |= {account[0], f"arn:aws:iam::{account[0]}:root"}
    return not names.isdisjoint(_list(stated.get(principal_type, [])))


def _condition_holds(operator: str, expected: Any, actual: str | tuple[str, ...] | None) -> bool:
    quantifier, _, name = operator.rpartition(":")
    matches, negated = _OPERATORS[name]
    if quantifier == "ForAnyValue":
        return any(matches(str(value), one) for one in actual or () for value in _list(expected))
    assert not quantifier, f"cannot evaluate {operator}"
    assert not isinstance(actual, tuple), f"{operator} compares one value"
    if actual is None:
        return negated
    return any(matches(str(value), actual) for value in _list(expected)) is not negated


def _equal(expected: str, actual: str) -> bool:
    return expected == actual


def _like(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


#: Operator → (comparison, whether the operator negates it). A negated operator also holds when the key is missing.
_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "Bool": (_equal, False),
    "StringEquals": (_equal, False),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnLike": (_like, False),
}
