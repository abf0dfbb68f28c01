"""The checks of `./gv doctor`. Each makes the calls of a part of a role's work, and collects the rights they lack."""

from __future__ import annotations

import uuid
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore import xform_name
from botocore.exceptions import ClientError
from pyiceberg.exceptions import CommitFailedException, NamespaceAlreadyExistsError, NoSuchTableError

from growth_verticals.bucket.settings import table_params
from growth_verticals.catalog.multipart import MultipartUpload
from growth_verticals.catalog.rest import find_credentials, open_catalog
from growth_verticals.catalog.service_errors import http_status, service_errors
from growth_verticals.errors import ConfigurationError, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.bucket.rights import Rights

_NAMESPACE = "gv_doctor"
#: The least size of all parts of a multipart upload but the last (S3 user guide, "Amazon S3 multipart upload limits").
_PART_BYTES = 5 * 2**20
_FEDERATION = "s3tablescatalog"
_LOAD_TABLE = ("s3tables:GetTableMetadataLocation", "s3tables:GetTableData")


class NotApplicableError(Exception):
    """A check does not apply. The text says why."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a check needs to know. A check returns what it found, as text; the rights that are missing are in `rights`.

    :param tables: declared tables, `namespace.table`.
    """

    account: Account
    rights: Rights
    tables: Sequence[str]


def check_credentials(probe: Probe) -> str:
    """Find where the credentials come from."""
    return find_credentials(probe.account)


def check_landing(probe: Probe) -> str:
    """Write, read and delete a small object, and compare the Regions of the two buckets."""
    account, rights = probe.account, probe.rights
    bucket, prefix, resource = _landing_folder(account)
    client, content = account.client("s3"), b"written by ./gv doctor"
    target = {"Bucket": bucket, "Key": f"{prefix}object"}
    with service_errors(f"checking {account.landing_uri}", account.endpoint_name("s3")):
        location = rights.call(
            lambda: client.get_bucket_location(Bucket=bucket), "s3:GetBucketLocation", on=f"arn:aws:s3:::{bucket}"
        )
        rights.call(lambda: client.put_object(**target, Body=content), "s3:PutObject", on=resource)
        read = rights.call(lambda: client.get_object(**target)["Body"].read(), "s3:GetObject", on=resource)
        if rights.role == "admin":
            rights.call(lambda: client.delete_object(**target), "s3:DeleteObject", on=resource)
    if read not in (None, content):
        raise ServiceError(f"a small object under {account.landing_uri} was read back with other content")
    region = (location or {}).get("LocationConstraint") or "us-east-1"
    region = "eu-west-1" if region == "EU" else region  # S3 API reference, GetBucketLocation
    if location and region != account.region:
        raise ConfigurationError(
            f"{account.landing_uri} is in another Region than the table bucket",
            expected=account.region,
            found=region,
            next_step="move one of them: each byte between Regions costs time and money",
        )
    return f"{account.landing_uri} in {region}: an object was written and read"


def check_multipart(probe: Probe) -> str:
    """Upload two parts with checksums, and complete them on the condition that the key is free, as landing does."""
    account, rights = probe.account, probe.rights
    bucket, prefix, resource = _landing_folder(account)
    client, key = account.client("s3"), f"{prefix}multipart"
    actions, completed = ("s3:PutObject", "kms:GenerateDataKey", "kms:Decrypt"), None
    with service_errors(f"uploading two parts to {account.landing_uri}", account.endpoint_name("s3")):
        upload = rights.call(lambda: MultipartUpload(client, bucket, key), *actions, on=resource)
        if upload is None:
            return ""
        try:
            parts = [upload.send(number, data) for number, data in ((1, bytes(_PART_BYTES)), (2, b"end"))]
            completed = rights.call(lambda: upload.complete(parts, IfNoneMatch="*"), *actions, on=resource)
        except ClientError as error:
            if http_status(error) != 412:  # the object of an earlier check, which a loader cannot delete
                raise
        finally:
            if completed is None:
                upload.abort()
        target = {"Bucket": bucket, "Key": key}
        target["UploadId"] = client.create_multipart_upload(**target)["UploadId"]
        rights.call(lambda: client.abort_multipart_upload(**target), "s3:AbortMultipartUpload", on=resource)
        if rights.role == "admin":
            rights.call(lambda: client.delete_object(Bucket=bucket, Key=key), "s3:DeleteObject", on=resource)
    return "two parts with checksums were uploaded and completed, if the key was free"


