"""The gateway's client for the store. It uses the administrator's key pair."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import httpx

from local.gateway.errors import ApiError
from local.gateway.sigv4 import sign
from local.settings import TABLE_BUCKET, TABLE_BUCKET_ARN, Settings

if TYPE_CHECKING:
    from local.keys import KeyPair

_TIMEOUT_S = 60.0
ENCODED_BUCKET_ARN = quote(TABLE_BUCKET_ARN, safe="")


class Upstream:
    """SeaweedFS's two APIs: the S3 Tables API on its S3 port, and its Iceberg REST catalog."""

    def __init__(self, settings: Settings, administrator: KeyPair) -> None:
        self._settings = settings
        self._key_pair = administrator
        self._http = httpx.AsyncClient(timeout=_TIMEOUT_S, trust_env=False)

    async def close(self) -> None:
        await self._http.aclose()

    async def s3tables(self, method: str, path: str, query: str = "", body: bytes = b"") -> dict[str, Any]:
        """Call the S3 Tables API and return the response's JSON; an empty response is an empty object.

        Raises `ApiError` with the store's HTTP status. The store's error types differ from AWS's and are not used.
        """
        response = await self._send(method, f"{self._settings.s3_endpoint}{path}", query, body)
        if response.is_success:
            return dict(_document(response))
        raise ApiError(response.status_code, str(_document(response).get("message") or "The store refused the request"))

    async def iceberg(self, method: str, path: str, query: str = "", body: bytes = b"") -> tuple[int, dict[str, Any]]:
        """Call the REST catalog with a path after the table bucket's prefix. Return the status and the JSON.

        Raises `ApiError` with the store's HTTP status and error type, which follow the specification.
        """
        url = f"{self._settings.store_catalog_url}/v1/{TABLE_BUCKET}/{path}"
        response = await self._send(method, url, query, body)
        document = _document(response)
        if response.is_success:
            return response.status_code, document
        error = document.get("error", {})
        message = str(error.get("message", "The store refused the request"))
        raise ApiError(response.status_code, message, error.get("type"))

    async def get_table(self, namespace: str, name: str) -> dict[str, Any]:
        """Return the S3 Tables API's description of a table. Raises `ApiError` 404."""
        query = urlencode({"tableBucketARN": TABLE_BUCKET_ARN, "namespace": namespace, "name": name})
        return await self.s3tables("GET", "/get-table", query)

    async def require_namespace(self, namespace: str) -> None:
        """Raise `ApiError` 404 unless the namespace exists."""
        await self.s3tables("GET", f"/namespaces/{ENCODED_BUCKET_ARN}/{quote(namespace, safe='')}")

    async def has_table(self, namespace: str, name: str) -> bool:
        """Return whether a table of this name exists."""
        try:
            await self.get_table(namespace, name)
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    async def _send(self, method: str, url: str, query: str, body: bytes) -> httpx.Response:
        if query:
            url = f"{url}?{query}"
        try:
            return await self._http.request(method, url, content=body, headers=sign(method, url, body, self._key_pair))
        except httpx.HTTPError as error:
            raise ApiError(503, f"The store does not respond: {type(error).__name__}", "ServiceUnavailable") from error


def _document(response: httpx.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:  # no body, or XML from the S3 API
        return {}
    return document if isinstance(document, dict) else {}
