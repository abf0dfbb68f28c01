"""No value of a row leaves a load, except into the table, the rejects table and the landed copy.

Each file has a canary in every column. The whole way goes through the operators, as Airflow runs them, and everything
that Airflow would keep or show is searched for it: logs, errors with their tracebacks, XCom, rendered fields, asset
events and receipts. `./gv rejects` and `./gv rejects export` show records on purpose and are not part of this.
"""

from __future__ import annotations

import datetime as dt
import io
import json
import logging
import re
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk import Asset

from growth_verticals.account import Account
from growth_verticals.contract.declared import contract_of
from growth_verticals.errors import DeliveryError, DeliveryRefusedError, FileChangedError, FileRefusedError
from growth_verticals.files.delimited import DelimitedReader
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.operators.check import CheckDelivery
from growth_verticals.operators.load import CommitDelivery, LandFiles
from growth_verticals.operators.plan import PlanStaging
from growth_verticals.operators.stage import StageFiles
from growth_verticals.sensors.delivery import AwaitDelivery
from growth_verticals.source import Delimited, Excel, FixedWidth, Format, Inbox, JsonLines, OnDemand, Parquet, Source
from local import standin
from local.readback import read_table
from local.settings import Settings
from tests.unit.files.test_excel import text, workbook

SQL = """CREATE TABLE {table} (
    person_id STRING NOT NULL     COMMENT '[D] text',
    visits    INT                 COMMENT '[N] whole number',
    balance   DECIMAL(12, 2)      COMMENT '[O] decimal',
    score     DOUBLE              COMMENT '[N] number',
    born      DATE                COMMENT '[D] date',
    seen_at   TIMESTAMP           COMMENT '[N] time',
    member    BOOLEAN             COMMENT '[N] yes or no',
    extra     MAP<STRING,STRING>  COMMENT '[Q] the rest'
)
PARTITIONED BY (delivery_period)
"""
HEADER = ["person_id", "visits", "balance", "score", "born", "seen_at", "member", "hobby"]
GOOD = [
    "canary-id",
    "77130519",
    "77130519.25",
    "77130519.5",
    "1977-11-30",
    "1977-11-30 05:19:21",
    "true",
    "canary-hobby",
]
BAD = [f"canary-{name}" for name in HEADER]
#: What to search for: each canary, and the other ways to write its number or date.
CANARY = re.compile(r"canary|77130519|77,130,519|1977.{0,2}11.{0,2}30|19771130", re.IGNORECASE)
PERIOD = "2026-11-20"


def delimited(*rows: list[str]) -> bytes:
    return "".join(",".join(row) + "\n" for row in rows).encode()


def fixed_width(*rows: list[str]) -> bytes:
    return "".join("".join(f"{cell:<20}" for cell in row) + "\n" for row in rows).encode()


def json_lines(*rows: list[str]) -> bytes:
    return "".join(json.dumps(dict(zip(HEADER, row, strict=False))) + "\n" for row in rows).encode()


def parquet(*rows: list[str]) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([dict(zip(HEADER, row, strict=True)) for row in rows]), out)
    return out.getvalue()


def typed_parquet() -> bytes:
    """Values that do not fit their columns, in Parquet's own types."""
    out = io.BytesIO()
    good = ["canary-id", 77130519, Decimal("77130519.25"), 77130519.5, dt.date(1977, 11, 30)]
    good += [dt.datetime(1977, 11, 30, 5, 19, 21), True, "canary-hobby"]  # noqa: DTZ001
    bad = [*good[:1], 77130519 * 10**6, Decimal("77130519.251"), float("nan"), *good[4:]]
    pq.write_table(pa.Table.from_pylist([dict(zip(HEADER, row, strict=True)) for row in (good, bad)]), out)
    return out.getvalue()


def excel(*rows: list[str]) -> bytes:
    return workbook(Sheet1=[[text(cell) for cell in row] for row in rows])


