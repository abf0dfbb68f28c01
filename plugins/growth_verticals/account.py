"""The AWS account, table bucket and landing zone that the platform uses.

All of this comes from environment variables: AWS's own, plus `GV_TABLE_BUCKET_ARN`, `GV_LANDING_URI`, `GV_CATALOG_URI`,
`GV_CLIENT_KEYS` and `GV_IO_IMPL`. Only these settings differ between the stand-in and AWS.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from functools import cache, lru_cache, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from growth_verticals.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from boto3.session import Session

    from growth_verticals.cadence import Period

_KMS_KEY = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:(key|alias)/[\w/-]+", re.ASCII)
_ARN = re.compile(r"arn:aws[a-z-]*:s3tables:([a-z0-9-]+):(\d{12}):bucket/([a-z0-9-]{3,63})")
_CLIENT_KEY = re.compile(r"([a-z0-9_]+)=(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key/[\w-]+)", re.ASCII)
CONNECT_TIMEOUT_S = 10
#: How long a server may send nothing. A part of 10 MiB takes 60 s at 1.4 Mbit/s.
READ_TIMEOUT_S = 60
#: How often a request is sent, unless AWS_MAX_ATTEMPTS says otherwise. Standard retry mode waits up to 20 s in between.
ATTEMPTS = 10
#: The longest pause before a damaged body is sent for the second time; each later one is twice as long, up to 20 s.
_FIRST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 20.0
#: S3's error codes when a body is not what its checksum or length says. botocore does not retry them (status 400).
DAMAGED_IN_TRANSIT = frozenset({"BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"})
_SERVICE_NAMES = {"s3": "S3", "s3tables": "S3 Tables"}
_ENCRYPTED_OPERATIONS = ("PutObject", "CreateMultipartUpload")
#: boto3 clients are thread-safe. Creating one from a shared session is not.
_client_lock = Lock()


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """A configured access key, which is not renewed."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """The configured account. Its `repr` contains no secrets.

    :param landing_uri: the landing zone, which also contains the inbox: `s3://bucket/prefix` without a trailing slash.
    :param catalog_uri: the Iceberg REST endpoint.
    :param credentials: an access key, or a boto3 session that renews its keys. None: boto3's default credential chain
        (environment, profile, SSO, `credential_process`, the role of an EKS pod, a container or an instance).
    :param landing_sse: the server-side encryption that every write to the landing bucket asks for: `AES256`, `aws:kms`,
        or the ARN of a KMS key. None: the bucket's default; no header. Some organizations refuse writes without it.
    :param io_impl: pyiceberg FileIO class, or None for pyiceberg's default (pyarrow for `s3://`).
    :param client_keys: namespace and ARN of each KMS key with which a client's tables are created.
    """

    region: str
    table_bucket_arn: str
    landing_uri: str
    catalog_uri: str
    s3_endpoint: str | None = None
    s3tables_endpoint: str | None = None
    credentials: Credentials | Session | None = field(default=None, repr=False)
    landing_sse: str | None = None
    io_impl: str | None = None
    client_keys: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_environment(
        cls,
        environment: Mapping[str, str] | None = None,
        credentials: Credentials | Session | None = None,
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
        sse = env.get("GV_LANDING_SSE") or None
        if sse and sse not in ("AES256", "aws:kms") and not _KMS_KEY.fullmatch(sse):
            raise ConfigurationError("GV_LANDING_SSE is not valid", expected="AES256, aws:kms or the ARN of a KMS key")
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
            landing_sse=sse,
            io_impl=env.get("GV_IO_IMPL") or None,
            client_keys=_client_keys(env.get("GV_CLIENT_KEYS", "")),
        )

    def session(self) -> Session:
        """Return the boto3 session that signs this account's requests. Ask it for its keys whenever they are used.

        Raises `ConfigurationError` if the AWS profile does not exist.
        """
        return session_of(self.credentials)

    def client(self, service: str) -> Any:
        """Return a boto3 client, such as for `s3` or `s3tables`, with timeouts and AWS's standard retry mode.

        See `shared_client`. Raises `ConfigurationError` if the AWS profile does not exist.
        """
        encryption = (
            (self.landing_uri.split("/")[2], self.landing_sse) if service == "s3" and self.landing_sse else None
        )
        return shared_client(service, self.region, self._endpoint(service), self.session(), encryption)

    def endpoint_name(self, service: str) -> str:
        """Return the name of a service's endpoint for messages: its URL, or the service and the Region."""
        return self._endpoint(service) or f"{_SERVICE_NAMES.get(service, service)} in {self.region}"

    def _endpoint(self, service: str) -> str | None:
        """Return the configured URL; for a service other than these two, boto3 reads AWS_ENDPOINT_URL_… itself."""
        return {"s3": self.s3_endpoint, "s3tables": self.s3tables_endpoint}.get(service)

    def client_key(self, namespace: str) -> str | None:
        """Return the ARN of the KMS key for new tables of a namespace; None: they have the table bucket's key."""
        return dict(self.client_keys).get(namespace)

    def landing_prefix(self, source: str, period: Period) -> str:
        """Return the URI prefix of one delivery's landed copies, without a trailing slash."""
        return f"{self.landing_uri}/{source}/{period.key}"

    def inbox_prefix(self, source: str) -> str:
        """Return the URI prefix of a source's inbox, without a trailing slash."""
        return f"{self.landing_uri}/inbox/{source}"


