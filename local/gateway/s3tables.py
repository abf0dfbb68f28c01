"""The S3 Tables API: which operations the store does itself, which are translated, and which it cannot do (501)."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.gateway import maintenance
from local.gateway.errors import Refusal
from local.gateway.model import Call, understand
from local.gateway.names import check_namespace, check_table
from local.gateway.request import Reply, Request
from local.gateway.upstream import ARN_PART, Upstream
from local.settings import ACCOUNT_ID, TABLE_BUCKET, TABLE_BUCKET_ARN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.gateway.iceberg import Catalog

_FORWARDED = {
    *("GetTableBucket", "ListTableBuckets", "CreateNamespace", "GetNamespace", "ListNamespaces", "DeleteNamespace"),
    *("GetTable", "ListTables", "DeleteTable", "TagResource", "UntagResource", "ListTagsForResource"),
    *("PutTableBucketPolicy", "GetTableBucketPolicy", "DeleteTableBucketPolicy"),
    *("PutTablePolicy", "GetTablePolicy", "DeleteTablePolicy", "GetTableMaintenanceJobStatus"),
    *("PutTableMaintenanceConfiguration", "GetTableMaintenanceConfiguration"),
    *("PutTableBucketMaintenanceConfiguration", "GetTableBucketMaintenanceConfiguration"),
}
_TABLE_ARN = f"{TABLE_BUCKET_ARN}/table/"


class Tables:
    """The S3 Tables API of the one table bucket."""

    def __init__(self, upstream: Upstream, catalog: Catalog) -> None:
        self._upstream = upstream
        self._catalog = catalog
        self._translated: dict[str, Callable[[Call], Awaitable[dict[str, Any]]]] = {
            "CreateTable": self._create_table,
            "RenameTable": self._rename_table,
            "GetTableMetadataLocation": self._metadata_location,
        }

    async def handle(self, request: Request) -> Reply:
        """Answer one request. Raises `Refusal`."""
        call = understand(request)
        _check_bucket(call)
        if call.operation in self._translated:
            answer = await self._translated[call.operation](call)
            return Reply(status=call.status, document=answer or None)
        if call.operation not in _FORWARDED:
            raise Refusal(501, f"The stand-in does not implement {call.operation}")
        await self._check(call)
        path, query = await self._for_store(request, call)
        answer = await self._upstream.s3tables(request.method, path, query, request.body)
        return Reply(status=call.status, document=_complete(call, answer) or None)

    async def _check(self, call: Call) -> None:
        """Raise `Refusal` for what the store accepts and AWS does not."""
        match call.operation:
            case "CreateNamespace":
                check_namespace(call["namespace"])
            case "ListTables" if "namespace" in call.parameters:
                await self._upstream.require_namespace(call["namespace"])
            case "PutTableMaintenanceConfiguration":
                settings = maintenance.check(call["type"], call["value"])
                if settings.get("strategy") in maintenance.ORDERING and not await self._is_sorted(call):
                    raise Refusal(400, f"The strategy {settings['strategy']} needs a table with a sort order")
            case "PutTableBucketMaintenanceConfiguration":
                maintenance.check(call["type"], call["value"])
            case "PutTablePolicy" | "PutTableBucketPolicy":
                _check_policy(call["resourcePolicy"])

    async def _create_table(self, call: Call) -> dict[str, Any]:
        """Make a table that has the schema: the store's own CreateTable makes one without, its catalog one with."""
        namespace, name = call["namespace"], check_table(call["name"])
        if call.parameters.get("encryptionConfiguration", {}).get("sseAlgorithm", "AES256") != "AES256":
            raise Refusal(501, "The stand-in does not implement KMS keys")
        if call.parameters.get("storageClassConfiguration", {}).get("storageClass", "STANDARD") != "STANDARD":
            raise Refusal(501, "The stand-in does not implement storage classes")
        await self._upstream.require_namespace(namespace)
        metadata = call.document.get("metadata", {}).get("iceberg")
        if metadata:
            await self._catalog.create_table(namespace, _to_rest(name, metadata))
        else:
            if await self._upstream.has_table(namespace, name):
                raise Refusal(409, f"Table already exists: {namespace}.{name}")
            path, body = f"/tables/{ARN_PART}/{namespace}", {"name": name, "format": call["format"]}
            await self._upstream.s3tables("PUT", path, body=json.dumps(body).encode())
        if call.parameters.get("tags"):
            path, body = f"/tag/{quote(_TABLE_ARN, safe='')}{namespace}%2F{name}", {"tags": call["tags"]}
            await self._upstream.s3tables("POST", path, body=json.dumps(body).encode())
        table = await self._upstream.get_table(namespace, name)
        return {"tableARN": _table_arn(namespace, name), "versionToken": table["versionToken"]}

    async def _rename_table(self, call: Call) -> dict[str, Any]:
        namespace, name = call["namespace"], call["name"]
        given = call.parameters
        table = await self._upstream.get_table(namespace, name)
        if given.get("versionToken", table["versionToken"]) != table["versionToken"]:
            raise Refusal(409, "The version token is not the table's")
        target = {"namespace": [given.get("newNamespaceName", namespace)], "name": given.get("newName", name)}
        await self._catalog.rename_table({"source": {"namespace": [namespace], "name": name}, "destination": target})
        return {}

    async def _metadata_location(self, call: Call) -> dict[str, Any]:
        table = _complete_table(await self._upstream.get_table(call["namespace"], call["name"]))
        wanted = ("versionToken", "metadataLocation", "warehouseLocation")
        return {name: table[name] for name in wanted if name in table}

    async def _is_sorted(self, call: Call) -> bool:
        path = f"namespaces/{call['namespace']}/tables/{call['name']}"
        _, table = await self._upstream.iceberg("GET", path)
        return bool(table["metadata"]["default-sort-order-id"])

    async def _for_store(self, request: Request, call: Call) -> tuple[str, str]:
        """Return path and query with a table's ARN, which ends in an id, as the store writes it, with its names."""
        arn = call.parameters.get("resourceArn") or call.parameters.get("tableArn") or ""
        if not arn.startswith(_TABLE_ARN):
            return request.path, request.query
        names = await self._names_of(arn)
        given, meant = quote(arn, safe=""), quote(_TABLE_ARN + names, safe="")
        return request.path.replace(given, meant), request.query.replace(given, meant)

    async def _names_of(self, arn: str) -> str:
        token: str | None = None
        while True:
            query = f"maxTables=1000&continuationToken={quote(token)}" if token else "maxTables=1000"
            page = await self._upstream.s3tables("GET", f"/tables/{ARN_PART}", query)
            for table in page.get("tables") or ():
                if _table_arn(table["namespace"][0], table["name"]) == arn:
                    return f"{table['namespace'][0]}/{table['name']}"
            token = page.get("continuationToken")
            if not token:
                raise Refusal(404, "The table does not exist")


