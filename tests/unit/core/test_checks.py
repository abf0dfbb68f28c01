"""A check with values that make no sense is refused when it is declared."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from growth_verticals.cadence import OnDemand
from growth_verticals.contract.declared import contract_of
from growth_verticals.errors import ContractError, DeclarationError
from growth_verticals.source import (
    Check,
    ControlSum,
    Delimited,
    ExpectedRows,
    Inbox,
    KnownKeys,
    NullShare,
    Rows,
    RowsBand,
    Source,
    UniqueKey,
)

SOURCE = Source(name="acme", table="acme.person", cadence=OnDemand(), delivery=Inbox(), format=Delimited())
SQL = """CREATE TABLE acme.person (
    id    STRING             COMMENT '[Q] Id',
    cost  DECIMAL(9,2)       COMMENT '[N] Cost',
    score DOUBLE             COMMENT '[N] Score',
    extra MAP<STRING,STRING> COMMENT '[Q] Other columns'
)
PARTITIONED BY (delivery_period)
"""


@pytest.mark.parametrize(
    ("kind", "arguments", "message"),
    [
        (ExpectedRows, {"outcome": "stop"}, "outcome is not valid; expected warn or ask or refuse, found stop"),
        (Rows, {}, "limits of the check 'rows' are not valid"),
        (Rows, {"min": 2, "max": 1}, "min not above max"),
        (Rows, {"min": -1}, "0 or more"),
        (RowsBand, {"within": 1.5}, "within from 0 to 1"),
        (RowsBand, {"periods": 0}, "1 period or more"),
        (NullShare, {"within": -0.1}, "within from 0 to 1"),
        (NullShare, {"columns": "email"}, "must be a tuple"),
        (UniqueKey, {"columns": "id"}, "must be a tuple"),
        (UniqueKey, {"columns": ()}, "needs a column"),
        (KnownKeys, {"columns": ("id",)}, "limits of the check 'known keys' are not valid"),
        (KnownKeys, {"columns": ("id",), "max": 1.1}, "0 to 1"),
    ],
)
def test_a_wrong_check_is_refused(kind: type[Check], arguments: dict[str, Any], message: str):
    with pytest.raises(DeclarationError, match=message):
        kind(**arguments)


@pytest.mark.parametrize("checks", [Rows(min=1), [Rows(min=1)], ("rows",)])
def test_a_source_takes_a_tuple_of_checks_only(checks: Any):
    with pytest.raises(DeclarationError, match="checks must be a tuple"):
        replace(SOURCE, checks=checks)


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (UniqueKey(columns=("id", "no_such")), "column no_such: the check 'repeated keys' names a column"),
        (NullShare(columns=("no_such",)), "column no_such"),
        (ControlSum(column="score"), "expected INT, BIGINT or DECIMAL, found double"),
        (ControlSum(column="id"), "expected INT, BIGINT or DECIMAL, found string"),
        (KnownKeys(columns=("extra",), min=0.5), "expected a type other than MAP"),
    ],
)
def test_a_check_of_a_column_that_the_table_lacks_or_of_a_wrong_type_is_refused(
    check: Check, message: str, tmp_path: Path
):
    (tmp_path / "acme.sql").write_text(SQL)
    with pytest.raises(ContractError, match=message):
        contract_of(replace(SOURCE, checks=(check,)), tmp_path)
    contract_of(replace(SOURCE, checks=(ControlSum(column="cost"), UniqueKey(columns=("id", "cost")))), tmp_path)
