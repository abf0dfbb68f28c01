"""The Iceberg REST catalog as S3 Tables offers it: which requests are forwarded, and which are refused.

Refused, as in AWS's user guide for the endpoint: nested namespaces, namespace properties other than `owner`,
stage-create, a drop without purge, views, register, multi-table commits, scan planning, metrics, OAuth, and metadata
over 50 MB.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.gateway.errors import ApiError
from local.gateway.names import check_namespace, check_table
from local.gateway.request import Reply, Request
from local.gateway.rights import Need, needs_of_catalog
from local.settings import TABLE_BUCKET, TABLE_BUCKET_ARN

if TYPE_CHECKING:
    from local.gateway.upstream import Upstream

MAX_BODY_BYTES = 50 * 1024 * 1024
_PREFIX = ("v1", TABLE_BUCKET_ARN)


class CatalogApi:
    """The REST catalog of the only table bucket."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        # The store accepts a request to create a table that exists. So one table is created at a time, after a check.
        self._create_lock = asyncio.Lock()

    async def needs(self, request: Request) -> list[Need]:
        """Return the actions that a request needs."""
        return needs_of_catalog(request)

    async def handle(self, request: Request) -> Reply:
        """Handle one request whose path starts with `/iceberg`. Raises `ApiError`."""
        segments = request.segments[1:]
        if (request.method, *segments) == ("GET", "v1", "config"):
            return _config(request.parameters.get("warehouse"))
        if segments[: len(_PREFIX)] != _PREFIX:
            raise ApiError(404, "The path does not start with the prefix of a table bucket", "NotFoundException")
        match (request.method, *segments[len(_PREFIX) :]):
            case ("GET", "namespaces") if "parent" in request.parameters:
                raise ApiError(400, "Nested namespaces are not supported")
            case ("POST", "namespaces"):
                return await self._create_namespace(request)
            case ("POST", "namespaces", str(namespace), "tables"):
                return await self.create_table(namespace, request.document)
            case ("GET", "namespaces", str(namespace), "tables"):
                await self._require_namespace(namespace)
            case ("POST", "namespaces", _, "tables", str(table)):
                _check_commit(request.document, table)
            case ("DELETE", "namespaces", _, "tables", _):
                if request.parameters.get("purgeRequested", "").lower() != "true":
                    raise ApiError(400, "S3 Tables drops a table only with purgeRequested=true")
            case ("POST", "tables", "rename"):
                return await self.rename_table(request.document)
            case ("GET", "namespaces") | ("GET" | "HEAD" | "DELETE", "namespaces", _):
                pass
            case ("GET" | "HEAD", "namespaces", str(namespace), "tables", str(table)):
                await self._require_metadata(namespace, table)
            case _:
                raise ApiError(400, "S3 Tables does not support this operation", "UnsupportedOperationException")
        return await self._forward(request)

    async def create_table(self, namespace: str, document: dict[str, Any]) -> Reply:
        """Create a table in a new location that no other table has used or will use.

        :param document: the body of the REST catalog's request.
        """
        name = check_table(document.get("name"))
        if document.get("stage-create"):
            raise ApiError(400, "S3 Tables does not support stage-create")
        if document.get("location"):
            raise ApiError(400, "S3 Tables chooses the location of a table")
        if not document.get("schema"):
            raise ApiError(400, "A table needs a schema")
        document = document | {"location": f"s3://{TABLE_BUCKET}/{namespace}/{uuid.uuid4()}"}
        async with self._create_lock:
            if await self._upstream.has_table(namespace, name):
                raise ApiError(409, f"Table already exists: {namespace}.{name}")
            path = f"namespaces/{_encoded(namespace)}/tables"
            status, response = await self._upstream.iceberg("POST", path, "", _json(document))
        return Reply(status=status, document=response)

    async def rename_table(self, document: dict[str, Any]) -> Reply:
        """Rename a table, or move it to another namespace.

        :param document: the body of the REST catalog's request.
        """
        destination = document.get("destination")
        destination = destination if isinstance(destination, dict) else {}
        check_namespace(destination.get("namespace"))
        check_table(destination.get("name"))
        async with self._create_lock:
            await self._upstream.iceberg("POST", "tables/rename", "", _json(document))
        return Reply(status=204)

    async def _create_namespace(self, request: Request) -> Reply:
        check_namespace(request.document.get("namespace"))
        if set(request.document.get("properties") or {}) - {"owner"}:
            raise ApiError(400, "S3 Tables stores no namespace property other than owner")
        return await self._forward(request)

    async def _require_namespace(self, namespace: str) -> None:
        try:
            await self._upstream.require_namespace(namespace)
        except ApiError as error:
            raise ApiError(error.status, error.message, "NoSuchNamespaceException") from error

    async def _require_metadata(self, namespace: str, table: str) -> None:
        """Refuse a table that CreateTable created without a schema, because it has no metadata."""
        if not (await self._upstream.get_table(namespace, table)).get("metadataLocation"):
            raise ApiError(400, "The table has no metadata location")

    async def _forward(self, request: Request) -> Reply:
        path = "/".join(request.path.strip("/").split("/")[1 + len(_PREFIX) :])
        status, document = await self._upstream.iceberg(request.method, path, request.query, request.body)
        return Reply(status=status, document=document or None)


def _config(warehouse: str | None) -> Reply:
    if not warehouse:
        raise ApiError(400, "The parameter warehouse is missing. Its value is the table bucket's ARN")
    if not warehouse.startswith("arn:aws:s3tables:"):
        raise ApiError(400, "The warehouse is not the ARN of a table bucket")
    if warehouse != TABLE_BUCKET_ARN:
        raise ApiError(404, "The table bucket does not exist", "NotFoundException")
    return Reply(document={"defaults": {}, "overrides": {"prefix": _encoded(TABLE_BUCKET_ARN)}})


def _check_commit(document: dict[str, Any], table: str) -> None:
    """Refuse a commit that creates the table or changes its location."""
    check_table(table)
    if any(requirement.get("type") == "assert-create" for requirement in document.get("requirements", ())):
        raise ApiError(400, "S3 Tables does not support stage-create")
    if any(update.get("action") == "set-location" for update in document.get("updates", ())):
        raise ApiError(400, "S3 Tables chooses the location of a table")


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
