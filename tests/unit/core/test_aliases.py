"""A vendor's name of a column holds from its first period until a newer alias of the same name."""

from __future__ import annotations

import io

import pytest

from growth_verticals.cadence import Quarterly
from growth_verticals.errors import ColumnsRefusedError, DeclarationError
from growth_verticals.files import open_reader
from growth_verticals.source import S3, Alias, Delimited, JsonLines, Source
from tests.unit.files.reading import contract, drain

CADENCE = Quarterly()
TABLE = contract(id="string!", zip5="string", zip9="string", note="string")
FROM_Q4 = Alias("zip", "zip5", since="2026Q4")


def source(*aliases: Alias, form: object = None, **options: object) -> Source:
    return Source(
        name="acme",
        table="acme.person",
        cadence=CADENCE,
        delivery=S3(conn_id="s3", bucket="b", pattern="{period}.csv"),
        format=form or Delimited(),
        aliases=aliases,
        **options,
    )


def read(text: str, declared: Source, period: str | None) -> list[dict[str, object]]:
    file = io.BytesIO(text.encode())
    return drain(open_reader(file, "f.csv", declared, TABLE, period=CADENCE.parse(period) if period else None)).rows


@pytest.mark.parametrize(
    ("period", "column"), [("2026Q3", "zip9"), ("2026Q4", "zip5"), ("2027Q1", "zip5"), (None, "zip5")]
)
@pytest.mark.parametrize("newer_first", [True, False])
def test_the_newest_alias_that_has_started_holds(period: str | None, column: str, newer_first: bool) -> None:
    aliases = [FROM_Q4, Alias("ZIP", "zip9")] if newer_first else [Alias("ZIP", "zip9"), FROM_Q4]
    [row] = read("id,Zip\n1,01234\n", source(*aliases, extra_columns="ignore", min_known_columns=0), period)
    assert {name: row[name] for name in ("zip5", "zip9")} == dict.fromkeys(("zip5", "zip9")) | {column: "01234"}


def test_before_its_first_period_an_alias_does_not_hold() -> None:
    with pytest.raises(ColumnsRefusedError, match="found zip"):
        read("id,zip,note\n1,01234,\n", source(FROM_Q4), "2026Q3")
    assert read("id,zip5,note\n1,01234,\n", source(FROM_Q4), "2026Q3")[0]["zip5"] == "01234"


def test_a_nested_value_s_alias_has_a_first_period_too() -> None:
    declared = source(Alias("home.zip", "zip5", since="2026Q4"), form=JsonLines(), min_known_columns=0)
    line = '{"id": "1", "home": {"zip": "01234"}, "note": "", "zip9": ""}\n'
    assert read(line, declared, "2026Q4")[0]["zip5"] == "01234"
    with pytest.raises(ColumnsRefusedError, match="one may be renamed"):
        read(line, declared, "2026Q3")


def test_two_names_of_one_column_in_one_file_are_refused() -> None:
    with pytest.raises(ColumnsRefusedError, match="two columns have the same name"):
        read("id,zip,postal,note\n1,01234,01234,\n", source(FROM_Q4, Alias("postal", "zip5")), "2026Q4")


@pytest.mark.parametrize("since", ["2026", "2026-11", "2026Q5", "soon"])
def test_a_first_period_is_one_of_the_cadence(since: str) -> None:
    with pytest.raises(DeclarationError, match=r"acme: column zip: the first period .* expected .*2026Q4"):
        source(Alias("zip", "zip5", since=since))


def test_a_name_has_one_column_at_a_time() -> None:
    with pytest.raises(DeclarationError, match="one name of the vendor has two columns in the same periods"):
        source(FROM_Q4, Alias("Zip", "zip9", since="2026Q4"))


def test_a_mapping_is_not_a_tuple_of_aliases() -> None:
    with pytest.raises(DeclarationError, match=r'expected aliases=\(Alias\("zip", "zip5"\),\)'):
        source(*{"zip": "zip5"})  # type: ignore[arg-type]
