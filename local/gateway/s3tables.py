"""The S3 Tables API: operations are forwarded to the store, translated, or not implemented (501)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.gateway import maintenance
from local.gateway.errors import ApiError
from local.gateway.model import Call, parse_call
from local.gateway.names import TABLE_ARN_PREFIX, check_namespace, check_table, table_arn
from local.gateway.request import Reply, Request
from local.gateway.rights import Need, needs_of_call
from local.gateway.upstream import ENCODED_BUCKET_ARN, Upstream
from local.settings import ACCOUNT_ID, TABLE_BUCKET, TABLE_BUCKET_ARN

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from local.gateway.bucket_settings import BucketSettings
    from local.gateway.encryption import TableKeys
    from local.gateway.iceberg import CatalogApi

_FORWARDED = {
    *("GetTableBucket", "ListTableBuckets", "CreateNamespace", "GetNamespace", "ListNamespaces", "DeleteNamespace"),
    *("GetTable", "ListTables", "DeleteTable", "TagResource", "UntagResource", "ListTagsForResource"),
    *("PutTableBucketPolicy", "GetTableBucketPolicy", "DeleteTableBucketPolicy"),
    *("PutTablePolicy", "GetTablePolicy", "DeleteTablePolicy", "GetTableMaintenanceJobStatus"),
    *("PutTableMaintenanceConfiguration", "GetTableMaintenanceConfiguration"),
    *("PutTableBucketMaintenanceConfiguration", "GetTableBucketMaintenanceConfiguration"),
}


class S3TablesApi:
    """The S3 Tables API of the only table bucket."""

    def __init__(
        self, upstream: Upstream, catalog_api: CatalogApi, table_keys: TableKeys, bucket_settings: BucketSettings
    ) -> None:
        self._upstream = upstream
        self._catalog_api = catalog_api
        self._table_keys = table_keys
        self._translated: dict[str, Callable[[Call], Awaitable[dict[str, Any]]]] = {
            "CreateTable": self._create_table,
            "RenameTable": self._rename_table,
            "GetTableMetadataLocation": self._get_metadata_location,
            "GetTableEncryption": self._get_encryption,
        } | bucket_settings.operations
        self._bucket_settings = bucket_settings

    async def needs(self, request: Request) -> list[Need]:
        """Return the actions that a request needs. Raises `ApiError` for a request that is not valid."""
        call = parse_call(request)
        arn = call.parameters.get("resourceArn") or call.parameters.get("tableArn") or ""
        names = await self._namespace_and_name(arn) if arn.startswith(TABLE_ARN_PREFIX) else None
        return needs_of_call(call, names)

    async def handle(self, request: Request) -> Reply:
        """Handle one request. Raises `ApiError`."""
        call = parse_call(request)
        _check_bucket(call)
        if call.operation in self._translated:
            response = await self._translated[call.operation](call)
            return Reply(status=call.status, document=response or None)
        if call.operation not in _FORWARDED:
            raise ApiError(501, f"The stand-in does not implement {call.operation}")
        await self._check_aws_rules(call)
        path, query = await self._store_path_and_query(request, call)
        response = await self._upstream.s3tables(request.method, path, query, request.body)
        return Reply(status=call.status, document=_like_aws(call, response) or None)

    async def _check_aws_rules(self, call: Call) -> None:
        """Raise `ApiError` for a call that the store accepts and AWS refuses."""
        match call.operation:
            case "CreateNamespace":
                check_namespace(call["namespace"])
            case "ListTables" if "namespace" in call.parameters:
                await self._upstream.require_namespace(call["namespace"])
            case "PutTableMaintenanceConfiguration":
                settings = maintenance.checked_settings(call["type"], call["value"])
                if settings.get("strategy") in maintenance.SORTING_STRATEGIES and not await self._has_sort_order(call):
                    raise ApiError(400, f"The strategy {settings['strategy']} needs a table with a sort order")
            case "PutTableBucketMaintenanceConfiguration":
                maintenance.checked_settings(call["type"], call["value"])
            case "PutTablePolicy" | "PutTableBucketPolicy":
                _check_policy(call["resourcePolicy"])

    async def _create_table(self, call: Call) -> dict[str, Any]:
        """Create a table with its schema through the store's catalog, because its CreateTable ignores the schema."""
        namespace, name = call["namespace"], check_table(call["name"])
        encryption = call.parameters.get("encryptionConfiguration", {})
        if (encryption.get("sseAlgorithm") == "aws:kms") != ("kmsKeyArn" in encryption):
            raise ApiError(400, "The algorithm aws:kms needs a kmsKeyArn, and no other has one")
        await self._upstream.require_namespace(namespace)
        metadata = call.document.get("metadata", {}).get("iceberg")
        if metadata:
            await self._catalog_api.create_table(namespace, _to_rest(name, metadata))
        else:
            if await self._upstream.has_table(namespace, name):
                raise ApiError(409, f"Table already exists: {namespace}.{name}")
            path, body = f"/tables/{ENCODED_BUCKET_ARN}/{namespace}", {"name": name, "format": call["format"]}
            await self._upstream.s3tables("PUT", path, body=json.dumps(body).encode())
        if call.parameters.get("tags"):
            path, body = f"/tag/{quote(TABLE_ARN_PREFIX, safe='')}{namespace}%2F{name}", {"tags": call["tags"]}
            await self._upstream.s3tables("POST", path, body=json.dumps(body).encode())
        table = await self._upstream.get_table(namespace, name)
        self._table_keys.put(table_arn(namespace, name), encryption)
        storage_class = call.parameters.get("storageClassConfiguration", {}).get("storageClass")
        self._bucket_settings.put_table_class(table_arn(namespace, name), storage_class)
        return {"tableARN": table_arn(namespace, name), "versionToken": table["versionToken"]}

    async def _rename_table(self, call: Call) -> dict[str, Any]:
        namespace, name = call["namespace"], call["name"]
        parameters = call.parameters
        table = await self._upstream.get_table(namespace, name)
        if parameters.get("versionToken", table["versionToken"]) != table["versionToken"]:
            raise ApiError(409, "The version token is not the table's current one")
        source = {"namespace": [namespace], "name": name}
        destination = {
            "namespace": [parameters.get("newNamespaceName", namespace)],
            "name": parameters.get("newName", name),
        }
        await self._catalog_api.rename_table({"source": source, "destination": destination})
        return {}

    async def _get_metadata_location(self, call: Call) -> dict[str, Any]:
        table = _table_like_aws(await self._upstream.get_table(call["namespace"], call["name"]))
        fields = ("versionToken", "metadataLocation", "warehouseLocation")
        return {name: table[name] for name in fields if name in table}

    async def _get_encryption(self, call: Call) -> dict[str, Any]:
        await self._upstream.get_table(call["namespace"], call["name"])
        return {"encryptionConfiguration": self._table_keys.configuration(table_arn(call["namespace"], call["name"]))}

    async def _has_sort_order(self, call: Call) -> bool:
        path = f"namespaces/{call['namespace']}/tables/{call['name']}"
        _, table = await self._upstream.iceberg("GET", path)
        return bool(table["metadata"]["default-sort-order-id"])

    async def _store_path_and_query(self, request: Request, call: Call) -> tuple[str, str]:
        """Return the request's path and query with the store's ARN of a table, which ends in its namespace and name.

        The gateway's ARN ends in an id, like AWS's.
        """
        arn = call.parameters.get("resourceArn") or call.parameters.get("tableArn") or ""
        if not arn.startswith(TABLE_ARN_PREFIX):
            return request.path, request.query
        store_arn = TABLE_ARN_PREFIX + "/".join(await self._namespace_and_name(arn))
        old, new = quote(arn, safe=""), quote(store_arn, safe="")
        return request.path.replace(old, new), request.query.replace(old, new)

    async def _namespace_and_name(self, arn: str) -> tuple[str, str]:
        """Return the names of the table with this ARN. Raises `ApiError` 404."""
        token: str | None = None
        while True:
            query = f"maxTables=1000&continuationToken={quote(token)}" if token else "maxTables=1000"
            page = await self._upstream.s3tables("GET", f"/tables/{ENCODED_BUCKET_ARN}", query)
            for table in page.get("tables") or ():
                if table_arn(table["namespace"][0], table["name"]) == arn:
                    return table["namespace"][0], table["name"]
            token = page.get("continuationToken")
            if not token:
                raise ApiError(404, "The table does not exist")


