"""Grants: who may do what with a table, a namespace or the whole table bucket, as statements of resource policies.

A grant becomes statements of the bucket's policy and, for a single table, of the table's own policy, which alone
takes a table's ARN (it ends in an id, not a name). Each statement of ours has a Sid made from the grant; statements
with any other Sid, or none, are somebody else's and are kept as they are.

Actions by level are those of the service authorization reference of Amazon S3 Tables, read with the table of REST
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
_OURS = re.compile(
    r"Gv(Reader|Loader|Maintainer)(Bucket|Namespace|Table)(Enter|List|Use|Never|NeverBucket)[0-9a-f]{16}"
)

_READ = ("GetTable", "GetTableMetadataLocation", "GetTableData")
_TABLE_ACTIONS: dict[Level, tuple[str, ...]] = {
    "reader": _READ,
    "loader": (*_READ, "PutTableData", "UpdateTableMetadataLocation"),
    "maintainer": (
        "GetTable",
        "GetTableMaintenanceConfiguration",
        "PutTableMaintenanceConfiguration",
        "GetTableMaintenanceJobStatus",
    ),
}
_BUCKET_MAINTENANCE = ("GetTableBucketMaintenanceConfiguration", "PutTableBucketMaintenanceConfiguration")
#: These know no namespace to compare, so that they can only be given for the whole bucket.
_ENTER = ("GetTableBucket", "ListNamespaces")
_LIST = ("GetNamespace", "ListTables")
_NEVER = (
    "DeleteTable",
    "RenameTable",
    "PutTablePolicy",
    "DeleteTablePolicy",
    "PutTableMaintenanceConfiguration",
)
_NEVER_IN_BUCKET = (
    "DeleteTableBucket",
    "DeleteNamespace",
    "PutTableBucketPolicy",
    "DeleteTableBucketPolicy",
    "PutTableBucketMaintenanceConfiguration",
)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`level` for `principal`, on a table (`namespace` and `table`), a namespace, or the whole bucket (neither).

    :param principal: `arn:aws:iam::<account>:role/<name>` or `arn:aws:iam::<account>:root`; `principal_of` makes it.

    Raises `DeclarationError` for anything that is none of these.
    """

    principal: str
    level: Level
    namespace: str | None = None
    table: str | None = None

    def __post_init__(self) -> None:
        if not _PRINCIPAL.fullmatch(self.principal):
            raise DeclarationError("this is no principal's ARN", expected="a role or an account")
        if self.level not in LEVELS:
            raise DeclarationError("there is no such level", expected=", ".join(LEVELS), found=repr(self.level)[:40])
        if self.table and not self.namespace:
            raise DeclarationError("a table is granted with its namespace", expected="namespace.table")
        for name in (self.namespace, self.table):
            if name is not None and not re.fullmatch(_NAME, name):
                raise DeclarationError("this is no name of a namespace or table", expected="a-z, 0-9 and underscores")

    @property
    def identifier(self) -> str | None:
        """`namespace.table` for a single table."""
        return f"{self.namespace}.{self.table}" if self.table else None

    def __str__(self) -> str:
        scope = self.identifier or (f"namespace {self.namespace}" if self.namespace else "the table bucket")
        return f"{self.level} of {scope} for {self.principal}"

    def sid(self, part: str) -> str:
        """Return the Sid of one of the grant's statements: the same on every run, another for every other grant."""
        scope = "Table" if self.table else "Namespace" if self.namespace else "Bucket"
        key = "\n".join((self.principal, self.level, self.namespace or "", self.table or ""))
        return f"Gv{self.level.title()}{scope}{part}{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def principal_of(account: Account, text: str) -> str:
    """Return the ARN of `text`: a role's ARN, `role/NAME` in the bucket's own account, or an account's 12 digits.

    Raises `DeclarationError` for all else, `*` and the ARNs of sessions and users among it.
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
            next_step="for a session (assumed-role), name its role; for a user or everyone, make a role",
        )
    return text


def bucket_statements(account: Account, grant: Grant) -> list[Statement]:
    """Return the grant's statements in the bucket's policy.

    A single table's grant has one too: an Iceberg client asks for the catalog's configuration (GetTableBucket) first.
    """
    arn = account.table_bucket_arn
    if grant.table:
        return [_statement(grant, "Enter", "Allow", _ENTER[:1], arn)]
    tables, whole = f"{arn}/table/*", grant.namespace is None
    enter = (*_ENTER, *_BUCKET_MAINTENANCE) if whole and grant.level == "maintainer" else _ENTER
    statements = [
        _statement(grant, "Enter", "Allow", enter, arn),
        _statement(grant, "List", "Allow", _LIST, arn),
        _statement(grant, "Use", "Allow", _TABLE_ACTIONS[grant.level], tables),
    ]
    if _never(grant):
        statements.append(_statement(grant, "Never", "Deny", _NEVER, tables))
    if _never(grant) and whole:
        statements.append(_statement(grant, "NeverBucket", "Deny", _NEVER_IN_BUCKET, arn))
    return statements


def table_statements(grant: Grant, table_arn: str) -> list[Statement]:
    """Return the grant's statements in the policy of its table. `table_arn` ends in the table's id."""
    if not grant.table:
        return []
    statements = [_statement(grant, "Use", "Allow", _TABLE_ACTIONS[grant.level], table_arn)]
    if _never(grant):
        statements.append(_statement(grant, "Never", "Deny", _NEVER, table_arn))
    return statements


def is_ours(statement: Statement) -> bool:
    """Tell whether a grant of this module made the statement."""
    return _OURS.fullmatch(statement.get("Sid") or "") is not None


def _never(grant: Grant) -> bool:
    """A loader is denied what no load needs; not so an account, where a Deny would hold for its administrators too."""
    return grant.level == "loader" and not grant.principal.endswith(":root")


def _statement(grant: Grant, part: str, effect: str, actions: Iterable[str], resource: str) -> Statement:
    statement: Statement = {
        "Sid": grant.sid(part),
        "Effect": effect,
        "Principal": {"AWS": grant.principal},
        "Action": [f"s3tables:{action}" for action in actions],
        "Resource": resource,
    }
    conditions: dict[str, dict[str, str]] = {}
    if effect == "Allow":
        conditions["Bool"] = {"aws:SecureTransport": "true"}
    if grant.namespace and not grant.table and part != "Enter":
        conditions["StringEquals"] = {"s3tables:namespace": grant.namespace}
    if grant.level == "reader" and not grant.table and part == "Use":
        # A rejects table holds whole records as they came, names and addresses among them.
        conditions["StringNotLike"] = {"s3tables:tableName": "*_rejects"}
    return statement | ({"Condition": conditions} if conditions else {})
