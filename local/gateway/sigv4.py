"""AWS Signature Version 4: verify a client's signature as an AWS service does, and sign requests to the store."""

from __future__ import annotations

import hashlib
import hmac
import re
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.gateway.errors import ApiError
from local.settings import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.keys import KeyPair

SERVICE = "s3tables"
_UNSIGNED_PAYLOAD = "UNSIGNED-PAYLOAD"
_MAX_CLOCK_SKEW = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>(?P<day>\d{8})/(?P<region_service>[^,]+)/aws4_request), *"
    r"SignedHeaders=(?P<headers>[^,]+), *Signature=(?P<signature>[0-9a-f]{64})"
)


def verify(
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes,
    secrets: Mapping[str, str],
    now: datetime | None = None,
) -> str:
    """Return the access key id that signed the request. Raises `ApiError` 403 with AWS's name for the error.

    :param path: percent-encoded, as received.
    :param query: percent-encoded, as received.
    :param headers: values by lower-case name.
    :param secrets: secret keys by access key id.
    """
    match = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not match:
        raise ApiError(403, "Missing or malformed Signature Version 4 header", "MissingAuthenticationTokenException")
    secret = secrets.get(match["key"])
    if secret is None:
        raise ApiError(403, "The security token included in the request is invalid.", "UnrecognizedClientException")
    if match["region_service"] != f"{REGION}/{SERVICE}":
        raise _invalid_signature(f"Credential should be scoped to {REGION}/{SERVICE}.")
    timestamp = headers.get("x-amz-date", "")
    _check_date(timestamp, match["day"], now or datetime.now(UTC))
    signed_headers = match["headers"].split(";")
    if not {"host", "x-amz-date"}.issubset(signed_headers):
        raise _invalid_signature("The headers host and x-amz-date must be signed.")
    body_sha256 = hashlib.sha256(body).hexdigest()
    signed_sha256 = headers.get("x-amz-content-sha256", body_sha256)
    if signed_sha256 not in (body_sha256, _UNSIGNED_PAYLOAD):
        raise _invalid_signature("The body is not the one that was signed.")
    canonical_request = [
        method,
        quote(path, safe="/~"),
        _canonical_query(query),
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed_headers),
        "",
        match["headers"],
        signed_sha256,
    ]
    request_sha256 = hashlib.sha256("\n".join(canonical_request).encode()).hexdigest()
    string_to_sign = "\n".join(["AWS4-HMAC-SHA256", timestamp, match["scope"], request_sha256])
    expected = reduce(_hmac, [*match["scope"].split("/"), string_to_sign], f"AWS4{secret}".encode()).hex()
    if not hmac.compare_digest(expected, match["signature"]):
        raise _invalid_signature("The request signature we calculated does not match the signature you provided.")
    return match["key"]


def sign(method: str, url: str, body: bytes, pair: KeyPair) -> dict[str, str]:
    """Return the headers of a request to the store, with its signature."""
    request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(pair.access_key, pair.secret_key), SERVICE, REGION).add_auth(request)
    return dict(request.headers.items())


def _check_date(timestamp: str, day: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(timestamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _invalid_signature("The header x-amz-date is missing or malformed.") from None
    if abs(now - signed_at) > _MAX_CLOCK_SKEW or day != timestamp[:8]:
        raise _invalid_signature(f"Signature expired: {timestamp} is not within 15 minutes of {now:%Y%m%dT%H%M%SZ}.")


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _invalid_signature(message: str) -> ApiError:
    return ApiError(403, message, "InvalidSignatureException")
