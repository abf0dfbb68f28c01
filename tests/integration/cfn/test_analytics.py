"""analytics.yaml lets the reader query the tables with Athena, within limits, and gives exactly the rights for that."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any, ClassVar

import boto3
import pytest
from botocore.validate import ParamValidator
from moto.core.common_models import CloudFormationModel

from local.gateway.iam import Request, decide
from tests.integration.cfn.deployment import ACCOUNT, REGION, TEMPLATES, Stack, _Resource, client, role, run
from tests.integration.cfn.test_roles import CREATE_ROLES_COMMAND

PAGE = (TEMPLATES.parents[1] / "docs" / "query.md").read_text()
READER = "analytics-dev-s3tables-reader"
GLUE = f"arn:aws:glue:{REGION}:{ACCOUNT}"
ATHENA = f"arn:aws:athena:{REGION}:{ACCOUNT}"
TABLES = f"arn:aws:s3tables:{REGION}:{ACCOUNT}:bucket/analytics-dev-tables"
RESULTS = f"arn:aws:s3:::analytics-dev-query-results-{ACCOUNT}"
#: The objects in Glue on which a query needs rights (Redshift guide, querying-s3Tables).
GLUE_OBJECTS = (
    "catalog",
    "catalog/s3tablescatalog",
    "catalog/s3tablescatalog/analytics-dev-tables",
    "database/s3tablescatalog/analytics-dev-tables/aiq",
    "table/s3tablescatalog/analytics-dev-tables/aiq/household",
)


class FederatedCatalog(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::Glue::Catalog"
    #: Requests of CreateCatalog; moto's Glue does not have it.
    requests: ClassVar[list[dict[str, Any]]] = []

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        request = {"Name": properties["Name"], "CatalogInput": {k: v for k, v in properties.items() if k != "Name"}}
        shape = client("glue").meta.service_model.operation_model("CreateCatalog").input_shape
        report = ParamValidator().validate(request, shape)
        assert not report.has_errors(), report.generate_report()
        cls.requests.append(request)
        return str(properties["Name"])


class WorkGroup(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::Athena::WorkGroup"

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        name, configuration = str(properties["Name"]), properties["WorkGroupConfiguration"]
        configuration["BytesScannedCutoffPerQuery"] = int(configuration["BytesScannedCutoffPerQuery"])
        client("athena").create_work_group(Name=name, Configuration=configuration)
        return name


@pytest.fixture(scope="module")
def analytics(account: None) -> Stack:
    FederatedCatalog.requests.clear()
    run(CREATE_ROLES_COMMAND)
    [command] = re.findall(r"```bash\n(.*?)```", PAGE, re.DOTALL)
    return run(command)


def allowed(action: str, *resources: str, **context: str) -> set[str]:
    """Return those of the resources on which the reader may do this, over TLS."""
    policies, tls = role(READER).policies, {"aws:SecureTransport": "true"}
    requests = [Request(action=action, resource=each, context=tls | context) for each in resources or ("*",)]
    return {request.resource for request in requests if decide(policies, request) == "allowed"}


def test_the_documented_command_deploys(analytics: Stack):
    assert analytics.outputs == {
        "WorkGroup": "analytics-dev-readers",
        "ResultsUri": f"s3://analytics-dev-query-results-{ACCOUNT}/",
        "Catalog": "s3tablescatalog/analytics-dev-tables",
    }
    assert f'"{analytics.outputs["Catalog"]}"."aiq"."household"' in PAGE
    assert f"`{analytics.outputs['WorkGroup']}`" in PAGE


def test_the_documented_fallback_creates_the_same_catalog(analytics: Stack):
    [command] = re.findall(r"(aws glue create-catalog .*?\}')", PAGE, re.DOTALL)
    name, catalog_input = shlex.split(command)[4::2]
    [request] = FederatedCatalog.requests
    text = catalog_input.replace("111122223333", ACCOUNT).replace("us-east-1", REGION)
    assert request == {"Name": name, "CatalogInput": json.loads(text)}


def test_the_policy_names_exactly_these_actions(analytics: Stack):
    statements = analytics.properties("QueryPolicy")["PolicyDocument"]["Statement"]
    assert {statement["Sid"]: sorted(statement["Action"]) for statement in statements} == {
        "FederatedObjects": [
            "glue:GetCatalog", "glue:GetCatalogs", "glue:GetDatabase", "glue:GetDatabases", "glue:GetTable",
            "glue:GetTables",
        ],
        "OneWorkGroup": [
            "athena:BatchGetQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults",
            "athena:GetQueryResultsStream", "athena:GetWorkGroup", "athena:ListQueryExecutions",
            "athena:StartQueryExecution", "athena:StopQueryExecution",
        ],
        "CatalogsInAthena": [
            "athena:GetDataCatalog", "athena:GetDatabase", "athena:GetTableMetadata", "athena:ListDatabases",
            "athena:ListTableMetadata",
        ],
        "NamesInAthena": ["athena:ListDataCatalogs", "athena:ListWorkGroups"],
        "ResultsBucket": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
        "Results": ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
        "ResultsKey": ["kms:Decrypt", "kms:GenerateDataKey"],
    }  # fmt: skip
    assert {statement["Effect"] for statement in statements} == {"Allow"}


def test_the_reader_sees_the_table_bucket_in_glue_and_no_other_one(analytics: Stack):
    objects = {f"{GLUE}:{glue_object}" for glue_object in GLUE_OBJECTS}
    others = {each.replace("-tables", "-tables-2") for each in objects} | {f"{GLUE}:database/default"}
    for action in ("GetCatalog", "GetDatabase", "GetTable", "GetTables"):
        assert allowed(f"glue:{action}", *objects, *others - objects) == objects
    for action in ("CreateCatalog", "DeleteCatalog", "CreateTable", "UpdateTable", "DeleteTable"):
        assert not allowed(f"glue:{action}", *objects)


def test_the_reader_has_the_rights_on_s3_tables_that_a_query_needs_too(analytics: Stack):
    in_aiq = {"s3tables:namespace": "aiq", "s3tables:tableName": "household"}
    assert allowed("s3tables:GetTableBucket", TABLES)
    assert allowed("s3tables:GetNamespace", TABLES, **in_aiq)
    for action in ("GetTable", "GetTableMetadataLocation", "GetTableData"):
        assert allowed(f"s3tables:{action}", f"{TABLES}/table/0b7a", **in_aiq)
        assert not allowed(
            f"s3tables:{action}", f"{TABLES}/table/0b7a", **in_aiq | {"s3tables:tableName": "household_rejects"}
        )


def test_queries_run_in_the_workgroup_only(analytics: Stack):
    for action in ("StartQueryExecution", "GetQueryResults", "StopQueryExecution"):
        assert allowed(f"athena:{action}", f"{ATHENA}:workgroup/analytics-dev-readers")
        assert not allowed(f"athena:{action}", f"{ATHENA}:workgroup/primary")
    assert not allowed("athena:UpdateWorkGroup", f"{ATHENA}:workgroup/analytics-dev-readers")
    assert allowed("s3:PutObject", f"{RESULTS}/1c/result.csv")
    assert not allowed("s3:PutObject", f"{RESULTS}/1c/result.csv", **{"aws:SecureTransport": "false"})
    assert not allowed("s3:DeleteObject", f"{RESULTS}/1c/result.csv")


def test_the_workgroup_enforces_its_limits_and_its_encrypted_results(analytics: Stack):
    configuration = client("athena").get_work_group(WorkGroup="analytics-dev-readers")["WorkGroup"]["Configuration"]
    key = analytics.properties("WorkGroup")["WorkGroupConfiguration"]["ResultConfiguration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["RequesterPaysEnabled"] is False
    assert configuration["BytesScannedCutoffPerQuery"] == 200 * 2**30
    assert configuration["EngineVersion"]["SelectedEngineVersion"] == "Athena engine version 3"
    assert configuration["ResultConfiguration"] == {
        "OutputLocation": analytics.outputs["ResultsUri"],
        "EncryptionConfiguration": key["EncryptionConfiguration"],
        "ExpectedBucketOwner": ACCOUNT,
    }
    assert key["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"


def test_results_are_encrypted_expire_and_are_not_public(analytics: Stack):
    bucket = RESULTS.rpartition(":")[2]
    [rule] = client("s3").get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    properties = analytics.properties("ResultsBucket")
    rules = {rule["Id"]: rule for rule in properties["LifecycleConfiguration"]["Rules"]}
    assert rules["results-expire"]["ExpirationInDays"] == 7
    assert rules["expired-results-are-deleted"]["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}


def test_deleting_the_stack_keeps_the_federation_and_the_results(analytics: Stack):
    retained = {
        name
        for name, resource in analytics.resources.items()
        if resource.get("DeletionPolicy") == resource.get("UpdateReplacePolicy") == "Retain"
    }
    assert retained == {"FederatedCatalog", "ResultsKey", "ResultsBucket"}


def test_with_lake_formation_its_grants_decide(analytics: Stack):
    assert not allowed("lakeformation:GetDataAccess")
    FederatedCatalog.requests.clear()
    stack = run(
        "aws cloudformation create-stack --stack-name governed --template-body file://analytics.yaml --parameters "
        "ParameterKey=ProjectName,ParameterValue=other ParameterKey=Environment,ParameterValue=dev "
        f"ParameterKey=LakeFormation,ParameterValue=true ParameterKey=ReaderRoleNames,ParameterValue={READER} "
        "ParameterKey=TableBucketName,ParameterValue=analytics-dev-tables --capabilities CAPABILITY_NAMED_IAM"
    )
    [request] = FederatedCatalog.requests
    assert request["CatalogInput"]["CreateDatabaseDefaultPermissions"] == []
    assert request["CatalogInput"]["CreateTableDefaultPermissions"] == []
    assert stack.outputs["Catalog"] == "s3tablescatalog/analytics-dev-tables"
    assert allowed("lakeformation:GetDataAccess")


def test_an_existing_federation_is_left_alone(analytics: Stack):
    FederatedCatalog.requests.clear()
    run(
        "aws cloudformation create-stack --stack-name second --template-body file://analytics.yaml --parameters "
        "ParameterKey=ProjectName,ParameterValue=second ParameterKey=Environment,ParameterValue=dev "
        f"ParameterKey=Federation,ParameterValue=false ParameterKey=ReaderRoleNames,ParameterValue={READER} "
        "--capabilities CAPABILITY_NAMED_IAM"
    )
    assert FederatedCatalog.requests == []


def test_glue_takes_the_documented_lake_formation_commands():
    """The commands' parameters are those of the service's API."""
    service = boto3.client("lakeformation", region_name=REGION).meta.service_model
    register = service.operation_model("RegisterResource").input_shape.members
    assert {"ResourceArn", "RoleArn", "WithFederation", "WithPrivilegedAccess"} <= set(register)
    [resource] = re.findall(r"--resource '(\{.*?\}\})'", PAGE, re.DOTALL)
    request = {"Principal": {"DataLakePrincipalIdentifier": "x"}, "Resource": json.loads(resource),
               "Permissions": ["SELECT", "DESCRIBE"]}  # fmt: skip
    report = ParamValidator().validate(request, service.operation_model("GrantPermissions").input_shape)
    assert not report.has_errors(), report.generate_report()
