"""IAM's decision for one request within an account, by its user guide ("Policy evaluation logic").

A matching Deny decides first, then a matching Allow of any policy, of the caller or of the resource; otherwise the
request is denied. What is not supported (another element, operator or condition key) raises `PolicyError` instead of
being ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Document = Mapping[str, Any]
Context = Mapping[str, str | tuple[str, ...]]
Decision = Literal["allowed", "denied", "not allowed"]

_ELEMENTS = {"Sid", "Effect", "Principal", "Action", "Resource", "Condition"}
#: Condition keys that a request's context can have. IAM ignores their case.
_KEYS = {
    key.lower()
    for key in (
        *("aws:SecureTransport", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:SourceArn", "aws:SourceAccount"),
        *("s3tables:namespace", "s3tables:tableName", "s3tables:KMSKeyArn", "s3tables:SSEAlgorithm"),
        *("kms:ResourceAliases", "kms:ViaService", "kms:EncryptionContext:aws:s3:arn", "sts:ExternalId", "s3:prefix"),
    )
}


class PolicyError(Exception):
    """A policy or request that this module cannot evaluate."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request that a policy allows or denies.

    :param principal: (`AWS` or `Service`, identity); needed for the policy of a resource, a key or a role.
    :param context: values by condition key. A tuple for a key that has several, such as kms:ResourceAliases.
    """

    action: str
    resource: str = "*"
    principal: tuple[str, str] | None = None
    context: Context = field(default_factory=dict)


def decide(documents: Iterable[Document], request: Request) -> Decision:
    """Return `denied` for an explicit Deny, `not allowed` when no statement allows the request.

    :param documents: all policies that apply: those of the caller's role and those of the resource.
    """
    effects = {
        statement["Effect"]
        for document in documents
        for statement in listed(document["Statement"])
        if _matches(statement, request)
    }
    return "denied" if "Deny" in effects else "allowed" if "Allow" in effects else "not allowed"


def listed(value: Any) -> list[Any]:
    """Return the value of an element of a policy, which can be one value or a list, as a list."""
    return list(value) if isinstance(value, list | tuple) else [value]


def _matches(statement: Mapping[str, Any], request: Request) -> bool:
    unknown = statement.keys() - _ELEMENTS
    if unknown or statement["Effect"] not in ("Allow", "Deny"):
        raise PolicyError(f"cannot evaluate a statement with {', '.join(sorted(unknown)) or 'this Effect'}")
    conditions = [
        (*_operator(operator), values, _value_of(key, request.context))
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    ]
    return (
        any(_like(action.lower(), request.action.lower()) for action in listed(statement["Action"]))
        and any(_like(resource, request.resource) for resource in listed(statement.get("Resource", "*")))
        and _is_principal(statement.get("Principal"), request.principal)
        and all(_holds(*condition) for condition in conditions)
    )


def _is_principal(stated: Any, caller: tuple[str, str] | None) -> bool:
    if stated is None or stated == "*":
        return True
    if caller is None:
        return False
    principal_type, identity = caller
    account = re.search(r"\d{12}", identity)
    # An account (its number or its root's ARN) means everyone in it whom its own IAM allows.
    names = {identity, "*"}
    if principal_type == "AWS" and account:
        names |= {account[0], f"arn:aws:iam::{account[0]}:root"}
    return not names.isdisjoint(listed(stated.get(principal_type, [])))


def _operator(name: str) -> tuple[str, str]:
    quantifier, _, operator = name.rpartition(":")
    if quantifier not in ("", "ForAnyValue") or (operator not in _OPERATORS and operator != "Null"):
        raise PolicyError(f"cannot evaluate the operator {name}")
    return quantifier, operator


def _value_of(key: str, context: Context) -> str | tuple[str, ...] | None:
    if key.lower() not in _KEYS:
        raise PolicyError(f"cannot evaluate the condition key {key}")
    return next((value for name, value in context.items() if name.lower() == key.lower()), None)


def _holds(quantifier: str, operator: str, expected: Any, actual: str | tuple[str, ...] | None) -> bool:
    if operator == "Null":
        return (actual is None) == (str(expected).lower() == "true")
    matches, is_negated = _OPERATORS[operator]
    if quantifier:
        return any(matches(str(value), one) is not is_negated for one in actual or () for value in listed(expected))
    if isinstance(actual, tuple):
        raise PolicyError(f"{operator} compares one value, and the key has several")
    if actual is None:
        return is_negated
    return any(matches(str(value), actual) for value in listed(expected)) is not is_negated


def _equal(expected: str, actual: str) -> bool:
    return expected == actual


def _like(pattern: str, text: str) -> bool:
    regex = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(regex, text, re.DOTALL) is not None


#: Operator → (comparison, whether the operator negates it). A negated operator also holds when the key is missing.
_OPERATORS: Mapping[str, tuple[Callable[[str, str], bool], bool]] = {
    "Bool": (_equal, False),
    "StringEquals": (_equal, False),
    "StringNotEquals": (_equal, True),
    "StringLike": (_like, False),
    "StringNotLike": (_like, True),
    "ArnLike": (_like, False),
    "ArnNotLike": (_like, True),
}
