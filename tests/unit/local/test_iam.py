"""The policy evaluator decides as IAM's user guide says. The other tests rely on it."""

from __future__ import annotations

from typing import Any

import pytest

from local.gateway.iam import PolicyError, Request, decide

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::drop/*"}


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


@pytest.mark.parametrize(
    ("action", "resource", "decision"),
    [
        ("s3:GetObject", "arn:aws:s3:::drop/a/b.csv", "allowed"),
        ("S3:getobject", "arn:aws:s3:::drop/a", "allowed"),  # actions are case-insensitive
        ("s3:GetObject", "arn:aws:s3:::DROP/a", "not allowed"),  # resources are case-sensitive
        ("s3:GetObjectVersion", "arn:aws:s3:::drop/a", "not allowed"),
        ("s3:GetObject", "arn:aws:s3:::drop", "not allowed"),
        ("s3:GetObject", "*", "not allowed"),
    ],
)
def test_action_and_resource_must_both_match(action: str, resource: str, decision: str) -> None:
    assert decide([policy(READ)], Request(action=action, resource=resource)) == decision


def test_an_explicit_deny_overrides_any_allow() -> None:
    deny = {"Effect": "Deny", "Action": ["s3:Get*"], "Resource": "*"}
    request = Request(action="s3:GetObject", resource="arn:aws:s3:::drop/a")
    assert decide([policy(READ), policy(deny)], request) == "denied"
    assert decide([policy(deny, READ)], request) == "denied"


def test_without_a_statement_nothing_is_allowed() -> None:
    assert decide([], Request(action="s3:GetObject")) == "not allowed"


@pytest.mark.parametrize(
    ("condition", "context", "decision"),
    [
        ({"StringEquals": {"s3tables:namespace": ["aiq", "cml"]}}, {"s3tables:namespace": "cml"}, "allowed"),
        ({"StringEquals": {"s3tables:namespace": ["aiq", "cml"]}}, {"s3tables:namespace": "cm"}, "not allowed"),
        ({"StringEquals": {"s3tables:namespace": "a*"}}, {"s3tables:namespace": "aiq"}, "not allowed"),
        ({"StringEquals": {"s3tables:namespace": "aiq"}}, {}, "not allowed"),
        ({"StringLike": {"s3tables:tableName": "*_rejects"}}, {"s3tables:tableName": "b2b_rejects"}, "allowed"),
        ({"StringNotLike": {"s3tables:tableName": "*_rejects"}}, {"s3tables:tableName": "b2b_rejects"}, "not allowed"),
        ({"StringNotLike": {"s3tables:tableName": "*_rejects"}}, {"s3tables:tableName": "b2b"}, "allowed"),
        ({"StringNotLike": {"s3tables:tableName": "*_rejects"}}, {}, "allowed"),  # negated: holds without the key
        ({"Bool": {"aws:SecureTransport": "true"}}, {"aws:SecureTransport": "false"}, "not allowed"),
        ({"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/gv-*"}}, {}, "not allowed"),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/b"}}, {"kms:ResourceAliases": ("a", "alias/b")},
         "allowed"),
        ({"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/b"}}, {}, "not allowed"),
        ({"ForAnyValue:StringLike": {"kms:ResourceAliases": "alias/*"}}, {"kms:ResourceAliases": ("a", "alias/b")},
         "allowed"),
        ({"StringNotEquals": {"s3tables:namespace": ["aiq", "cml"]}}, {"s3tables:namespace": "cml"}, "not allowed"),
        ({"StringNotEquals": {"s3tables:namespace": ["aiq", "cml"]}}, {"s3tables:namespace": "popsycle"}, "allowed"),
        ({"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/gv-*"}}, {"AWS:principalarn": "arn:aws:iam::1:root"},
         "allowed"),  # names of keys are case-insensitive
        ({"Null": {"s3tables:KMSKeyArn": "true"}}, {}, "allowed"),
        ({"Null": {"s3tables:KMSKeyArn": "true"}}, {"s3tables:KMSKeyArn": "arn:aws:kms:::key/1"}, "not allowed"),
        (
            {"StringEquals": {"s3tables:namespace": "aiq"}, "Bool": {"aws:SecureTransport": "true"}},
            {"s3tables:namespace": "aiq"},
            "not allowed",
        ),
    ],
)  # fmt: skip
def test_every_condition_must_hold(condition: dict[str, Any], context: dict[str, Any], decision: str) -> None:
    statement = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}
    assert decide([policy(statement)], Request(action="s3tables:GetTable", context=context)) == decision


@pytest.mark.parametrize(
    ("principal", "caller", "decision"),
    [
        ("*", ("AWS", "arn:aws:iam::111122223333:user/ada"), "allowed"),
        ({"AWS": "111122223333"}, ("AWS", "arn:aws:iam::111122223333:role/worker"), "allowed"),
        ({"AWS": "arn:aws:iam::111122223333:root"}, ("AWS", "arn:aws:iam::111122223333:role/worker"), "allowed"),
        ({"AWS": "arn:aws:iam::111122223333:role/other"}, ("AWS", "arn:aws:iam::111122223333:role/worker"),
         "not allowed"),
        ({"AWS": "111122223333"}, ("AWS", "arn:aws:iam::444455556666:role/worker"), "not allowed"),
        ({"AWS": "111122223333"}, ("Service", "maintenance.s3tables.amazonaws.com"), "not allowed"),
        ({"Service": "ec2.amazonaws.com"}, ("Service", "ec2.amazonaws.com"), "allowed"),
        ({"AWS": "111122223333"}, None, "not allowed"),
    ],
)  # fmt: skip
def test_the_principal_must_match_if_one_is_stated(
    principal: Any, caller: tuple[str, str] | None, decision: str
) -> None:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    assert decide([policy(statement)], Request(action="sts:AssumeRole", principal=caller)) == decision


@pytest.mark.parametrize(
    "unsupported",
    [
        {"NotAction": "s3:GetObject"},
        {"NotResource": "arn:aws:s3:::drop/*"},
        {"Effect": "Maybe"},
        {"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}},
        {"Condition": {"StringEquals": {"aws:SourceIp": "10.0.0.1"}}},
        {"Condition": {"ForAllValues:StringEquals": {"kms:ResourceAliases": "alias/b"}}},
    ],
)
def test_what_is_not_supported_is_never_ignored(unsupported: dict[str, Any]) -> None:
    """Not even in a statement whose action does not match: it might in the next request."""
    with pytest.raises(PolicyError):
        decide([policy(READ | unsupported)], Request(action="s3:PutObject", resource="arn:aws:s3:::drop/a"))


def test_one_value_is_not_compared_with_several() -> None:
    statement = READ | {"Condition": {"StringEquals": {"kms:ResourceAliases": "alias/b"}}}
    request = Request(
        action="s3:GetObject", resource="arn:aws:s3:::drop/a", context={"kms:ResourceAliases": ("alias/a", "alias/b")}
    )
    with pytest.raises(PolicyError):
        decide([policy(statement)], request)