def _check_bucket(call: Call) -> None:
    arn = call.parameters.get("tableBucketARN") or call.parameters.get("resourceArn") or TABLE_BUCKET_ARN
    if arn != TABLE_BUCKET_ARN and not arn.startswith(_TABLE_ARN):
        raise Refusal(404, "The specified table bucket does not exist")


def _check_policy(text: str) -> None:
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise Refusal(400, "The resource policy is not a policy document")


def _to_rest(name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the REST catalog's request for `metadata.iceberg` of CreateTable, whose parts are spelled as it does."""
    if ("schema" in metadata) == ("schemaV2" in metadata):
        raise Refusal(400, "Exactly one of schema and schemaV2 is needed")
    if "schema" in metadata:
        fields = [
            {"required": False, **field, "id": number}
            for number, field in enumerate(metadata["schema"]["fields"], start=1)
        ]
        schema = {"type": "struct", "fields": fields}
    else:
        schema = metadata["schemaV2"]
    wanted = {"name": name, "schema": {"schema-id": 0, **schema}, "properties": metadata.get("properties", {})}
    if "partitionSpec" in metadata:
        spec = metadata["partitionSpec"]
        fields = [{"field-id": number, **field} for number, field in enumerate(spec["fields"], start=1000)]
        wanted["partition-spec"] = {"spec-id": 0, **spec, "fields": fields}
    if "writeOrder" in metadata:
        wanted["write-order"] = metadata["writeOrder"]
    return wanted


def _complete(call: Call, answer: dict[str, Any]) -> dict[str, Any]:
    """Return the store's answer with what AWS's has besides."""
    match call.operation:
        case "GetTable":
            return _complete_table(answer)
        case "ListTables":
            tables = [
                table | {"type": "customer", "tableARN": _table_arn(table["namespace"][0], table["name"])}
                for table in answer.get("tables") or ()
            ]
            return answer | {"tables": tables}
        case "ListTableBuckets":
            return answer | {"tableBuckets": answer.get("tableBuckets") or []}
        case "GetTableMaintenanceConfiguration":
            configuration = maintenance.with_defaults(answer.get("configuration") or {}, maintenance.TABLE_DEFAULTS)
            return {"tableARN": _table_arn(call["namespace"], call["name"]), "configuration": configuration}
        case "GetTableBucketMaintenanceConfiguration":
            configuration = maintenance.with_defaults(answer.get("configuration") or {}, maintenance.BUCKET_DEFAULTS)
            return {"tableBucketARN": TABLE_BUCKET_ARN, "configuration": configuration}
        case "GetTableMaintenanceJobStatus":
            return answer | {"tableARN": _table_arn(call["namespace"], call["name"])}
        case "GetNamespace":
            return answer | {"createdBy": ACCOUNT_ID}
    return answer


def _complete_table(table: dict[str, Any]) -> dict[str, Any]:
    namespace, name = table["namespace"][0], table["name"]
    location = table.get("metadataLocation", f"s3://{TABLE_BUCKET}/{namespace}/{name}").partition("/metadata/")[0]
    return table | {
        "tableARN": _table_arn(namespace, name),
        "type": "customer",
        "warehouseLocation": location,
        "createdBy": ACCOUNT_ID,
        "modifiedBy": ACCOUNT_ID,
    }


def _table_arn(namespace: str, name: str) -> str:
    """Return a table's ARN. It ends in an id, as AWS's does, so that nobody reads names from it."""
    return f"{_TABLE_ARN}{uuid.uuid5(uuid.NAMESPACE_URL, f'{TABLE_BUCKET_ARN}/{namespace}/{name}')}"
