"""The store behind the gateway, asked in the name of its administrator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpx

from local.gateway.errors import Refusal
from local.gateway.sigv4 import sign
from local.settings import TABLE_BUCKET, TABLE_BUCKET_ARN, Settings

if TYPE_CHECKING:
    from local.keys import KeyPair

_TIMEOUT_S = 60.0
ARN_PART = quote(TABLE_BUCKET_ARN, safe="")


class Upstream:
    """SeaweedFS's two doors: the S3 Tables API on its S3 port, and its Iceberg REST catalog."""

    def __init__(self, settings: Settings, administrator: KeyPair) -> None:
        self._settings = settings
        self._pair = administrator
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def s3tables(self, method: str, path: str, query: str = "", body: bytes = b"") -> dict[str, Any]:
        """Call the S3 Tables API and return its answer; an empty answer is an empty object.

        Raises `Refusal` with the store's status, which alone of its errors is AWS's.
        """
        answer = await self._send(method, f"{self._settings.s3_endpoint}{path}", query, body)
        if answer.is_success:
            return dict(_document(answer))
        raise Refusal(answer.status_code, str(_document(answer).get("message") or "The store refused the request"))

    async def iceberg(self, method: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Call the REST catalog with a path below the table bucket's prefix; return status and answer.

        Raises `Refusal` with the store's status and error type, which are the specification's.
        """
        url = f"{self._settings.store_catalog}/v1/{TABLE_BUCKET}/{path}"
        answer = await self._send(method, url, query, body)
        document = _document(answer)
        if answer.is_success:
            return answer.status_code, document
        error = document.get("error", {})
        raise Refusal(answer.status_code, str(error.get("message", "The store refused the request")), error.get("type"))

    async def get_table(self, namespace: str, name: str) -> dict[str, Any]:
        """Return the S3 Tables API's description of a table. Raises `Refusal` 404."""
        query = urlencode({"tableBucketARN": TABLE_BUCKET_ARN, "namespace": namespace, "name": name})
        return await self.s3tables("GET", "/get-table", query)

    async def require_namespace(self, namespace: str) -> None:
        """Raise `Refusal` 404 unless the namespace exists."""
        await self.s3tables("GET", f"/namespaces/{ARN_PART}/{quote(namespace, safe='')}")

    async def has_table(self, namespace: str, name: str) -> bool:
        """Tell whether a table of that name exists."""
        try:
            await self.get_table(namespace, name)
        except Refusal as refusal:
            if refusal.status == 404:
                return False
            raise
        return True

    async def _send(self, method: str, url: str, query: str, body: bytes) -> httpx.Response:
        if query:
            url = f"{url}?{query}"
        try:
            return await self._http.request(method, url, content=body, headers=sign(method, url, body, self._pair))
        except httpx.HTTPError as error:
            raise Refusal(503, f"The store does not answer: {type(error).__name__}", "ServiceUnavailable") from error


def _document(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:  # no body, or XML from the S3 part
        return {}
    return found if isinstance(found, dict) else {}