@dataclass
class Run:
    """One DAG run of a made-up source, step by step, and all that Airflow would keep of it."""

    source: Source
    account: Account
    kept: list[str]

    @property
    def context(self) -> Any:
        run = SimpleNamespace(partition_key=PERIOD, conf=None)
        return {"dag_run": run, "params": {"files": ["people.dat"], "note": "by hand"}}

    def put(self, data: bytes) -> None:
        bucket, key = split_s3_uri(f"{self.account.inbox_prefix(self.source.name)}/people.dat")
        self.account.client("s3").put_object(Bucket=bucket, Key=key, Body=data)

    def step(self, operator: Any, extra: dict[Any, Any] | None = None) -> Any:
        try:
            result = operator.execute(self.context | (extra or {}))
        except Exception as error:
            self.kept += traceback.format_exception(error)
            raise
        self.kept += [json.dumps(result), *(repr(getattr(operator, name)) for name in operator.template_fields)]
        return result

    def listed(self) -> dict[str, Any]:
        [unit] = self.step(AwaitDelivery(task_id="await", source=self.source))
        return dict(unit)

    def landed(self, unit: dict[str, Any]) -> list[dict[str, Any]]:
        return list(self.step(LandFiles(task_id="land", source=self.source, unit=unit)))

    def planned(self) -> list[dict[str, Any]]:
        unit = self.listed()
        landed = self.landed(unit)
        return list(self.step(PlanStaging(task_id="plan", source=self.source, units=[unit], landed=[landed])))

    def committed(self) -> dict[str, Any]:
        asset, event = Asset(self.source.table), SimpleNamespace(add_partitions=lambda _: None)
        [unit] = self.planned()
        staged = self.step(StageFiles(task_id="stage", source=self.source, unit=unit))
        of_run = {"source": self.source, "units": [unit], "staged": [staged]}
        checked = self.step(CheckDelivery(task_id="check", **of_run))
        operator = CommitDelivery(task_id="commit", check=checked, outlets=[asset], **of_run)
        result = self.step(operator, {"outlet_events": {asset: event}})
        self.kept.append(repr(event.extra))
        return dict(result)


@dataclass
class Airflow:
    """Starts runs, and searches what is left of them."""

    settings: Settings
    namespace: str
    folder: Path
    caplog: pytest.LogCaptureFixture
    capfd: pytest.CaptureFixture[str]

    def run(self, form: Format, **options: Any) -> Run:
        source = Source(
            name="canary_list",
            table=f"{self.namespace}_people.person",
            cadence=OnDemand(),
            delivery=Inbox(),
            format=form,
            **{"extra_columns": "keep", **options},
        )
        (self.folder / "canary_list.sql").write_text(SQL.format(table=source.table))
        return Run(source, Account.from_environment(), [])

    def assert_nothing_leaked(self, run: Run) -> None:
        account = run.account
        bucket, prefix = split_s3_uri(f"{account.landing_uri}/")
        client = account.client("s3")
        for found in client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]:
            if found["Key"].endswith(".receipt.json"):
                run.kept.append(client.get_object(Bucket=bucket, Key=found["Key"])["Body"].read().decode())
        seen = [self.caplog.text, *self.capfd.readouterr(), *run.kept]
        seen += [repr(record.__dict__) for record in self.caplog.records]
        places = [text[max(0, match.start() - 80) : match.end() + 80] for text in seen for match in find(text)]
        assert places == []

    def counts(self, run: Run) -> list[int]:
        return [
            int(read_table(self.settings, run.source.table + table, "SELECT count(*) FROM t")[0][0])
            for table in ("", "_rejects")
        ]


def find(text: str) -> Iterator[re.Match[str]]:
    """Find canaries in a text. The source's own name is not one."""
    return CANARY.finditer(text.replace("canary_list", "").replace("test_canary", ""))