def check_table_bucket(probe: Probe) -> str:
    """Look up the table bucket."""
    account, rights = probe.account, probe.rights
    arn, endpoint, client = account.table_bucket_arn, account.endpoint_name("s3tables"), account.client("s3tables")
    with service_errors("looking up the table bucket", endpoint):
        bucket = rights.call(lambda: client.get_table_bucket(tableBucketARN=arn), "s3tables:GetTableBucket", on=arn)
    return f"{(bucket or {}).get('name')}, reached through {endpoint}"


def check_catalog(probe: Probe) -> str:
    """Open the catalog and list the namespaces."""
    account, rights, arn = probe.account, probe.rights, probe.account.table_bucket_arn
    catalog = rights.call(lambda: open_catalog(account), "s3tables:GetTableBucket", on=arn)
    if catalog is None:
        return ""
    with service_errors("listing the namespaces", account.catalog_uri):
        namespaces = rights.call(catalog.list_namespaces, "s3tables:ListNamespaces", on=arn)
    return f"{account.catalog_uri}: {len(namespaces or ())} namespace(s)"


def check_maintenance(probe: Probe) -> str:
    """Read the maintenance settings of the table bucket, and of a declared table that exists."""
    account, rights, arn = probe.account, probe.rights, probe.account.table_bucket_arn
    client = account.client("s3tables")
    with service_errors("reading the maintenance settings", account.endpoint_name("s3tables")):
        rights.call(
            lambda: client.get_table_bucket_maintenance_configuration(tableBucketARN=arn),
            "s3tables:GetTableBucketMaintenanceConfiguration",
            on=arn,
        )
        name, table = _first(probe, lambda name: client.get_table(**table_params(account, name)), "s3tables:GetTable")
        if table:
            parameters, resource = table_params(account, name), f"{arn}/table/*"
            for action in ("GetTableMaintenanceConfiguration", "GetTableMaintenanceJobStatus"):
                call = partial(getattr(client, xform_name(action)), **parameters)
                rights.call(call, f"s3tables:{action}", on=resource)
    return f"the settings of the table bucket and of {name or 'no table'} were read"


def check_grants(probe: Probe) -> str:
    """Read the table bucket's policy."""
    account, rights, arn = probe.account, probe.rights, probe.account.table_bucket_arn
    client = account.client("s3tables")

    def read_policy() -> None:
        with suppress(client.exceptions.NotFoundException):
            client.get_table_bucket_policy(tableBucketARN=arn)

    with service_errors("reading the table bucket's policy", account.endpoint_name("s3tables")):
        rights.call(read_policy, "s3tables:GetTableBucketPolicy", on=arn)
    return "the table bucket's policy was read"


def check_read(probe: Probe) -> str:
    """Read a declared table that exists, as its readers and loads do."""
    account, rights = probe.account, probe.rights
    catalog, resource = open_catalog(account), f"{account.table_bucket_arn}/table/*"
    with service_errors("reading a declared table", account.catalog_uri):
        name, table = _first(probe, catalog.load_table, *_LOAD_TABLE)
        if not name:
            raise NotApplicableError("no declared table exists yet")
        if table is None:
            return ""
        rights.call(
            lambda: table.io.new_input(table.metadata_location).open().read(1), "s3tables:GetTableData", on=resource
        )
        if rights.role == "loader":
            _refused_commit(probe, catalog, name)
        else:  # engines that read through Glue's federation
            get_table = partial(account.client("s3tables").get_table, **table_params(account, name))
            rights.call(get_table, "s3tables:GetTable", on=resource)
    return f"{name} was read"


def _refused_commit(probe: Probe, catalog: RestCatalog, name: str) -> None:
    """Commit a change on a condition that does not hold: S3 Tables refuses it after it has checked the rights."""
    from pyiceberg.table.update import AssertTableUUID, SetPropertiesUpdate

    def commit() -> None:
        with suppress(CommitFailedException):
            catalog.commit_table(
                catalog.load_table(name),
                (AssertTableUUID(uuid=uuid.uuid4()),),
                (SetPropertiesUpdate(updates={"gv.doctor": "never"}),),
            )

    actions = ("s3tables:UpdateTableMetadataLocation", "s3tables:PutTableData", "s3tables:GetTableData")
    probe.rights.call(commit, *actions, on=f"{probe.account.table_bucket_arn}/table/*")


