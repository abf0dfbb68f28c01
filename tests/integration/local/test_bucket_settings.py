"""Settings of the table bucket: boto3's classes for what is not configured, and each value that was put."""

from __future__ import annotations

import pytest


def test_what_is_not_configured_raises_boto3_s_class(bucket, s3tables) -> None:
    missing = s3tables.exceptions.NotFoundException
    arn = f"{bucket['tableBucketARN']}/table/0b7a"
    s3tables.delete_table_bucket_metrics_configuration(**bucket)  # other tests can have put them
    s3tables.put_table_bucket_logging(**bucket, tableBucketLoggingStatus={})
    with pytest.raises(missing):
        s3tables.get_table_bucket_metrics_configuration(**bucket)
    with pytest.raises(missing):
        s3tables.get_table_bucket_replication(**bucket)
    with pytest.raises(missing):
        s3tables.get_table_replication(tableArn=arn)
    with pytest.raises(missing):
        s3tables.get_table_replication_status(tableArn=arn)
    with pytest.raises(missing):
        s3tables.get_table_storage_class(**bucket, namespace="no_such", name="table")
    assert s3tables.get_table_bucket_logging(**bucket)["tableBucketLoggingStatus"] == {}
    encryption = s3tables.get_table_bucket_encryption(**bucket)["encryptionConfiguration"]
    assert encryption == {"sseAlgorithm": "AES256"}


def test_a_value_outside_of_the_service_model_is_refused(bucket, s3tables) -> None:
    refused = s3tables.exceptions.BadRequestException
    with pytest.raises(refused):
        s3tables.put_table_bucket_storage_class(**bucket, storageClassConfiguration={"storageClass": "GLACIER"})
    with pytest.raises(refused):
        s3tables.create_table(
            **bucket, namespace="any", name="t", format="ICEBERG", storageClassConfiguration={"storageClass": "ICE"}
        )


def test_metrics_are_on_until_they_are_deleted(bucket, s3tables) -> None:
    s3tables.put_table_bucket_metrics_configuration(**bucket)
    assert s3tables.get_table_bucket_metrics_configuration(**bucket)["id"]
    s3tables.delete_table_bucket_metrics_configuration(**bucket)
    with pytest.raises(s3tables.exceptions.NotFoundException):
        s3tables.get_table_bucket_metrics_configuration(**bucket)