def session_of(credentials: Credentials | Session | None) -> Session:
    """Return the boto3 session of these credentials, one per process. Thread-safe. A session takes 65 ms to create.

    Raises `ConfigurationError` if the AWS profile does not exist.
    """
    if credentials is not None and not isinstance(credentials, Credentials):
        return credentials
    with _client_lock:
        return _session(_aws_environment(), credentials)


def shared_client(
    service: str,
    region: str | None,
    endpoint: str | None,
    session: Session,
    encryption: tuple[str, str] | None = None,
) -> Any:
    """Return the boto3 client that all callers and threads of a process share for these settings.

    It sends a request up to ten times: if the server does not answer within `READ_TIMEOUT_S`, throttles or fails (AWS's
    standard retry mode), and if bytes were damaged on the way (`DAMAGED_IN_TRANSIT`).

    :param encryption: a bucket, and the server-side encryption that writes to it ask for (`Account.landing_sse`).
    """
    with _client_lock:
        return _client(_aws_environment(), service, region, endpoint, session, encryption)


def _aws_environment() -> frozenset[tuple[str, str]]:
    return frozenset(item for item in os.environ.items() if item[0].startswith("AWS_"))


@cache
def _session(_environment: frozenset[tuple[str, str]], keys: Credentials | None) -> Session:
    from boto3.session import Session
    from botocore.exceptions import ProfileNotFound

    try:
        return Session(
            aws_access_key_id=keys.access_key if keys else None,
            aws_secret_access_key=keys.secret_key if keys else None,
            aws_session_token=keys.token if keys else None,
        )
    except ProfileNotFound as error:
        raise ConfigurationError(str(error), next_step="set AWS_PROFILE to a profile of ~/.aws/config") from error


@lru_cache(maxsize=32)
def _client(
    _environment: frozenset[tuple[str, str]],
    service: str,
    region: str | None,
    endpoint: str | None,
    session: Session,
    encryption: tuple[str, str] | None,
) -> Any:
    """Return one client per set of arguments. A client takes 10 ms to create, and has its own connections."""
    from botocore.config import Config

    client = session.client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        config=Config(
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": max_attempts()},
            # Over http, boto3 would also hash every body: 3 % of a load's processor time. It sends a CRC32 with each.
            s3={"addressing_style": "path", "payload_signing_enabled": False} if service == "s3" and endpoint else None,
        ),
    )
    events = client.meta.events
    events.register(f"needs-retry.{service}", _pause_after_damage, unique_id="damaged-in-transit")
    if encryption:
        for operation in _ENCRYPTED_OPERATIONS:
            events.register(f"provide-client-params.{service}.{operation}", partial(_encrypt, *encryption))
    return client


def max_attempts() -> int:
    """Return how often a request is sent: `ATTEMPTS`, or what AWS's own variable says."""
    text = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return int(text) if text.isdecimal() and int(text) else ATTEMPTS


def _pause_after_damage(response: tuple[Any, dict[str, Any]] | None, attempts: int, **_: object) -> float | None:
    """Return the seconds to wait before a request is sent again, or None: botocore's handler for `needs-retry`."""
    code = response[1].get("Error", {}).get("Code") if response else None
    if code not in DAMAGED_IN_TRANSIT or attempts >= max_attempts():
        return None
    return min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** (attempts - 1))


def _encrypt(bucket: str, sse: str, params: dict[str, Any], **_: object) -> dict[str, Any]:
    """Add the headers of server-side encryption: botocore's handler for `provide-client-params`."""
    if params.get("Bucket") != bucket:
        return params
    key = {"SSEKMSKeyId": sse} if sse.startswith("arn:") else {}
    return {**params, "ServerSideEncryption": "aws:kms" if key else sse, **key}


def _client_keys(text: str) -> tuple[tuple[str, str], ...]:
    matches = [_CLIENT_KEY.fullmatch(part.strip()) for part in text.split(",") if part.strip()]
    if not all(matches):
        raise ConfigurationError(
            "GV_CLIENT_KEYS does not name the keys of namespaces",
            expected="namespace=arn:aws:kms:<region>:<account>:key/<id>, separated by commas",
            next_step="copy each ClientKeyArn from the outputs of a client's stack (docs/access.md)",
        )
    return tuple((match[1], match[2]) for match in matches if match)


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name)
    if not value:
        raise ConfigurationError(
            f"{name} is not set",
            next_step="set it in the environment (docs/runbook.md), or start the local stand-in: ./gv local up",
        )
    return value
