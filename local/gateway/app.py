"""The gateway's ASGI application: check the signature, select the API, and return errors in that API's format."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.gateway.bucket_settings import BucketSettings
from local.gateway.encryption import TableKeys
from local.gateway.errors import ApiError
from local.gateway.iceberg import MAX_BODY_BYTES, CatalogApi
from local.gateway.request import Reply, Request
from local.gateway.rights import Authorizer
from local.gateway.s3tables import S3TablesApi
from local.gateway.sigv4 import verify
from local.gateway.upstream import Upstream
from local.keys import PLATFORM, STORE_ADMIN, Keys
from local.roles import load_roles

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request as HttpRequest

    from local.settings import Settings

_log = logging.getLogger("local.gateway")
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


def application(settings: Settings) -> Starlette:
    """Return the gateway for the store in `settings`."""
    keys = Keys.load_or_generate(settings.state)
    upstream = Upstream(settings, keys.pairs[STORE_ADMIN])
    catalog_api = CatalogApi(upstream)
    bucket_settings = BucketSettings(upstream, settings.state / "bucket-settings.json")
    table_keys = TableKeys(settings.state / "table-keys.json")
    s3tables_api = S3TablesApi(upstream, catalog_api, table_keys, bucket_settings)
    roles = {role.pair.access_key: role for role in load_roles(settings.state).values()}
    authorizer = Authorizer(upstream, settings.state / "trail.jsonl")
    pairs = [pair for owner, pair in keys.pairs.items() if owner != STORE_ADMIN] + [r.pair for r in roles.values()]
    secrets = {pair.access_key: pair.secret_key for pair in pairs}
    platform = keys.pairs[PLATFORM].access_key

    async def respond(http: HttpRequest) -> Response:
        path = http.scope["raw_path"].decode("ascii")
        is_iceberg = path == "/iceberg" or path.startswith("/iceberg/")
        try:
            body = await _read_body(http)
            signer = verify(http.method, path, http.url.query, http.headers, body, secrets)
            request = Request(
                method=http.method, path=path, query=http.url.query, parameters=dict(http.query_params), body=body
            )
            api = catalog_api if is_iceberg else s3tables_api
            if signer in roles:
                await authorizer.require(roles[signer], await api.needs(request))
            elif signer != platform:
                raise ApiError(403, "This key pair has no permissions on the table bucket")
            reply = await api.handle(request)
        except ApiError as error:
            _log.info("%s %s: %s %s", http.method, path, error.status, error.message)
            return _iceberg_error(error) if is_iceberg else _s3tables_error(error)
        return _json(reply)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await upstream.close()

    return Starlette(routes=[Route("/{path:path}", respond, methods=_METHODS)], lifespan=lifespan)


async def _read_body(http: HttpRequest) -> bytes:
    body = bytearray()
    if int(http.headers.get("content-length", "0")) <= MAX_BODY_BYTES:
        async for chunk in http.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                break
        else:
            return bytes(body)
    raise ApiError(400, "The request is over 50 MB")


def _json(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    headers = (headers or {}) | {"x-amz-request-id": str(uuid.uuid4())}
    if reply.document is None:
        return Response(status_code=reply.status, headers=headers)
    return Response(json.dumps(reply.document), reply.status, headers, "application/json")


def _s3tables_error(error: ApiError) -> Response:
    return _json(
        Reply(status=error.status, document={"message": error.message}),
        {"x-amzn-ErrorType": error.s3tables_type},
    )


def _iceberg_error(error: ApiError) -> Response:
    document = {"message": error.message, "type": error.iceberg_type, "code": error.status}
    return _json(Reply(status=error.status, document={"error": document}))
