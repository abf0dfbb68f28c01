"""What is declared for the table bucket, and the tags of a source's tables."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from growth_verticals.bucket.declared import (
    BucketDeclaration,
    access_log_bucket,
    environment_name,
    read_declaration,
)
from growth_verticals.bucket.plan import with_columns_of
from growth_verticals.bucket.tags import table_tags, tag_changes
from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import rejects_contract
from growth_verticals.declarations import find_source, read_sources
from growth_verticals.errors import ConfigurationError, DeclarationError

TEMPLATE = Path(__file__).resolve().parents[3] / "include/cfn/table-bucket.yaml"


def test_the_repository_declares_the_settings_that_its_template_creates():
    declared, template = read_declaration(), yaml.load(TEMPLATE.read_text(), _Loader)
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}
    assert (declared.unreferenced_days, declared.noncurrent_days) == (
        defaults["UnreferencedDays"],
        defaults["NoncurrentDays"],
    )
    assert declared.storage_class == defaults["StorageClass"]
    assert declared.request_metrics == (defaults["RequestMetrics"] == "Enabled")
    bucket = template["Resources"]["TableBucket"]["Properties"]
    assert declared.encryption == bucket["EncryptionConfiguration"]["SSEAlgorithm"]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short functions as their arguments."""


def _arguments(loader: yaml.SafeLoader, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    return loader.construct_scalar(node) if isinstance(node, yaml.ScalarNode) else loader.construct_mapping(node)


_Loader.add_multi_constructor("!", _arguments)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read; found JSONDecodeError"),
        ('{"unreferenced": 3}', "cannot be read; found TypeError"),
        ('{"unreferenced_days": 0}', "out of range; expected 1 or more"),
        ('{"noncurrent_days": "10"}', "are not numbers"),
        ('{"storage_class": "GLACIER"}', "storage_class is not valid; expected STANDARD or INTELLIGENT_TIERING"),
        ('{"request_metrics": "yes"}', "request_metrics is not valid"),
        ('{"encryption": "none"}', "encryption is not valid"),
    ],
)
def test_a_wrong_declaration_names_the_file_and_what_is_valid(content: str, message: str, tmp_path: Path):
    path = tmp_path / "bucket.json"
    path.write_text(content)
    with pytest.raises(DeclarationError, match=r"bucket\.json: ") as raised:
        read_declaration(path)
    assert message in str(raised.value)


def test_an_empty_declaration_has_aws_s_defaults(tmp_path: Path):
    (tmp_path / "bucket.json").write_text(json.dumps({}))
    assert read_declaration(tmp_path / "bucket.json") == BucketDeclaration(
        unreferenced_days=3, noncurrent_days=10, storage_class="STANDARD", request_metrics=False, encryption="AES256"
    )


def test_the_environment_and_the_log_bucket_are_managed_only_if_they_are_set():
    assert (environment_name({}), access_log_bucket({})) == (None, None)
    assert (environment_name({"GV_ENVIRONMENT": ""}), access_log_bucket({"GV_ACCESS_LOG_BUCKET": ""})) == (None, None)
    assert environment_name({"GV_ENVIRONMENT": "prod"}) == "prod"
    assert access_log_bucket({"GV_ACCESS_LOG_BUCKET": "logs"}) == "logs"
    with pytest.raises(ConfigurationError, match="GV_ENVIRONMENT is not valid"):
        environment_name({"GV_ENVIRONMENT": "Production!"})


def tags(source: Any, environment: str | None = None) -> tuple[dict[str, str], dict[str, str]]:
    contract = contract_of(source)
    rejects = with_columns_of(contract, rejects_contract(contract))
    return table_tags(source, contract, environment), table_tags(source, rejects, environment)


def test_tags_say_whose_data_it_is_and_how_personal():
    table, rejects = tags(find_source("platinum_dermatology"), "prod")
    assert table == {
        "source": "platinum_dermatology",
        "client": "platinum_dermatology",
        "pii": "D Q H",
        "environment": "prod",
    }
    assert rejects == table
    vendor, _ = tags(find_source("aiq_zip4"))
    assert (vendor["client"], "environment" in vendor) == ("aiq", False)
    other, _ = tags(replace(find_source("aiq_zip4"), client="acme"))
    assert other["client"] == "acme"


def test_rejects_are_as_personal_as_the_records_in_them():
    for source in read_sources().values():
        table, rejects = tags(source)
        assert set(rejects["pii"]) == set(table["pii"].replace("N", "")) | {"D"} | set(" " * (rejects["pii"] != "D"))


def test_tags_that_nobody_declares_are_not_changed():
    live = {"CostCenter": "42", "source": "old", "client": "aiq"}
    assert tag_changes(live, {"source": "aiq_zip4", "client": "aiq", "pii": "N"}) == {"source": "aiq_zip4", "pii": "N"}


def test_the_clients_of_the_sources_are_those_of_the_template():
    template = yaml.load(TEMPLATE.read_text(), _Loader)
    namespaces = {source.namespace for source in read_sources().values() if source.client}
    assert namespaces == set(template["Parameters"]["ClientNamespaces"]["Default"].split(","))
