"""The stand-in's roles: key pairs that IAM policies limit, as on AWS. Without any, only the platform's has access.

The gateway evaluates a role's policies for every request to the S3 Tables API and the catalog. The store limits its
access to objects with the policy that `object_policy` derives from them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local.gateway.iam import Document, listed
from local.keys import KeyPair, new_pair, write_private
from local.settings import ACCOUNT_ID, TABLE_BUCKET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: On AWS, these actions also give access to a table's objects. The store has S3's actions instead.
_OBJECT_ACTIONS = {
    "s3tables:GetTableData": ("s3:GetObject",),
    "s3tables:PutTableData": ("s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"),
}


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role of the stand-in's account.

    :param policies: documents of its identity policies.
    """

    name: str
    pair: KeyPair
    policies: tuple[Document, ...]

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{ACCOUNT_ID}:role/{self.name}"

    @property
    def session_arn(self) -> str:
        """The ARN of the role's session, which AWS's messages name."""
        return f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/{self.name}/stand-in"


def write_roles(state: Path, policies: Mapping[str, Iterable[Document]]) -> None:
    """Give each role of a stand-in that is not running a new key pair, in the folder `state`.

    :param policies: documents of identity policies by the role's name.
    """
    roles = {name: {"pair": vars(new_pair()), "policies": list(documents)} for name, documents in policies.items()}
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(state / "roles.json", json.dumps(roles))


def load_roles(state: Path) -> dict[str, Role]:
    """Return the roles by name; none if `write_roles` never wrote any."""
    path = state / "roles.json"
    stored = json.loads(path.read_text()) if path.exists() else {}
    return {
        name: Role(name=name, pair=KeyPair(**role["pair"]), policies=tuple(role["policies"]))
        for name, role in stored.items()
    }


def object_policy(role: Role) -> Document | None:
    """Return a role's policy for the store, which has S3's actions only; None if it has none of them.

    Conditions become resources: the store's address is http, and its keys start with a table's namespace. It cannot
    tell a rejects table from another, so a reader who knew the address of its files could read them there.
    """
    statements = [
        translated
        for document in role.policies
        for statement in document["Statement"]
        for translated in _object_statements(statement)
    ]
    return {"Version": "2012-10-17", "Statement": statements} if statements else None


def _object_statements(statement: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    actions = listed(statement["Action"])
    own = [action for action in actions if action.startswith("s3:")]
    if own:
        yield {"Effect": statement["Effect"], "Action": own, "Resource": listed(statement["Resource"])}
    data = [s3_action for action in actions for s3_action in _OBJECT_ACTIONS.get(action, ())]
    if data and statement["Effect"] == "Allow":
        conditions = statement.get("Condition", {})
        excluded = set(listed(conditions.get("StringNotEquals", {}).get("s3tables:namespace", [])))
        allowed = set(listed(conditions.get("StringEquals", {}).get("s3tables:namespace", ["*"]))) - excluded
        resources = [f"arn:aws:s3:::{TABLE_BUCKET}/{namespace}/*" for namespace in sorted(allowed)]
        yield {"Effect": "Allow", "Action": data, "Resource": resources}
