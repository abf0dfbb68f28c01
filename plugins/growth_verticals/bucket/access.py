"""Grants: access to a table, a namespace or the whole table bucket, as statements of resource policies.

A grant becomes statements of the bucket's policy. A grant on a single table also becomes statements of the table's own
policy: only that policy takes a table's ARN, which ends in an id, not a name. Each statement that gv manages has a Sid
derived from its grant. Statements with another Sid, or without one, belong to someone else and stay unchanged.

The actions of each level come from the service authorization reference of Amazon S3 Tables and the table of REST
calls in the S3 user guide ("Accessing tables using the Amazon S3 Tables Iceberg REST endpoint").
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

from growth_verticals.errors import DeclarationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from growth_verticals.account import Account

Level = Literal["reader", "loader", "maintainer"]
LEVELS: tuple[Level, ...] = get_args(Level)
Statement = dict[str, Any]

_NAME = r"[a-z0-9][a-z0-9_]*"
_PRINCIPAL = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:(role/[\w+=,.@/-]+|root)", re.ASCII)
_MANAGED_SID = re.compile(
    r"Gv(Reader|Loader|Maintainer)(Bucket|Namespace|Table)(Enter|List|Use|Never|NeverBucket)[0-9a-f]{16}"
)

_READ_ACTIONS = ("GetTable", "GetTableMetadataLocation", "GetTableData")
_TABLE_ACTIONS: dict[Level, tuple[str, ...]] = {
    "reader": _READ_ACTIONS,
    "loader": (*_READ_ACTIONS, "PutTableData", "UpdateTableMetadataLocation"),
    "maintainer": (
        "GetTable",
        "GetTableMaintenanceConfiguration",
        "PutTableMaintenanceConfiguration",
        "GetTableMaintenanceJobStatus",
    ),
}
_BUCKET_MAINTENANCE_ACTIONS = ("GetTableBucketMaintenanceConfiguration", "PutTableBucketMaintenanceConfiguration")
#: The condition key s3tables:namespace does not apply to these, so they can only be granted for the whole bucket.
_BUCKET_ACTIONS = ("GetTableBucket", "ListNamespaces")
_NAMESPACE_ACTIONS = ("GetNamespace", "ListTables")
_DENIED_TABLE_ACTIONS = (
    "DeleteTable",
    "RenameTable",
    "PutTablePolicy",
    "DeleteTablePolicy",
    "PutTableMaintenanceConfiguration",
)
_DENIED_BUCKET_ACTIONS = (
    "DeleteTableBucket",
    "DeleteNamespace",
    "PutTableBucketPolicy",
    "DeleteTableBucketPolicy",
    "PutTableBucketMaintenanceConfiguration",
)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`level` access for `principal` to a table (`namespace` and `table`), a namespace, or the whole bucket (neither).

    :param principal: `arn:aws:iam::<account>:role/<name>` or `arn:aws:iam::<account>:root`; see `principal_of`.

    Raises `DeclarationError` for any other value.
    """

    principal: str
    level: Level
    namespace: str | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        if not _PRINCIPAL.fullmatch(self.principal):
            raise DeclarationError("invalid ARN of a principal", expected="a role or an account")
        if self.level not in LEVELS:
            raise DeclarationError("unknown access level", expected=", ".join(LEVELS), found=repr(self.level)[:40])
        if self.table and not self.namespace:
            raise DeclarationError("a grant on a table needs its namespace", expected="namespace.table")
        for name in (self.namespace, self.table):
            if name is not None and not re.fullmatch(_NAME, name):
                raise DeclarationError("invalid name of a namespace or table", expected="a-z, 0-9 and underscores")

    @property
    def identifier(self) -> str | None:
        """`namespace.table` for a single table."""
        return f"{self.namespace}.{self.table}" if self.table else None

    def __str__(self) -> str:
        scope = self.identifier or (f"namespace {self.namespace}" if self.namespace else "the table bucket")
        return f"{self.level} of {scope} for {self.principal}"

    def sid(self, purpose: str) -> str:
        """Return the Sid of the grant's statement for `purpose`: the same on every run, different for every grant.

        Live policies contain these Sids: statements with a Sid of another form would not be found again.
        """
        scope = "Table" if self.table else "Namespace" if self.namespace else "Bucket"
        key = "\n".join((self.principal, self.level, self.namespace or "", self.table or ""))
        return f"Gv{self.level.title()}{scope}{purpose}{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def principal_of(account: Account, text: str) -> str:
    """Return the ARN for `text`: a role's ARN, `role/NAME` in the bucket's own account, or an account's 12 digits.

    Raises `DeclarationError` for anything else, including `*` and the ARNs of sessions and users.
    """
    partition, number = account.table_bucket_arn.split(":")[1], account.table_bucket_arn.split(":")[4]
    if re.fullmatch(r"\d{12}", text, re.ASCII):
        text = f"arn:{partition}:iam::{text}:root"
    elif text.startswith("role/"):
        text = f"arn:{partition}:iam::{number}:{text}"
    if not _PRINCIPAL.fullmatch(text):
        raise DeclarationError(
            "access is granted to a role or an account",
            expected="arn:aws:iam::<account>:role/<name>, role/<name> in the bucket's own account, or 12 digits",
            found=repr(text[:120]),
            next_step="for a session (assumed-role), name its role; for a user or for everyone, create a role",
        )
    return text


