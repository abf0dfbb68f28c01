"""The Iceberg REST catalog as S3 Tables offers it: what is forwarded, and what is refused.

Refused, as the user guide says of the endpoint: nested namespaces, namespace properties other than `owner`,
stage-create, a drop without purge, views, register, multi-table commits, scan planning, metrics, OAuth, and metadata
over 50 MB.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from local.gateway.errors import Refusal
from local.gateway.names import check_namespace, check_table
from local.gateway.request import Reply, Request
from local.settings import TABLE_BUCKET, TABLE_BUCKET_ARN

if TYPE_CHECKING:
    from local.gateway.upstream import Upstream

MAX_BODY = 50 * 1024 * 1024
_PREFIX = ("v1", TABLE_BUCKET_ARN)


class Catalog:
    """The REST catalog of the one table bucket."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream
        # The store takes the second creation of a table for the first one's; one at a time, each looks first.
        self._creating = asyncio.Lock()

    async def handle(self, request: Request) -> Reply:
        """Answer one request whose path begins with `/iceberg`. Raises `Refusal`."""
        parts = request.parts[1:]
        if (request.method, *parts) == ("GET", "v1", "config"):
            return _config(request.parameters.get("warehouse"))
        if parts[: len(_PREFIX)] != _PREFIX:
            raise Refusal(404, "The path does not begin with the prefix of a table bucket", "NotFoundException")
        match (request.method, *parts[len(_PREFIX) :]):
            case ("GET", "namespaces") if "parent" in request.parameters:
                raise Refusal(400, "Nested namespaces are not supported")
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
                    raise Refusal(400, "S3 Tables drops a table only with purgeRequested=true")
            case ("POST", "tables", "rename"):
                return await self.rename_table(request.document)
            case ("GET", "namespaces") | ("GET" | "HEAD" | "DELETE", "namespaces", _):
                pass
            case ("GET" | "HEAD", "namespaces", str(namespace), "tables", str(table)):
                await self._require_metadata(namespace, table)
            case _:
                raise Refusal(400, "S3 Tables does not support this operation", "UnsupportedOperationException")
        return await self._forward(request)

    async def create_table(self, namespace: str, wanted: dict[str, Any]) -> Reply:
        """Create a table in a location of its own, which no other table had or will have."""
        name = check_table(wanted.get("name"))
        if wanted.get("stage-create"):
            raise Refusal(400, "S3 Tables does not support stage-create")
        if wanted.get("location"):
            raise Refusal(400, "S3 Tables chooses the location of a table")
        if not wanted.get("schema"):
            raise Refusal(400, "A table needs a schema")
        wanted = wanted | {"location": f"s3://{TABLE_BUCKET}/{namespace}/{uuid.uuid4()}"}
        async with self._creating:
            if await self._upstream.has_table(namespace, name):
                raise Refusal(409, f"Table already exists: {namespace}.{name}")
            status, document = await self._upstream.iceberg(
                "POST", f"namespaces/{_q(namespace)}/tables", "", _json(wanted)
            )
        return Reply(status=status, document=document)

    async def rename_table(self, wanted: dict[str, Any]) -> Reply:
        """Rename a table, into another namespace too."""
        target = wanted.get("destination")
        target = target if isinstance(target, dict) else {}
        check_namespace(target.get("namespace"))
        check_table(target.get("name"))
        async with self._creating:
            await self._upstream.iceberg("POST", "tables/rename", "", _json(wanted))
        return Reply(status=204)

    async def _create_namespace(self, request: Request) -> Reply:
        check_namespace(request.document.get("namespace"))
        if set(request.document.get("properties") or {}) - {"owner"}:
            raise Refusal(400, "S3 Tables keeps no namespace property other than owner")
        return await self._forward(request)

    async def _require_namespace(self, namespace: str) -> None:
        try:
            await self._upstream.require_namespace(namespace)
        except Refusal as refusal:
            raise Refusal(refusal.status, refusal.message, "NoSuchNamespaceException") from refusal

    async def _require_metadata(self, namespace: str, table: str) -> None:
        """Refuse a table that CreateTable made without a schema: it has no metadata until someone sets some."""
        if not (await self._upstream.get_table(namespace, table)).get("metadataLocation"):
            raise Refusal(400, "The table has no metadata location")

    async def _forward(self, request: Request) -> Reply:
        below = "/".join(request.path.strip("/").split("/")[1 + len(_PREFIX) :])
        status, document = await self._upstream.iceberg(request.method, below, request.query, request.body)
        return Reply(status=status, document=document or None)


def _config(warehouse: str | None) -> Reply:
    if not warehouse:
        raise Refusal(400, "The parameter warehouse is missing: it is the table bucket's ARN")
    if not warehouse.startswith("arn:aws:s3tables:"):
        raise Refusal(400, "The warehouse is not the ARN of a table bucket")
    if warehouse != TABLE_BUCKET_ARN:
        raise Refusal(404, "The table bucket does not exist", "NotFoundException")
    return Reply(document={"defaults": {}, "overrides": {"prefix": _q(TABLE_BUCKET_ARN)}})


def _check_commit(document: dict[str, Any], table: str) -> None:
    """Refuse what a commit may not do: create the table, or move it."""
    check_table(table)
    if any(requirement.get("type") == "assert-create" for requirement in document.get("requirements", ())):
        raise Refusal(400, "S3 Tables does not support stage-create")
    if any(update.get("action") == "set-location" for update in document.get("updates", ())):
        raise Refusal(400, "S3 Tables chooses the location of a table")


def _q(text: str) -> str:
    return quote(text, safe="")


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()
