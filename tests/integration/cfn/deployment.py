"""Deploy templates with the documented commands, into moto's CloudFormation, IAM, KMS, S3 and S3 Tables."""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.validate import ParamValidator
from moto.cloudformation.models import cloudformation_backends
from moto.cloudformation.parsing import clean_json
from moto.core.common_models import CloudFormationModel

TEMPLATES = Path(__file__).parents[3] / "include" / "cfn"
ACCOUNT = "123456789012"  # moto's
REGION = "us-east-1"


def client(service: str) -> Any:
    return boto3.client(service, region_name=REGION)


@dataclass(frozen=True)
class Stack:
    """A created stack."""

    name: str
    outputs: Mapping[str, str]

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources as the template declares them, by logical id."""
        resources: dict[str, dict[str, Any]] = self._backend_stack().template_dict["Resources"]
        return resources

    def properties(self, logical_id: str) -> dict[str, Any]:
        """Return a resource's properties with all parameters, conditions and references resolved."""
        resolved: dict[str, Any] = clean_json(
            self.resources[logical_id]["Properties"], self._backend_stack().resource_map
        )
        return resolved

    def _backend_stack(self) -> Any:
        return cloudformation_backends[ACCOUNT][REGION].get_stack(self.name)


@dataclass(frozen=True)
class Role:
    """A role in IAM: its trust policy, and the documents of its attached policies."""

    trust: Mapping[str, Any]
    policies: tuple[Mapping[str, Any], ...]


def run(command: str) -> Stack:
    """Do what the AWS command line does for `aws cloudformation create-stack ...`."""
    arguments = shlex.split(command.replace("\\\n", " "))
    assert arguments[:3] == ["aws", "cloudformation", "create-stack"]
    parser = argparse.ArgumentParser()
    parser.add_argument("--stack-name", required=True)
    parser.add_argument("--template-body", required=True)
    parser.add_argument("--parameters", nargs="+", default=[])
    parser.add_argument("--capabilities", nargs="+", default=[])
    parsed = parser.parse_args(arguments[3:])
    template = (TEMPLATES / Path(parsed.template_body.removeprefix("file://")).name).read_text()
    parameters = _list_defaults(template) | dict(_shorthand(parameter) for parameter in parsed.parameters)
    client("cloudformation").create_stack(
        StackName=parsed.stack_name,
        TemplateBody=template,
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
        Capabilities=parsed.capabilities,
    )
    (stack,) = client("cloudformation").describe_stacks(StackName=parsed.stack_name)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return Stack(parsed.stack_name, {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])})


def role(name: str) -> Role:
    iam = client("iam")
    description = iam.get_role(RoleName=name)["Role"]
    assert not iam.list_role_policies(RoleName=name)["PolicyNames"]
    documents = []
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        version = iam.get_policy(PolicyArn=policy["PolicyArn"])["Policy"]["DefaultVersionId"]
        response = iam.get_policy_version(PolicyArn=policy["PolicyArn"], VersionId=version)
        documents.append(response["PolicyVersion"]["Document"])
    return Role(description["AssumeRolePolicyDocument"], tuple(documents))


def role_names() -> set[str]:
    return {item["RoleName"] for item in client("iam").list_roles()["Roles"]}


def _shorthand(parameter: str) -> tuple[str, str]:
    """Split `ParameterKey=A,ParameterValue=B`, in which the command line takes a comma in a value as `\\,`."""
    key, value = parameter.split(",", 1)
    return key.removeprefix("ParameterKey="), value.removeprefix("ParameterValue=").replace("\\,", ",")


def _list_defaults(template: str) -> dict[str, str]:
    """Return the list defaults as text: moto splits a list at its commas only when the parameter is passed."""
    summary = client("cloudformation").get_template_summary(TemplateBody=template)
    return {
        parameter["ParameterKey"]: parameter["DefaultValue"]
        for parameter in summary["Parameters"]
        if parameter["ParameterType"] == "CommaDelimitedList"
    }


class _Resource:
    """A resource that moto's CloudFormation lacks, created by the service's API, which checks each parameter."""

    TYPE: str
    ATTRIBUTES: tuple[str, ...] = ()

    def __init__(self, physical_resource_id: str) -> None:
        self.physical_resource_id = physical_resource_id

    @staticmethod
    def cloudformation_name_type() -> str:
        return ""

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.TYPE

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in cls.ATTRIBUTES

    def get_cfn_attribute(self, _: str) -> str:
        return self.physical_resource_id

    @classmethod
    def create_from_cloudformation_json(cls, _: str, cloudformation_json: Any, *__: Any, **___: Any) -> _Resource:
        return cls(cls.create(cloudformation_json["Properties"]))

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        raise NotImplementedError

    def is_created(self) -> bool:
        return True


class TableBucket(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::S3Tables::TableBucket"
    ATTRIBUTES = ("TableBucketARN",)

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        encryption = properties["EncryptionConfiguration"]
        storage_class = properties["StorageClassConfiguration"]["StorageClass"]
        created = {
            "name": properties["TableBucketName"],
            "encryptionConfiguration": {
                "sseAlgorithm": encryption["SSEAlgorithm"],
                "kmsKeyArn": encryption["KMSKeyArn"],
            },
        }
        tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
        storage = {"storageClassConfiguration": {"storageClass": storage_class}}
        _validate("CreateTableBucket", **created, **storage, tags=tags)
        arn: str = client("s3tables").create_table_bucket(**created)["arn"]
        assert properties["MetricsConfiguration"]["Status"] in ("Enabled", "Disabled")
        removal = properties["UnreferencedFileRemoval"]
        settings = {
            "unreferencedDays": int(removal["UnreferencedDays"]),
            "nonCurrentDays": int(removal["NoncurrentDays"]),
        }
        _validate(
            "PutTableBucketMaintenanceConfiguration",
            tableBucketARN=arn,
            type="icebergUnreferencedFileRemoval",
            value={"status": removal["Status"].lower(), "settings": {"icebergUnreferencedFileRemoval": settings}},
        )
        return arn


class TableBucketPolicy(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::S3Tables::TableBucketPolicy"

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        arn: str = properties["TableBucketARN"]
        _validate("PutTableBucketPolicy", tableBucketARN=arn, resourcePolicy=json.dumps(properties["ResourcePolicy"]))
        return arn


class Namespace(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::S3Tables::Namespace"

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        arn, name = properties["TableBucketARN"], properties["Namespace"]
        client("s3tables").create_namespace(tableBucketARN=arn, namespace=[name])
        return f"{arn}|{name}"


class BucketPolicy(_Resource, CloudFormationModel):  # type: ignore[misc]
    TYPE = "AWS::S3::BucketPolicy"

    @classmethod
    def create(cls, properties: dict[str, Any]) -> str:
        bucket: str = properties["Bucket"]
        client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(properties["PolicyDocument"]))
        return bucket


def _validate(operation: str, **parameters: Any) -> None:
    """Check the parameters of an operation that moto does not have against botocore's model of it."""
    shape = client("s3tables").meta.service_model.operation_model(operation).input_shape
    report = ParamValidator().validate(parameters, shape)
    assert not report.has_errors(), report.generate_report()
