"""The gateway's one application: check the signature, choose the API, write errors in that API's form."""

from __future__ import annotations

import json
import logging
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from local.gateway.errors import Refusal
from local.gateway.iceberg import MAX_BODY, Catalog
from local.gateway.request import Reply, Request
from local.gateway.s3tables import Tables
from local.gateway.sigv4 import verify
from local.gateway.upstream import Upstream
from local.keys import PLATFORM, STORE_ADMIN, Keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.requests import Request as HttpRequest

    from local.settings import Settings

_log = logging.getLogger("local.gateway")
_METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"]


def application(settings: Settings) -> Starlette:
    """Return the gateway in front of the store that `settings` describe."""
    keys = Keys.of(settings.state)
    upstream = Upstream(settings, keys.pairs[STORE_ADMIN])
    catalog = Catalog(upstream)
    tables = Tables(upstream, catalog)
    secrets = {pair.access_key: pair.secret_key for owner, pair in keys.pairs.items() if owner != STORE_ADMIN}
    platform = keys.pairs[PLATFORM].access_key

    async def answer(http: HttpRequest) -> Response:
        path = http.scope["raw_path"].decode("ascii")
        iceberg = path == "/iceberg" or path.startswith("/iceberg/")
        try:
            body = await _body(http)
            signer = verify(http.method, path, http.url.query, http.headers, body, secrets)
            if signer != platform:
                raise Refusal(403, "This key pair may do nothing with the table bucket")
            request = Request(
                method=http.method, path=path, query=http.url.query, parameters=dict(http.query_params), body=body
            )
            reply = await (catalog if iceberg else tables).handle(request)
        except Refusal as refusal:
            _log.info("%s %s: %s %s", http.method, path, refusal.status, refusal.message)
            return _iceberg_error(refusal) if iceberg else _s3tables_error(refusal)
        return _json(reply)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await upstream.close()

    return Starlette(routes=[Route("/{path:path}", answer, methods=_METHODS)], lifespan=lifespan)


async def _body(http: HttpRequest) -> bytes:
    body = bytearray()
    if int(http.headers.get("content-length", "0")) <= MAX_BODY:
        async for part in http.stream():
            body += part
            if len(body) > MAX_BODY:
                break
        else:
            return bytes(body)
    raise Refusal(400, "The request is over 50 MB")


def _json(reply: Reply, headers: dict[str, str] | None = None) -> Response:
    headers = (headers or {}) | {"x-amz-request-id": str(uuid.uuid4())}
    if reply.document is None:
        return Response(status_code=reply.status, headers=headers)
    return Response(json.dumps(reply.document), reply.status, headers, "application/json")


def _s3tables_error(refusal: Refusal) -> Response:
    return _json(
        Reply(status=refusal.status, document={"message": refusal.message}),
        {"x-amzn-ErrorType": refusal.s3tables_kind},
    )


def _iceberg_error(refusal: Refusal) -> Response:
    error = {"message": refusal.message, "type": refusal.iceberg_kind, "code": refusal.status}
    return _json(Reply(status=refusal.status, document={"error": error}))
