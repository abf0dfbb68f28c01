"""Storage class, encryption, metrics, access log and replication: of the table bucket, and of a table.

What is not configured answers NotFoundException or an empty document (an assumption: botocore's service model lists the
error for each of these operations and does not say when it is raised). Both mean the same here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from growth_verticals.bucket.settings import table_params
from growth_verticals.bucket.tags import read_tags
from growth_verticals.catalog.service_errors import http_status, service_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from growth_verticals.account import Account
    from growth_verticals.source import StorageClass


@dataclass(frozen=True, kw_only=True)
class BucketState:
    """The table bucket's live settings, apart from maintenance.

    :param storage_class: of tables that are created without their own.
    :param encryption: `AES256` or `aws:kms`.
    :param log_bucket: where its access log goes; None if nothing is logged.
    :param replicated_to: names of the table buckets that its tables are copied to.
    """

    storage_class: str
    encryption: str
    request_metrics: bool
    log_bucket: str | None = None
    replicated_to: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TableState:
    """A table's live settings, apart from maintenance.

    :param replication: destination bucket → AWS's status: `pending`, `completed` or `failed`.
    """

    arn: str
    storage_class: str
    tags: Mapping[str, str]
    replication: Mapping[str, str] = field(default_factory=dict)


def read_bucket(account: Account) -> BucketState:
    """Return the table bucket's settings. Seven requests. Raises `ConfigurationError` or `ServiceError`."""
    client, arn = account.client("s3tables"), account.table_bucket_arn
    with service_errors("reading the settings of the table bucket", account.endpoint_name("s3tables")):
        storage = client.get_table_bucket_storage_class(tableBucketARN=arn)
        encryption = client.get_table_bucket_encryption(tableBucketARN=arn)
        metrics = _if_configured(client.get_table_bucket_metrics_configuration, tableBucketARN=arn)
        logging = _if_configured(client.get_table_bucket_logging, tableBucketARN=arn)
        replication = _if_configured(client.get_table_bucket_replication, tableBucketARN=arn)
    rules = replication.get("configuration", {}).get("rules", ())
    return BucketState(
        storage_class=storage["storageClassConfiguration"]["storageClass"],
        encryption=encryption["encryptionConfiguration"]["sseAlgorithm"],
        request_metrics="id" in metrics,
        log_bucket=logging.get("tableBucketLoggingStatus", {}).get("loggingEnabled", {}).get("targetBucket"),
        replicated_to=tuple(
            _bucket_name(destination["destinationTableBucketARN"])
            for rule in rules
            for destination in rule["destinations"]
        ),
        tags=read_tags(account, arn),
    )


def read_table(account: Account, table: str, *, with_replication: bool = False) -> TableState:
    """Return a table's settings. Three requests, four with its replication. Raises as `read_bucket`.

    :param table: `namespace.table`.
    """
    client, params = account.client("s3tables"), table_params(account, table)
    replication: dict[str, Any] = {}
    with service_errors(f"reading the settings of {table}", account.endpoint_name("s3tables")):
        arn = client.get_table(**params)["tableARN"]
        storage = client.get_table_storage_class(**params)
        if with_replication:
            replication = _if_configured(client.get_table_replication_status, tableArn=arn)
    return TableState(
        arn=arn,
        storage_class=storage["storageClassConfiguration"]["storageClass"],
        tags=read_tags(account, arn),
        replication={
            _bucket_name(each["destinationTableBucketArn"]): each["replicationStatus"]
            for each in replication.get("destinations", ())
        },
    )


def put_storage_class(account: Account, storage_class: StorageClass) -> None:
    """Set the storage class of new tables. It changes no table: a table's class is set when it is created."""
    with service_errors("setting the table bucket's storage class", account.endpoint_name("s3tables")):
        account.client("s3tables").put_table_bucket_storage_class(
            tableBucketARN=account.table_bucket_arn, storageClassConfiguration={"storageClass": storage_class}
        )


def put_request_metrics(account: Account, *, enabled: bool) -> None:
    """Let CloudWatch have metrics of the table bucket's requests, or not."""
    client = account.client("s3tables")
    call = (
        client.put_table_bucket_metrics_configuration if enabled else client.delete_table_bucket_metrics_configuration
    )
    with service_errors("setting the table bucket's request metrics", account.endpoint_name("s3tables")):
        call(tableBucketARN=account.table_bucket_arn)


def put_access_log(account: Account, bucket: str) -> None:
    """Write the table bucket's access log to a general purpose bucket, under the table bucket's name and by day.

    The bucket must be in the same account and Region, and its default encryption must not be SSE-KMS (S3 user guide,
    "Logging requests for S3 Tables using server access logging"). `include/cfn/log-bucket.yaml` makes such a one.
    """
    target = {
        "targetBucket": bucket,
        "targetPrefix": f"{_bucket_name(account.table_bucket_arn)}/",
        "targetObjectKeyFormat": {"partitionedPrefix": {"partitionDateSource": "EventTime"}},
    }
    with service_errors("setting the table bucket's access log", account.endpoint_name("s3tables")):
        account.client("s3tables").put_table_bucket_logging(
            tableBucketARN=account.table_bucket_arn, tableBucketLoggingStatus={"loggingEnabled": target}
        )


def _if_configured(call: Callable[..., Any], **parameters: str) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = call(**parameters)
    except ClientError as error:
        if http_status(error) == 404:
            return {}
        raise
    return answer


def _bucket_name(arn: str) -> str:
    return arn.rpartition("/")[2]
