"""The CreateTable request that a dry run shows matches AWS's own description of the API."""

from __future__ import annotations

from pathlib import Path

import botocore.session
import pytest
from botocore.validate import ParamValidator

from growth_verticals.catalog.create import create_request
from growth_verticals.contract.ddl import read_ddl
from growth_verticals.contract.legacy import read_json_schema
from growth_verticals.contract.table import TableContract

SCHEMAS = Path(__file__).resolve().parents[3] / "include" / "schemas"
ARN = "arn:aws:s3tables:us-east-1:000000000000:bucket/gv-tables"

EVERYTHING = """CREATE TABLE sales.sale (
    id bigint NOT NULL COMMENT '[Q] Their id', at timestamp, price decimal(9,2), extra map<string,string>
) PARTITIONED BY (bucket(16, id), day(at)) SORTED BY (id, at) COMMENT 'Sales'"""


def contracts() -> list[TableContract]:
    examples = ("daily_sales", "user_events")
    sql = [read_ddl(path.read_text(), provenance=path.stem not in examples) for path in sorted(SCHEMAS.glob("*.sql"))]
    legacy = [
        read_json_schema(path.read_text(), file=path.name, identifier="default.t")
        for path in sorted(SCHEMAS.glob("*.json"))
    ]
    return [*sql, *legacy, read_ddl(EVERYTHING)]


@pytest.mark.parametrize("contract", contracts(), ids=lambda contract: contract.identifier)
def test_the_request_of_every_schema_file_is_valid_in_the_service_model(contract: TableContract):
    model = botocore.session.get_session().get_service_model("s3tables").operation_model("CreateTable")
    report = ParamValidator().validate(create_request(contract, ARN), model.input_shape)
    assert not report.has_errors(), report.generate_report()


def test_the_request_contains_everything_in_the_contract():
    request = create_request(read_ddl(EVERYTHING, provenance=False), ARN)
    assert {key: request[key] for key in ("tableBucketARN", "namespace", "name", "format")} == {
        "tableBucketARN": ARN, "namespace": "sales", "name": "sale", "format": "ICEBERG",
    }  # fmt: skip
    iceberg = request["metadata"]["iceberg"]
    text = {"type": "map", "key-id": 5, "key": "string", "value-id": 6, "value": "string", "value-required": False}
    assert iceberg["schemaV2"]["fields"] == [
        {"id": 1, "name": "id", "type": "long", "required": True, "doc": "[Q] Their id"},
        {"id": 2, "name": "at", "type": "timestamp", "required": False},
        {"id": 3, "name": "price", "type": "decimal(9, 2)", "required": False},
        {"id": 4, "name": "extra", "type": text, "required": False},
    ]
    assert iceberg["partitionSpec"]["fields"] == [
        {"sourceId": 1, "fieldId": 1000, "transform": "bucket[16]", "name": "id_bucket"},
        {"sourceId": 2, "fieldId": 1001, "transform": "day", "name": "at_day"},
    ]
    assert iceberg["writeOrder"]["fields"] == [
        {"sourceId": number, "transform": "identity", "direction": "asc", "nullOrder": "nulls-last"}
        for number in (1, 2)
    ]
    assert iceberg["properties"]["comment"] == "Sales"
