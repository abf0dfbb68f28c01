"""The AWS account, table bucket and landing zone that the platform uses.

All of this comes from environment variables: AWS's own, plus `GV_TABLE_BUCKET_ARN`, `GV_LANDING_URI`, `GV_CATALOG_URI`
and `GV_IO_IMPL`. Only these settings differ between the stand-in and AWS.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache, lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from growth_verticals.cadence import Period

_ARN = re.compile(r"arn:aws[a-z-]*:s3tables:([a-z0-9-]+):(\d{12}):bucket/([a-z0-9-]{3,63})")
_TIMEOUT_S = 60
#: How often a request is sent, and the pause before the second time; each later pause is twice as long.
_ATTEMPTS = 4
_FIRST_PAUSE_S = 0.25
#: S3's error codes when a body is not what its checksum or length says. botocore does not retry them (status 400).
DAMAGED_IN_TRANSIT = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
_SERVICE_NAMES = {"s3": "S3", "s3tables": "S3 Tables"}
#: boto3 clients are thread-safe. Creating one from a shared session is not.
_client_lock = Lock()


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A configured access key. Without one, boto3's default credential chain (profile, role) is used."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The configured account. Its `repr` contains no secrets.

    :param landing_uri: the landing zone, which also contains the inbox: `s3://bucket/prefix` without a trailing slash.
    :param catalog_uri: the Iceberg REST endpoint.
    :param io_impl: pyiceberg FileIO class, or None for pyiceberg's default (pyarrow for `s3://`).
    """

    region: str
    table_bucket_arn: str
    landing_uri: str
    catalog_uri: str
    s3_endpoint: str | None = None
    s3tables_endpoint: str | None = None
    credentials: Credentials | None = None
    io_impl: str | None = None

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        credentials: Credentials | None = None,
        *,
        needs_landing: bool = True,
    ) -> Account:
        """Read the settings from `environment` (default: `os.environ`).

        Raises `ConfigurationError` that names the setting that is missing or wrong.

        :param needs_landing: whether `GV_LANDING_URI` is required. If it is not set, `landing_uri` is empty.
        """
        env = os.environ if environment is None else environment
        arn = _required(env, "GV_TABLE_BUCKET_ARN")
        match = _ARN.fullmatch(arn)
        if not match:
            raise ConfigurationError(
                "GV_TABLE_BUCKET_ARN is not a table bucket's ARN",
                expected="arn:aws:s3tables:<region>:<account>:bucket/<name>",
                next_step="copy the ARN from the table bucket's page in the S3 console",
            )
        landing = (_required(env, "GV_LANDING_URI") if needs_landing else env.get("GV_LANDING_URI", "")).rstrip("/")
        if landing and not re.fullmatch(r"s3://[a-z0-9][a-z0-9.-]+(/[^/]+)*", landing):
            raise ConfigurationError("GV_LANDING_URI is not an S3 URI", expected="s3://bucket or s3://bucket/prefix")
        region = env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or match[1]
        every_service = env.get("AWS_ENDPOINT_URL")
        return cls(
            region=region,
            table_bucket_arn=arn,
            landing_uri=landing,
            catalog_uri=env.get("GV_CATALOG_URI") or f"https://s3tables.{region}.amazonaws.com/iceberg",
            s3_endpoint=env.get("AWS_ENDPOINT_URL_S3") or every_service,
            s3tables_endpoint=env.get("AWS_ENDPOINT_URL_S3TABLES") or every_service,
            credentials=credentials,
            io_impl=env.get("GV_IO_IMPL") or None,
        )

    def client(self, service: str) -> Any:
        """Return a boto3 client for `s3` or `s3tables`, with timeouts and AWS's standard retry mode.

        See `shared_client`.
        """
        return shared_client(service, self.region, self._endpoint(service), self.credentials)

    def endpoint_name(self, service: str) -> str:
        """Return the name of an endpoint (`s3` or `s3tables`) for messages: its URL, or the service and the Region."""
        return self._endpoint(service) or f"{_SERVICE_NAMES[service]} in {self.region}"

    def _endpoint(self, service: str) -> str | None:
        return self.s3_endpoint if service == "s3" else self.s3tables_endpoint

    def landing_prefix(self, source: str, period: Period) -> str:
        """Return the URI prefix of one delivery's landed copies, without a trailing slash."""
        return f"{self.landing_uri}/{source}/{period.key}"

    def inbox_prefix(self, source: str) -> str:
        """Return the URI prefix of a source's inbox, without a trailing slash."""
        return f"{self.landing_uri}/inbox/{source}"


def shared_client(service: str, region: str | None, endpoint: str | None, keys: Credentials | None) -> Any:
    """Return the boto3 client that all callers and threads of a process share for these settings.

    It sends a request up to four times: if the server does not answer, is overloaded or fails (AWS's standard retry
    mode), and if bytes were damaged on the way (`DAMAGED_IN_TRANSIT`). Raises `ConfigurationError` if the AWS profile
    does not exist.
    """
    with _client_lock:
        return _client(_aws_environment(), service, region, endpoint, keys)


def _aws_environment() -> frozenset[tuple[str, str]]:
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


@cache
def _session(_environment: frozenset[tuple[str, str]]) -> Any:
    """Return one boto3 session per environment. A session takes 65 ms to create, and renews a role's keys itself."""
    import boto3
    from botocore.exceptions import ProfileNotFound

    try:
        return boto3.session.Session()
    except ProfileNotFound as error:
        raise ConfigurationError(str(error), next_step="set AWS_PROFILE to a profile of ~/.aws/config") from error


@lru_cache(maxsize=32)
def _client(
    environment: frozenset[tuple[str, str]],
    service: str,
    region: str | None,
    endpoint: str | None,
    keys: Credentials | None,
) -> Any:
    """Return one client per set of arguments. A client takes 10 ms to create, and has its own connections."""
    from botocore.config import Config

    client = _session(environment).client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=keys.access_key if keys else None,
        aws_secret_access_key=keys.secret_key if keys else None,
        aws_session_token=keys.token if keys else None,
        config=Config(
            connect_timeout=10,
            read_timeout=_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
            # Over http, boto3 would also hash every body: 3 % of a load's processor time. It sends a CRC32 with each.
            s3={"addressing_style": "path", "payload_signing_enabled": False} if service == "s3" and endpoint else None,
        ),
    )
    client.meta.events.register(f"needs-retry.{service}", _pause_after_damage, unique_id="damaged-in-transit")
    return client


def _pause_after_damage(response: tuple[Any, dict[str, Any]] | None, attempts: int, **_: object) -> float | None:
    """Return the seconds to wait before a request is sent again, or None: botocore's handler for `needs-retry`."""
    code = response[1].get("Error", {}).get("Code") if response else None
    return _FIRST_PAUSE_S * 2 ** (attempts - 1) if code in DAMAGED_IN_TRANSIT and attempts < _ATTEMPTS else None


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise ConfigurationError(
            f"{name} is not set",
            next_step="set it in the environment (docs/runbook.md), or start the local stand-in: ./gv local up",
        )
    return value