def bucket_statements(account: Account, grant: Grant) -> list[Statement]:
    """Return the grant's statements in the bucket's policy.

    A grant on a single table has one too: an Iceberg client first gets the catalog's configuration (GetTableBucket).
    """
    arn = account.table_bucket_arn
    if grant.table:
        return [_statement(grant, "Enter", "Allow", _BUCKET_ACTIONS[:1], arn)]
    tables, whole_bucket = f"{arn}/table/*", grant.namespace is None
    bucket_actions: tuple[str, ...] = _BUCKET_ACTIONS
    if whole_bucket and grant.level == "maintainer":
        bucket_actions = (*_BUCKET_ACTIONS, *_BUCKET_MAINTENANCE_ACTIONS)
    statements = [
        _statement(grant, "Enter", "Allow", bucket_actions, arn),
        _statement(grant, "List", "Allow", _NAMESPACE_ACTIONS, arn),
        _statement(grant, "Use", "Allow", _TABLE_ACTIONS[grant.level], tables),
    ]
    if _has_denials(grant):
        statements.append(_statement(grant, "Never", "Deny", _DENIED_TABLE_ACTIONS, tables))
    if _has_denials(grant) and whole_bucket:
        statements.append(_statement(grant, "NeverBucket", "Deny", _DENIED_BUCKET_ACTIONS, arn))
    return statements


def table_statements(grant: Grant, table_arn: str) -> list[Statement]:
    """Return the grant's statements in the policy of its table. `table_arn` ends in the table's id."""
    if not grant.table:
        return []
    statements = [_statement(grant, "Use", "Allow", _TABLE_ACTIONS[grant.level], table_arn)]
    if _has_denials(grant):
        statements.append(_statement(grant, "Never", "Deny", _DENIED_TABLE_ACTIONS, table_arn))
    return statements


def granted_actions(level: Level) -> set[str]:
    """Return the actions that a grant on the whole table bucket allows."""
    actions = {*_BUCKET_ACTIONS, *_NAMESPACE_ACTIONS, *_TABLE_ACTIONS[level]}
    if level == "maintainer":
        actions.update(_BUCKET_MAINTENANCE_ACTIONS)
    return {f"s3tables:{action}" for action in actions}


def is_managed(statement: Statement) -> bool:
    """Return whether gv wrote the statement, judged by its Sid."""
    return _MANAGED_SID.fullmatch(statement.get("Sid") or "") is not None


def _has_denials(grant: Grant) -> bool:
    """A loader's role is denied what no load needs. An account is not: a Deny would bind its administrators too."""
    return grant.level == "loader" and not grant.principal.endswith(":root")


def _statement(grant: Grant, purpose: str, effect: str, actions: Iterable[str], resource: str) -> Statement:
    statement: Statement = {
        "Sid": grant.sid(purpose),
        "Effect": effect,
        "Principal": {"AWS": grant.principal},
        "Action": [f"s3tables:{action}" for action in actions],
        "Resource": resource,
    }
    conditions: dict[str, dict[str, str]] = {}
    if effect == "Allow":
        conditions["Bool"] = {"aws:SecureTransport": "true"}
    if grant.namespace and not grant.table and purpose != "Enter":
        conditions["StringEquals"] = {"s3tables:namespace": grant.namespace}
    if grant.level == "reader" and not grant.table and purpose == "Use":
        # A rejects table contains whole records as delivered, including names and addresses.
        conditions["StringNotLike"] = {"s3tables:tableName": "*_rejects"}
    return statement | ({"Condition": conditions} if conditions else {})