def check_table(probe: Probe) -> str:
    """Create, write, read and drop a table. Each call is made, so that all missing rights are found at once."""
    import pyarrow as pa

    account, rights = probe.account, probe.rights
    catalog, bucket = open_catalog(account), account.table_bucket_arn
    tables, name = f"{bucket}/table/*", f"{_NAMESPACE}.probe_{uuid.uuid4().hex}"
    rows = pa.table({"n": pa.array([1, 2, 3], pa.int64())})

    def create_namespace() -> None:
        with suppress(NamespaceAlreadyExistsError):
            catalog.create_namespace(_NAMESPACE)

    with service_errors(f"creating, writing, reading and dropping the table {name}", account.catalog_uri):
        rights.call(create_namespace, "s3tables:CreateNamespace", on=bucket)
        rights.call(lambda: catalog.namespace_exists(_NAMESPACE), "s3tables:GetNamespace", on=bucket)
        rights.call(lambda: catalog.list_tables(_NAMESPACE), "s3tables:ListTables", on=bucket)
        table = rights.call(
            lambda: catalog.create_table(name, rows.schema), "s3tables:CreateTable", "s3tables:PutTableData", on=bucket
        )
        if table is None:
            return ""
        try:
            rights.call(lambda: catalog.table_exists(name), "s3tables:GetTable", on=tables)
            rights.call(lambda: catalog.load_table(name), *_LOAD_TABLE, on=tables)
            output = table.io.new_output(f"{table.location()}/data/{uuid.uuid4()}.parquet")
            written = rights.call(lambda: _write(output), "s3tables:PutTableData", on=tables)
            found = written and rights.call(
                lambda: output.to_input_file().open().read(), "s3tables:GetTableData", on=tables
            )
            if found:
                rights.call(lambda: table.append(rows), "s3tables:UpdateTableMetadataLocation", on=tables)
            read = None if rights.missing else catalog.load_table(name).scan().to_arrow()
        finally:
            rights.call(lambda: catalog.purge_table(name), "s3tables:DeleteTable", on=tables)
    if read is not None and read.column("n").to_pylist() != [1, 2, 3]:
        raise ServiceError(f"the table {name} was read back with other content")
    return "a table was created, written, read back and dropped"


def check_queries(probe: Probe) -> str:
    """Look up the federation that shows table buckets to Athena and other engines (include/cfn/analytics.yaml)."""
    account, rights = probe.account, probe.rights
    client = account.client("glue")
    if account.s3tables_endpoint and "amazonaws.com" in client.meta.endpoint_url:
        raise NotApplicableError("the stand-in has no Glue; Athena needs an account of AWS")
    resource = f"arn:aws:glue:{account.region}:{account.table_bucket_arn.split(':')[4]}:catalog/{_FEDERATION}"
    with service_errors("looking up the federation of S3 Tables", account.endpoint_name("glue")):
        try:
            rights.call(lambda: client.get_catalog(CatalogId=_FEDERATION), "glue:GetCatalog", on=resource)
        except client.exceptions.EntityNotFoundException:
            raise ConfigurationError(
                f"Glue has no catalog {_FEDERATION}, so Athena finds no table",
                next_step="create the stack of include/cfn/analytics.yaml (docs/query.md)",
            ) from None
    return f"Glue's catalog {_FEDERATION} exists: Athena can see the tables"


def _first(probe: Probe, find: Callable[[str], Any], *actions: str) -> tuple[str, Any]:
    """Return the name of the first declared table that exists, and what `find` returns for it.

    The second is None if a right is missing; both are empty if no table exists.
    """
    for name in probe.tables:
        try:
            return name, probe.rights.call(
                partial(find, name), *actions, on=f"{probe.account.table_bucket_arn}/table/*"
            )
        except NoSuchTableError:
            continue
        except ClientError as error:
            if http_status(error) != 404:
                raise
    return "", None


def _write(output: Any) -> bool:
    with output.create(overwrite=True) as stream:  # otherwise it lists, which S3 Tables refuses
        stream.write(b"written by ./gv doctor")
    return True


def _landing_folder(account: Account) -> tuple[str, str, str]:
    """Return the bucket, the key prefix and the ARN of the folder for the doctor's objects in the landing zone."""
    bucket, _, prefix = account.landing_uri.removeprefix("s3://").partition("/")
    prefix = f"{prefix}/" * bool(prefix) + f"{_NAMESPACE}/"
    return bucket, prefix, f"arn:aws:s3:::{bucket}/{prefix}*"