def _check_bucket(call: Call) -> None:
    arn = call.parameters.get("tableBucketARN") or call.parameters.get("resourceArn") or TABLE_BUCKET_ARN
    if arn != TABLE_BUCKET_ARN and not arn.startswith(TABLE_ARN_PREFIX):
        raise ApiError(404, "The specified table bucket does not exist")


def _check_policy(text: str) -> None:
    try:
        policy = json.loads(text)
    except ValueError:
        policy = None
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise ApiError(400, "The resource policy is not a policy document")


def _to_rest(name: str, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the REST catalog's create request for `metadata.iceberg` of CreateTable. Both use the same field names."""
    if ("schema" in metadata) == ("schemaV2" in metadata):
        raise ApiError(400, "Exactly one of schema and schemaV2 is needed")
    if "schema" in metadata:
        fields = [
            {"required": False, **field, "id": number}
            for number, field in enumerate(metadata["schema"]["fields"], start=1)
        ]
        schema = {"type": "struct", "fields": fields}
    else:
        schema = metadata["schemaV2"]
    document = {"name": name, "schema": {"schema-id": 0, **schema}, "properties": metadata.get("properties", {})}
    if "partitionSpec" in metadata:
        spec = metadata["partitionSpec"]
        fields = [{"field-id": number, **field} for number, field in enumerate(spec["fields"], start=1000)]
        document["partition-spec"] = {"spec-id": 0, **spec, "fields": fields}
    if "writeOrder" in metadata:
        document["write-order"] = metadata["writeOrder"]
    return document


def _like_aws(call: Call, response: dict[str, Any]) -> dict[str, Any]:
    """Return the store's response with the fields that only AWS's response has."""
    match call.operation:
        case "GetTable":
            return _table_like_aws(response)
        case "ListTables":
            tables = [
                table | {"type": "customer", "tableARN": table_arn(table["namespace"][0], table["name"])}
                for table in response.get("tables") or ()
            ]
            return response | {"tables": tables}
        case "ListTableBuckets":
            return response | {"tableBuckets": response.get("tableBuckets") or []}
        case "GetTableMaintenanceConfiguration":
            configuration = maintenance.with_defaults(response.get("configuration") or {}, maintenance.TABLE_DEFAULTS)
            return {"tableARN": table_arn(call["namespace"], call["name"]), "configuration": configuration}
        case "GetTableBucketMaintenanceConfiguration":
            configuration = maintenance.with_defaults(response.get("configuration") or {}, maintenance.BUCKET_DEFAULTS)
            return {"tableBucketARN": TABLE_BUCKET_ARN, "configuration": configuration}
        case "GetTableMaintenanceJobStatus":
            return response | {"tableARN": table_arn(call["namespace"], call["name"])}
        case "GetNamespace":
            return response | {"createdBy": ACCOUNT_ID}
    return response


def _table_like_aws(table: dict[str, Any]) -> dict[str, Any]:
    namespace, name = table["namespace"][0], table["name"]
    location = table.get("metadataLocation", f"s3://{TABLE_BUCKET}/{namespace}/{name}").partition("/metadata/")[0]
    return table | {
        "tableARN": table_arn(namespace, name),
        "type": "customer",
        "warehouseLocation": location,
        "createdBy": ACCOUNT_ID,
        "modifiedBy": ACCOUNT_ID,
    }
