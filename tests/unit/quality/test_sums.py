"""A sum is exact, whatever the type and the number of values."""

from __future__ import annotations

from decimal import Decimal, localcontext

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from growth_verticals.quality.sums import exact_sum

TYPES = {
    pa.int32(): st.integers(-(2**31), 2**31 - 1),
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.decimal128(9, 2): st.decimals(-9_999_999, 9_999_999, places=2),
    pa.decimal128(38, 6): st.integers(-(10**38) + 1, 10**38 - 1).map(lambda number: Decimal(number).scaleb(-6)),
}


@pytest.mark.parametrize("kind", TYPES, ids=str)
@given(data=st.data())
def test_a_sum_is_exact(kind: pa.DataType, data: st.DataObject):
    with localcontext(prec=80):
        parts = data.draw(st.lists(st.lists(st.none() | TYPES[kind], max_size=8), max_size=4))
        expected = sum((Decimal(value) for part in parts for value in part if value is not None), Decimal(0))
        assert exact_sum(pa.array(part, kind) for part in parts) == expected


def test_a_sum_of_many_large_numbers_does_not_overflow():
    large = 2**63 - 1
    assert exact_sum([pa.array([large] * 20_000, pa.int64())]) == 20_000 * large
    assert exact_sum([pa.array([Decimal("9" * 34)] * 20_000, pa.decimal128(34, 0))]) == 20_000 * (10**34 - 1)


def test_no_values_sum_to_zero():
    assert exact_sum([]) == exact_sum([pa.array([None], pa.int32())]) == 0
