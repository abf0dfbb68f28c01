"""The IAM actions that each request needs, and the decision whether a role has them.

Sources: the service authorization reference of Amazon S3 Tables, the permissions in the documentation of each operation
(botocore's service model) and the table of REST calls in the S3 user guide ("Accessing tables using the Amazon S3
Tables Iceberg REST endpoint").
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.gateway.errors import ApiError
from local.gateway.iam import Document, decide
from local.gateway.iam import Request as IamRequest
from local.gateway.names import table_arn
from local.gateway.upstream import ENCODED_BUCKET_ARN
from local.settings import TABLE_BUCKET_ARN

if TYPE_CHECKING:
    from pathlib import Path

    from local.gateway.model import Call
    from local.gateway.request import Request
    from local.gateway.upstream import Upstream
    from local.roles import Role

#: Of CreateTable, the parameters that need a further action.
_CREATE_TABLE_ALSO = {
    "metadata": "PutTableData",
    "encryptionConfiguration": "PutTableEncryption",
    "storageClassConfiguration": "PutTableStorageClass",
    "tags": "TagResource",
}


@dataclass(frozen=True, kw_only=True)
class Need:
    """An action of S3 Tables that a request needs: on the table bucket or, with `table`, on a table of `namespace`."""

    action: str
    namespace: str | None = None
    table: str | None = None
    kms_key: str | None = None


def needs_of_call(call: Call, table: tuple[str, str] | None) -> list[Need]:
    """Return what an operation of the S3 Tables API needs.

    :param table: namespace and name of the table whose ARN is a parameter, if there is one.
    """
    if call.operation == "ListTableBuckets":
        return [Need(action=call.operation)]
    namespace = call.parameters.get("namespace")
    namespace = namespace[0] if isinstance(namespace, list) else namespace
    name = call.parameters.get("name")
    if call.operation == "CreateNamespace":
        return [Need(action=call.operation)]
    if call.operation == "CreateTable":
        key = call.parameters.get("encryptionConfiguration", {}).get("kmsKeyArn")
        also = [action for parameter, action in _CREATE_TABLE_ALSO.items() if call.parameters.get(parameter)]
        return [Need(action=call.operation, namespace=namespace, kms_key=key)] + [
            Need(action=action, namespace=namespace, table=name, kms_key=key) for action in also
        ]
    if table:
        namespace, name = table
    return [Need(action=call.operation, namespace=namespace, table=name)]


def needs_of_catalog(request: Request) -> list[Need]:
    """Return what a request of the Iceberg REST catalog needs; nothing for one that the catalog does not support."""
    match (request.method, *request.segments[1:2], *request.segments[3:]):
        case _ if request.segments[1:] == ("v1", "config"):
            return [Need(action="GetTableBucket")]
        case ("GET", "v1", "namespaces"):
            return [Need(action="ListNamespaces")]
        case ("POST", "v1", "namespaces"):
            return [Need(action="CreateNamespace")]
        case ("GET" | "HEAD", "v1", "namespaces", str(namespace)):
            return [Need(action="GetNamespace", namespace=namespace)]
        case ("DELETE", "v1", "namespaces", str(namespace)):
            return [Need(action="DeleteNamespace", namespace=namespace)]
        case ("GET", "v1", "namespaces", str(namespace), "tables"):
            return [Need(action="ListTables", namespace=namespace)]
        case ("POST", "v1", "namespaces", str(namespace), "tables"):
            name = str(request.document.get("name"))
            return [
                Need(action="CreateTable", namespace=namespace),
                Need(action="PutTableData", namespace=namespace, table=name),
            ]
        case (str(method), "v1", "namespaces", str(namespace), "tables", str(name)):
            actions = {
                "GET": ("GetTableMetadataLocation", "GetTableData"),
                "HEAD": ("GetTable",),
                "POST": ("UpdateTableMetadataLocation", "PutTableData", "GetTableData"),
                "DELETE": ("DeleteTable",),
            }
            return [Need(action=action, namespace=namespace, table=name) for action in actions.get(method, ())]
        case ("POST", "v1", "tables", "rename"):
            source = request.document.get("source", {})
            namespace = str((source.get("namespace") or [""])[0])
            return [Need(action="RenameTable", namespace=namespace, table=str(source.get("name")))]
    return []


class Authorizer:
    """Decides whether roles have the actions that requests need, and records each decision, like CloudTrail.

    :param trail: file to which one JSON object per decision is appended.
    """

    def __init__(self, upstream: Upstream, trail: Path) -> None:
        self._upstream = upstream
        self._trail = trail

    async def require(self, role: Role, needs: list[Need]) -> None:
        """Raise `ApiError` 403, with AWS's message, for the first action that the role lacks."""
        for need in needs:
            resource = _resource(need)
            context = {
                "aws:SecureTransport": "true",
                "aws:PrincipalArn": role.arn,
                "aws:PrincipalIsAWSService": "false",
            }
            context |= {
                key: value
                for key, value in (
                    ("s3tables:namespace", need.namespace),
                    ("s3tables:tableName", need.table),
                    ("s3tables:KMSKeyArn", need.kms_key),
                )
                if value
            }
            request = IamRequest(
                action=f"s3tables:{need.action}", resource=resource, principal=("AWS", role.arn), context=context
            )
            decision = decide([*role.policies, *await self._resource_policies(need)], request)
            self._record(role, need, decision)
            if decision != "allowed":
                why = "with an explicit deny" if decision == "denied" else "because no policy allows it"
                raise ApiError(
                    403,
                    f"User: {role.session_arn} is not authorized to perform: s3tables:{need.action} "
                    f"on resource: {resource} {why}",
                )

    async def _resource_policies(self, need: Need) -> list[Document]:
        """Return the policy of the table bucket and, for an action on a table, of the table, where there is one."""
        paths = [f"/buckets/{ENCODED_BUCKET_ARN}/policy"]
        if need.table:
            names = f"{quote(need.namespace or '', safe='')}/{quote(need.table, safe='')}"
            paths.append(f"/tables/{ENCODED_BUCKET_ARN}/{names}/policy")
        policies: list[Document] = []
        for path in paths:
            try:
                response: dict[str, Any] = await self._upstream.s3tables("GET", path)
            except ApiError as error:
                if error.status not in (400, 404):
                    raise
            else:
                policies.append(json.loads(response["resourcePolicy"]))
        return policies

    def _record(self, role: Role, need: Need, decision: str) -> None:
        entry = {"role": role.name, "action": need.action, "namespace": need.namespace, "table": need.table}
        with self._trail.open("a") as file:
            file.write(json.dumps(entry | {"decision": decision}) + "\n")


def _resource(need: Need) -> str:
    if need.action == "ListTableBuckets":
        return "*"
    return table_arn(need.namespace or "", need.table) if need.table else TABLE_BUCKET_ARN
