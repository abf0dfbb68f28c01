"""AWS Signature Version 4: checked as a service checks it, and made anew for the store."""

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

from local.gateway.errors import Refusal
from local.settings import REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from local.keys import KeyPair

SERVICE = "s3tables"
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TOLERANCE = timedelta(minutes=15)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>(?P<day>\d{8})/(?P<place>[^,]+)/aws4_request), *"
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
    """Return the access key id that signed the request. Raises `Refusal` 403, named as AWS names it.

    :param path: and `query`: percent-encoded, as they came.
    :param headers: by lower-case name.
    :param secrets: secret keys by access key id.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if not found:
        raise Refusal(403, "Missing or malformed Signature Version 4 header", "MissingAuthenticationTokenException")
    secret = secrets.get(found["key"])
    if secret is None:
        raise Refusal(403, "The security token included in the request is invalid.", "UnrecognizedClientException")
    if found["place"] != f"{REGION}/{SERVICE}":
        raise _wrong(f"Credential should be scoped to {REGION}/{SERVICE}.")
    stamp = headers.get("x-amz-date", "")
    _check_date(stamp, found["day"], now or datetime.now(UTC))
    signed = found["headers"].split(";")
    if not {"host", "x-amz-date"}.issubset(signed):
        raise _wrong("The headers host and x-amz-date must be signed.")
    digest = hashlib.sha256(body).hexdigest()
    claimed = headers.get("x-amz-content-sha256", digest)
    if claimed not in (digest, _UNSIGNED):
        raise _wrong("The body is not the one that was signed.")
    canonical = [
        method,
        quote(path, safe="/~"),
        _canonical_query(query),
        *(f"{name}:{' '.join(headers.get(name, '').split())}" for name in signed),
        "",
        found["headers"],
        claimed,
    ]
    text = ["AWS4-HMAC-SHA256", stamp, found["scope"], hashlib.sha256("\n".join(canonical).encode()).hexdigest()]
    expected = reduce(_hmac, [*found["scope"].split("/"), "\n".join(text)], f"AWS4{secret}".encode()).hex()
    if not hmac.compare_digest(expected, found["signature"]):
        raise _wrong("The request signature we calculated does not match the signature you provided.")
    return found["key"]


def sign(method: str, url: str, body: bytes, pair: KeyPair) -> dict[str, str]:
    """Return the headers of a signed request to the store."""
    request = AWSRequest(method, url, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(pair.access_key, pair.secret_key), SERVICE, REGION).add_auth(request)
    return dict(request.headers.items())


def _check_date(stamp: str, day: str, now: datetime) -> None:
    try:
        signed_at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _wrong("The header x-amz-date is missing or malformed.") from None
    if abs(now - signed_at) > _TOLERANCE or day != stamp[:8]:
        raise _wrong(f"Signature expired: {stamp} is not within 15 minutes of {now:%Y%m%dT%H%M%SZ}.")


def _canonical_query(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return "&".join(sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs))


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _wrong(message: str) -> Refusal:
    return Refusal(403, message, "InvalidSignatureException")
