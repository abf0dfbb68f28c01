"""The S3 Tables API raises boto3's exception classes, has AWS's defaults and ranges, and fakes no success."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.transforms import IdentityTransform

from local.store import run_maintenance

FIELDS = [{"name": "state", "type": "string", "required": True}, {"name": "people", "type": "decimal(9, 2)"}]


@pytest.fixture
def table(bucket, namespace, s3tables) -> dict[str, str]:
    """The parameters that identify a table without a sort order."""
    identifier = bucket | {"namespace": namespace, "name": "census"}
    s3tables.create_table(**identifier, format="ICEBERG", metadata={"iceberg": {"schema": {"fields": FIELDS}}})
    return identifier


def test_create_table_creates_the_schema(table, catalog) -> None:
    created = catalog.load_table((table["namespace"], "census"))
    assert [(field.name, str(field.field_type), field.required) for field in created.schema().fields] == [
        ("state", "string", True),
        ("people", "decimal(9, 2)", False),
    ]


def test_create_table_applies_all_of_schema_v2(bucket, namespace, s3tables, catalog) -> None:
    s3tables.create_table(
        **bucket,
        namespace=namespace,
        name="census",
        format="ICEBERG",
        tags={"team": "data"},
        metadata={
            "iceberg": {
                "schemaV2": {
                    "type": "struct",
                    "fields": [
                        {"id": 4, "name": "state", "type": "string", "required": True, "doc": "Two letters"},
                        {
                            "id": 7,
                            "name": "extra",
                            "required": False,
                            "type": {
                                "type": "map",
                                "key-id": 8,
                                "key": "string",
                                "value-id": 9,
                                "value": "string",
                                "value-required": False,
                            },
                        },
                    ],
                    "identifierFieldIds": [4],
                },
                "partitionSpec": {"fields": [{"sourceId": 4, "transform": "identity", "name": "state"}]},
                "writeOrder": {
                    "orderId": 1,
                    "fields": [{"sourceId": 4, "transform": "identity", "direction": "asc", "nullOrder": "nulls-last"}],
                },
                "properties": {"write.parquet.compression-codec": "zstd"},
            }
        },
    )
    created = catalog.load_table((namespace, "census"))
    state = created.schema().find_field("state")
    assert state.doc == "Two letters"
    assert created.schema().identifier_field_ids == [state.field_id]
    assert str(created.schema().find_type("extra")) == "map<string, string>"
    assert [(field.name, field.transform) for field in created.spec().fields] == [("state", IdentityTransform())]
    assert [field.source_id for field in created.sort_order().fields] == [state.field_id]
    assert created.properties["write.parquet.compression-codec"] == "zstd"
    arn = s3tables.get_table(**bucket, namespace=namespace, name="census")["tableARN"]
    assert s3tables.list_tags_for_resource(resourceArn=arn)["tags"] == {"team": "data"}


def test_a_table_created_without_a_schema_has_no_metadata(bucket, namespace, s3tables, rest) -> None:
    s3tables.create_table(**bucket, namespace=namespace, name="bare", format="ICEBERG")
    assert "metadataLocation" not in s3tables.get_table(**bucket, namespace=namespace, name="bare")
    assert rest("GET", f"namespaces/{namespace}/tables/bare").status_code == 400


def test_errors_raise_boto3_s_exception_classes(table, bucket, namespace, s3tables) -> None:
    errors = s3tables.exceptions
    with pytest.raises(errors.ConflictException):
        s3tables.create_table(**table, format="ICEBERG")
    with pytest.raises(errors.ConflictException):
        s3tables.create_namespace(**bucket, namespace=[namespace])
    with pytest.raises(errors.ConflictException):
        s3tables.delete_namespace(**bucket, namespace=namespace)
    with pytest.raises(errors.ConflictException):
        s3tables.delete_table(**table, versionToken="not-this-one")
    with pytest.raises(errors.NotFoundException):
        s3tables.get_table(**table | {"name": "missing"})
    with pytest.raises(errors.NotFoundException):
        s3tables.get_namespace(**bucket, namespace="missing")
    with pytest.raises(errors.NotFoundException):
        s3tables.list_tables(**bucket, namespace="missing")
    with pytest.raises(errors.NotFoundException):
        s3tables.create_table(**bucket, namespace="missing", name="census", format="ICEBERG")
    with pytest.raises(errors.NotFoundException):
        s3tables.get_table_bucket(tableBucketARN=f"{bucket['tableBucketARN']}-of-another")
    with pytest.raises(errors.NotFoundException):
        s3tables.get_table_policy(**table)


@pytest.mark.parametrize("name", ["Census", "cen-sus", "_census", "census_", "c" * 256])
def test_an_invalid_table_name_is_refused(bucket, namespace, s3tables, name) -> None:
    with pytest.raises(s3tables.exceptions.BadRequestException):
        s3tables.create_table(**bucket, namespace=namespace, name=name, format="ICEBERG")


@pytest.mark.parametrize("levels", [["Aiq"], ["ai-q"], ["_aiq"], ["aiq_"], ["aws_aiq"], ["a" * 256]])
def test_an_invalid_namespace_name_is_refused(bucket, s3tables, levels) -> None:
    with pytest.raises(s3tables.exceptions.BadRequestException):
        s3tables.create_namespace(**bucket, namespace=levels)


def test_a_column_type_that_iceberg_lacks_is_refused(bucket, namespace, s3tables) -> None:
    fields = [{"name": "state", "type": "varchar(2)"}]
    with pytest.raises(s3tables.exceptions.BadRequestException):
        s3tables.create_table(
            **bucket,
            namespace=namespace,
            name="census",
            format="ICEBERG",
            metadata={"iceberg": {"schema": {"fields": fields}}},
        )


def test_a_table_s_arn_ends_in_an_id(table, s3tables) -> None:
    arn = s3tables.get_table(**table)["tableARN"]
    assert "census" not in arn
    assert (
        s3tables.list_tables(tableBucketARN=table["tableBucketARN"], namespace=table["namespace"])["tables"][0][
            "tableARN"
        ]
        == arn
    )
    assert s3tables.get_table(tableArn=arn)["name"] == "census"


def test_get_table_metadata_location_returns_the_catalog_s_locations(table, s3tables, catalog) -> None:
    response = s3tables.get_table_metadata_location(**table)
    loaded = catalog.load_table((table["namespace"], "census"))
    assert (response["metadataLocation"], response["warehouseLocation"]) == (
        loaded.metadata_location,
        loaded.location(),
    )


def test_a_table_is_renamed(table, s3tables) -> None:
    s3tables.rename_table(**table, newName="census_2020")
    assert s3tables.get_table(**table | {"name": "census_2020"})["name"] == "census_2020"
    with pytest.raises(s3tables.exceptions.NotFoundException):
        s3tables.get_table(**table)
    with pytest.raises(s3tables.exceptions.ConflictException):
        s3tables.rename_table(**table | {"name": "census_2020"}, newName="census", versionToken="not-this-one")


# --- maintenance ----------------------------------------------------------------------------------------------------


def test_maintenance_has_aws_s_defaults(table, bucket, s3tables) -> None:
    assert s3tables.get_table_maintenance_configuration(**table)["configuration"] == {
        "icebergCompaction": {
            "status": "enabled",
            "settings": {"icebergCompaction": {"targetFileSizeMB": 512, "strategy": "auto"}},
        },
        "icebergSnapshotManagement": {
            "status": "enabled",
            "settings": {"icebergSnapshotManagement": {"minSnapshotsToKeep": 1, "maxSnapshotAgeHours": 120}},
        },
    }
    bucket_configuration = s3tables.get_table_bucket_maintenance_configuration(**bucket)["configuration"]
    assert bucket_configuration["icebergUnreferencedFileRemoval"]["status"] == "enabled"


def test_maintenance_settings_are_stored(table, bucket, s3tables) -> None:
    _put(s3tables, table, "icebergCompaction", targetFileSizeMB=64, strategy="binpack")
    _put(s3tables, table, "icebergSnapshotManagement", maxSnapshotAgeHours=24)
    s3tables.put_table_maintenance_configuration(
        **table, type="icebergSnapshotManagement", value={"status": "disabled"}
    )
    configuration = s3tables.get_table_maintenance_configuration(**table)["configuration"]
    assert configuration["icebergCompaction"]["settings"]["icebergCompaction"] == {
        "targetFileSizeMB": 64,
        "strategy": "binpack",
    }
    assert configuration["icebergSnapshotManagement"]["status"] == "disabled"
    s3tables.put_table_bucket_maintenance_configuration(
        **bucket,
        type="icebergUnreferencedFileRemoval",
        value={
            "status": "enabled",
            "settings": {"icebergUnreferencedFileRemoval": {"unreferencedDays": 5, "nonCurrentDays": 12}},
        },
    )
    configuration = s3tables.get_table_bucket_maintenance_configuration(**bucket)["configuration"]
    assert configuration["icebergUnreferencedFileRemoval"]["settings"] == {
        "icebergUnreferencedFileRemoval": {"unreferencedDays": 5, "nonCurrentDays": 12}
    }


@pytest.mark.parametrize(
    ("maintenance_type", "settings"),
    [
        ("icebergCompaction", {"targetFileSizeMB": 63}),
        ("icebergCompaction", {"targetFileSizeMB": 513}),
        ("icebergCompaction", {"strategy": "tetris"}),
        ("icebergCompaction", {"strategy": "sort"}),
        ("icebergCompaction", {"strategy": "z-order"}),
        ("icebergSnapshotManagement", {"minSnapshotsToKeep": 2**31}),
    ],
)
def test_invalid_maintenance_settings_are_refused(table, s3tables, maintenance_type, settings) -> None:
    with pytest.raises(s3tables.exceptions.BadRequestException):
        _put(s3tables, table, maintenance_type, **settings)


def test_settings_of_another_type_are_refused(table, s3tables) -> None:
    value = {"status": "enabled", "settings": {"icebergSnapshotManagement": {"minSnapshotsToKeep": 2}}}
    with pytest.raises(s3tables.exceptions.BadRequestException):
        s3tables.put_table_maintenance_configuration(**table, type="icebergCompaction", value=value)


def test_the_gateway_checks_a_minimum_that_boto3_checks_too(table, account, send) -> None:
    """boto3 does not send this request."""
    arn = account.table_bucket_arn.replace(":", "%3A").replace("/", "%2F")
    url = f"{account.s3tables_endpoint}/tables/{arn}/{table['namespace']}/census/maintenance/icebergSnapshotManagement"
    value = {"status": "enabled", "settings": {"icebergSnapshotManagement": {"minSnapshotsToKeep": 0}}}
    response = send("PUT", url, json.dumps({"value": value}).encode())
    assert (response.status_code, response.headers["x-amzn-ErrorType"]) == (400, "BadRequestException")


def test_a_table_with_a_sort_order_accepts_the_strategy_sort(bucket, namespace, s3tables) -> None:
    order = {
        "orderId": 1,
        "fields": [{"sourceId": 1, "transform": "identity", "direction": "asc", "nullOrder": "nulls-last"}],
    }
    table = bucket | {"namespace": namespace, "name": "sorted"}
    metadata = {"iceberg": {"schema": {"fields": FIELDS}, "writeOrder": order}}
    s3tables.create_table(**table, format="ICEBERG", metadata=metadata)
    _put(s3tables, table, "icebergCompaction", strategy="sort")
    compaction = s3tables.get_table_maintenance_configuration(**table)["configuration"]["icebergCompaction"]
    assert compaction["settings"]["icebergCompaction"] == {"targetFileSizeMB": 512, "strategy": "sort"}


def test_job_status_includes_every_maintenance_type(table, s3tables) -> None:
    s3tables.put_table_maintenance_configuration(**table, type="icebergCompaction", value={"status": "disabled"})
    status = s3tables.get_table_maintenance_job_status(**table)["status"]
    assert status["icebergCompaction"]["status"] == "Disabled"
    assert set(status) == {"icebergCompaction", "icebergSnapshotManagement", "icebergUnreferencedFileRemoval"}


def test_run_maintenance_compacts_and_updates_the_job_status(table, s3tables, catalog, stand_in) -> None:
    census = catalog.load_table((table["namespace"], "census"))
    rows = pa.table({"state": ["Ohio"], "people": [None]}, schema=census.schema().as_arrow())
    for _ in range(6):
        census.append(rows)
    assert s3tables.get_table_maintenance_job_status(**table)["status"]["icebergCompaction"]["status"] == "Not_Yet_Run"
    assert run_maintenance(stand_in) >= 1
    census.refresh()
    assert (len(list(census.scan().plan_files())), census.scan().to_arrow().num_rows) == (1, 6)
    assert s3tables.get_table_maintenance_job_status(**table)["status"]["icebergCompaction"]["status"] == "Successful"


# --- policies, and operations that are not implemented -------------------------------------------------------------


def test_policies_are_stored(table, bucket, s3tables) -> None:
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    s3tables.put_table_policy(**table, resourcePolicy=policy)
    assert s3tables.get_table_policy(**table)["resourcePolicy"] == policy
    s3tables.delete_table_policy(**table)
    with pytest.raises(s3tables.exceptions.NotFoundException):
        s3tables.get_table_policy(**table)
    with pytest.raises(s3tables.exceptions.BadRequestException):
        s3tables.put_table_policy(**table, resourcePolicy="nonsense")


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("put_table_bucket_encryption", {"encryptionConfiguration": {"sseAlgorithm": "AES256"}}),
        ("delete_table_bucket_replication", {}),
        ("delete_table_bucket", {}),
    ],
)
def test_an_operation_that_is_not_implemented_returns_501(bucket, s3tables, operation, parameters) -> None:
    with pytest.raises(ClientError) as error:
        getattr(s3tables, operation)(**bucket, **parameters)
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def test_a_table_s_key_is_kept_with_the_table(table, s3tables) -> None:
    assert s3tables.get_table_encryption(**table)["encryptionConfiguration"] == {"sseAlgorithm": "AES256"}
    encryption = {"sseAlgorithm": "aws:kms", "kmsKeyArn": "arn:aws:kms:us-east-1:000000000000:key/made-up"}
    other = table | {"name": "secret"}
    s3tables.create_table(**other, format="ICEBERG", encryptionConfiguration=encryption)
    assert s3tables.get_table_encryption(**other)["encryptionConfiguration"] == encryption
    with pytest.raises(ClientError, match="needs a kmsKeyArn"):
        s3tables.create_table(
            **table | {"name": "third"}, format="ICEBERG", encryptionConfiguration={"sseAlgorithm": "aws:kms"}
        )


def test_an_unknown_operation_returns_404(account, send) -> None:
    response = send("GET", f"{account.s3tables_endpoint}/no-such-thing")
    assert (response.status_code, response.headers["x-amzn-ErrorType"]) == (404, "UnknownOperationException")


def _put(s3tables, table, maintenance_type, **settings) -> None:
    value = {"status": "enabled", "settings": {maintenance_type: settings}}
    s3tables.put_table_maintenance_configuration(**table, type=maintenance_type, value=value)
