"""The stand-in's settings: the folder for its state, its ports, and the names of its buckets and vendors."""

from __future__ import annotations

import os
import random
import socket
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT_ID = "000000000000"
TABLE_BUCKET = "gv-tables"
TABLE_BUCKET_ARN = f"arn:aws:s3tables:{REGION}:{ACCOUNT_ID}:bucket/{TABLE_BUCKET}"
LANDING_BUCKET = "gv-landing"
S3_VENDORS = ("statara", "stirista", "popsycle")
SFTP_VENDORS = ("aiq", "healthwise")
OUTGOING = "outgoing"

_REPOSITORY = Path(__file__).resolve().parent.parent
#: The store's internal listeners, in the order of their ports. Clients of the stand-in do not use them.
_LISTENERS = ("catalog", "master", "master.grpc", "volume", "volume.grpc", "filer", "filer.grpc", "s3.grpc", "admin")
#: The store's maintenance worker always expects the admin server's gRPC port at this offset, whatever its setting is.
_ADMIN_GRPC_OFFSET = 10_000


class StandInError(Exception):
    """A command on the stand-in failed. The message says what to do next."""


def vendor_bucket(vendor: str) -> str:
    """Return the bucket to which `vendor` delivers."""
    return f"vendor-{vendor}"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one stand-in. Each field is also an environment variable, `GV_LOCAL_<FIELD>`.

    :param state: folder for everything that the stand-in stores: data, keys, logs, pid files.
    :param store_port: the first of nine consecutive ports for the store's internal listeners. The store uses one more,
        10,000 above the last.
    """

    state: Path = _REPOSITORY / ".state" / "local"
    s3_port: int = 8333
    gateway_port: int = 8334
    sftp_port: int = 8322
    store_port: int = 18330

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read `GV_LOCAL_*` from `environment`, by default `os.environ`. Raises `StandInError` for an invalid port."""
        env = os.environ if environment is None else environment
        state = Path(env.get("GV_LOCAL_STATE") or cls.state).resolve()
        ports = {}
        for field in ("s3_port", "gateway_port", "sftp_port", "store_port"):
            text = env.get(_variable(field)) or str(getattr(cls, field))
            if not text.isdecimal() or not 1024 <= int(text) <= 55000:
                raise StandInError(f"{_variable(field)} is not a port. Next: set it to a number from 1024 to 55000.")
            ports[field] = int(text)
        return cls(state=state, **ports)

    @classmethod
    def with_free_ports(cls, state: Path) -> Settings:
        """Return settings whose ports are all free now. They are below the system's range of ephemeral ports."""
        while True:
            first = random.randrange(10_000, 22_000)  # noqa: S311
            settings = cls(
                state=state, s3_port=first, gateway_port=first + 1, sftp_port=first + 2, store_port=first + 3
            )
            if all(is_free(port) for port in (*range(first, first + 3), *settings.internal_ports.values())):
                return settings

    def to_environment(self) -> dict[str, str]:
        """Return the variables that `from_environment` reads."""
        fields = ("state", "s3_port", "gateway_port", "sftp_port", "store_port")
        return {_variable(field): str(getattr(self, field)) for field in fields}

    @property
    def internal_ports(self) -> dict[str, int]:
        """The ports of the store's internal listeners, by name."""
        ports = {name: self.store_port + offset for offset, name in enumerate(_LISTENERS)}
        return ports | {"admin.grpc": ports["admin"] + _ADMIN_GRPC_OFFSET}

    @property
    def s3_endpoint(self) -> str:
        return f"http://{HOST}:{self.s3_port}"

    @property
    def store_catalog_url(self) -> str:
        return f"http://{HOST}:{self.internal_ports['catalog']}"

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.gateway_port}"


def no_proxy_variables() -> dict[str, str]:
    """Return `NO_PROXY` and `no_proxy` with this machine added, so that local requests bypass the shell's proxy."""
    current = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = ",".join(dict.fromkeys([HOST, "localhost", *filter(None, current.split(","))]))
    return {"NO_PROXY": hosts, "no_proxy": hosts}


def is_free(port: int) -> bool:
    """Return whether a server can listen on `port` now."""
    with closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((HOST, port))
        except OSError:
            return False
    return True


def _variable(field: str) -> str:
    return f"GV_LOCAL_{field.upper()}"