@pytest.fixture
def airflow(
    stand_in: Settings,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> Airflow:
    environment = standin.environment(stand_in)
    for name, value in (environment | {"GV_LANDING_URI": f"{environment['GV_LANDING_URI']}/{namespace}"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GV_DEBUG", raising=False)
    monkeypatch.setattr(contract_of, "__defaults__", (tmp_path,))
    caplog.set_level(logging.DEBUG, logger="growth_verticals")
    return Airflow(stand_in, namespace, tmp_path, caplog, capfd)


FORMATS: dict[str, tuple[Format, bytes]] = {
    "delimited": (Delimited(), delimited(HEADER, GOOD, BAD, BAD[:3], [*BAD, "canary-more"], ["", *GOOD[1:]])),
    "fixed width": (FixedWidth(columns=dict.fromkeys(HEADER, 20)), fixed_width(GOOD, BAD, BAD[:3], ["", *GOOD[1:]])),
    "JSON lines": (
        JsonLines(),
        json_lines(GOOD, BAD, ["", *GOOD[1:]]) + b'{"person_id": canary}\n["canary"]\ncanary\n',
    ),
    "Parquet": (Parquet(), parquet(GOOD, BAD)),
    "Parquet with types": (Parquet(), typed_parquet()),
    "Excel": (Excel(), excel(HEADER, GOOD, BAD, ["", *GOOD[1:]])),
}


@pytest.mark.parametrize("name", FORMATS)
def test_a_loaded_file_leaves_no_value_anywhere(airflow: Airflow, name: str) -> None:
    form, data = FORMATS[name]
    run = airflow.run(form, max_rejected=1)
    run.put(data)
    [file] = run.committed()["files"]
    assert file["status"] == "loaded"
    assert file["rows_loaded"] >= 1
    assert file["rows_rejected"] >= 1
    assert airflow.counts(run) == [file["rows_loaded"], file["rows_rejected"]]
    airflow.assert_nothing_leaked(run)


REFUSED: dict[str, tuple[Format, bytes, dict[str, Any]]] = {
    "no header": (Delimited(), delimited(GOOD, BAD), {}),
    "no header, with two equal cells": (Delimited(), delimited(["canary", "canary", *GOOD[2:]], GOOD), {}),
    "a quote that is never closed": (Delimited(), delimited(HEADER, GOOD) + b'"canary-id,1\ncanary\n', {}),
    "other bytes than UTF-8": (Delimited(), delimited(HEADER, GOOD, BAD) + b"canary-\xe9\n", {}),
    "no trailer": (Delimited(trailer="TRL,{rows}"), delimited(HEADER, GOOD, BAD), {}),
    "a wrong trailer": (
        Delimited(trailer="TRL,{rows}"),
        delimited(HEADER, GOOD, BAD, ["TRL", "9"]),
        {"max_rejected": 1},
    ),
    "no Parquet file": (Parquet(), delimited(HEADER, GOOD), {}),
    "a damaged Parquet file": (Parquet(), parquet(GOOD, BAD)[:-60] + b"canary" * 10, {}),
    "no workbook": (Excel(), delimited(HEADER, GOOD), {}),
    "a workbook without its header": (Excel(), excel(GOOD, BAD), {}),
    "other keys": (JsonLines(), b'{"canary-a": 1, "canary-b": "canary"}\n' * 3, {"max_rejected": 0}),
    "too many rejects": (Delimited(), delimited(HEADER, GOOD, BAD, BAD), {"max_rejected": 0}),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_file_leaves_no_value_anywhere(airflow: Airflow, name: str) -> None:
    form, data, options = REFUSED[name]
    run = airflow.run(form, **options)
    run.put(data)
    with pytest.raises(DeliveryError) as refused:
        run.committed()
    assert refused.value.next_step
    airflow.assert_nothing_leaked(run)


@pytest.mark.parametrize("failure", [ValueError, KeyError, pa.ArrowInvalid, RuntimeError])
def test_an_unexpected_error_shows_where_it_is_but_no_value(
    airflow: Airflow, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    def parse(*_: object) -> None:
        raise failure("invalid literal: 'canary'")

    monkeypatch.setattr(DelimitedReader, "parse", parse)
    run = airflow.run(Delimited())
    run.put(delimited(HEADER, GOOD))
    with pytest.raises(
        FileRefusedError, match=rf"people\.dat: .* found {failure.__name__} in parse \(landed_copies\.py:"
    ):
        run.committed()
    airflow.assert_nothing_leaked(run)


# --- a corrected file of the same name ----------------------------------------------------------------------------


def test_after_a_refusal_the_corrected_file_of_the_same_name_is_loaded_by_clearing_await(airflow: Airflow) -> None:
    run = airflow.run(Delimited(), max_rejected=0)
    run.put(delimited(HEADER, BAD))
    listed = run.listed()
    with pytest.raises(DeliveryRefusedError, match="clear one task of this run: await when the vendor has sent"):
        run.committed()
    run.put(delimited(HEADER, GOOD, GOOD))
    assert run.landed(listed)[0]["size"] == len(delimited(HEADER, BAD)), "clearing land keeps the old copy"
    assert run.committed()["files"][0]["rows_loaded"] == 2
    assert airflow.counts(run)[0] == 2


def test_a_file_that_is_replaced_before_it_is_landed_says_to_clear_await(airflow: Airflow) -> None:
    run = airflow.run(Delimited(), max_rejected=0)
    run.put(delimited(HEADER, BAD))
    listed = run.listed()
    run.put(delimited(HEADER, GOOD, GOOD))
    with pytest.raises(FileChangedError, match="clear the task await of this run, which lists the files again"):
        run.landed(listed)
    assert run.committed()["files"][0]["rows_loaded"] == 2
