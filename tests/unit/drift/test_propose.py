"""What is certain is proposed with its reasons, what is not is asked, and no value is ever shown."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from growth_verticals.contract.table import TableContract
from growth_verticals.drift.propose import Proposal, propose
from growth_verticals.drift.sample import read_sample
from growth_verticals.errors import DeclarationError
from growth_verticals.source import Alias, Delimited, Excel, FixedWidth, Format, JsonLines, Parquet
from tests.unit.files.reading import contract, source
from tests.unit.files.test_excel import text, workbook

ROWS = 30
TABLE = contract(id="string!", first_name="string", born="date", visits="int", county="string", price="decimal(9, 2)")
HEADER = ["id", "first_name", "born", "visits", "county", "price"]
PERIOD = source().cadence.parse("2026-11-20")
CELLS = {"born": "1980-02-29", "visits": "{}", "price": "{}.50", "id": "P{}", "member_since": "2001-02-03"}


def rows(header: list[str], **cells: str) -> list[list[str]]:
    """Return records whose cells are made up for each column; text cells are `secret`."""
    templates = CELLS | cells
    return [[templates.get(name.lower(), "secret {}").format(number) for name in header] for number in range(ROWS)]


def written(header: list[str], records: list[list[str]], form: Format) -> tuple[str, bytes]:
    if isinstance(form, Parquet):
        out = io.BytesIO()
        columns = zip(*records, strict=True)
        pq.write_table(pa.table({name: list(cells) for name, cells in zip(header, columns, strict=True)}), out)
        return "f.parquet", out.getvalue()
    if isinstance(form, Excel):
        return "f.xlsx", workbook(Sheet1=[[text(cell) for cell in row] for row in [header, *records]])
    if isinstance(form, JsonLines):
        lines = [json.dumps(dict(zip(header, row, strict=True))) for row in records]
        return "f.jsonl", "".join(f"{line}\n" for line in lines).encode()
    return "f.csv", "".join(f"{','.join(row)}\n" for row in [header, *records]).encode()


def compare(
    header: list[str],
    table: TableContract = TABLE,
    records: list[list[str]] | None = None,
    form: Format | None = None,
    **options: object,
) -> Proposal:
    declared = source(form or Delimited(), **options)
    name, data = written(header, rows(header) if records is None else records, declared.format)
    proposal = propose(declared, table, read_sample(io.BytesIO(data), name, declared), PERIOD)
    assert "secret" not in repr(proposal)
    return proposal


def renames(proposal: Proposal) -> dict[str, str]:
    return {each.vendor: each.column for each in proposal.renames}


@pytest.mark.parametrize("form", [Delimited(), JsonLines(), Parquet(), Excel()], ids=lambda form: form.label)
def test_a_rename_and_a_new_column_are_found_in_every_format(form: Format) -> None:
    header = ["ID", "First Nm", "Member Since", "born", "visits", "county", "price"]
    records = rows(header, **{"member since": "2001-02-03"})
    proposal = compare(header, records=records, form=form)
    assert renames(proposal) == {"first_nm": "first_name"}
    [rename] = proposal.renames
    assert rename.reasons == (
        "name similarity 0.89",
        "all 30 sampled values fit STRING",
        "stands between id and born in both",
    )
    [addition] = proposal.additions
    assert (addition.column.name, addition.column.type, addition.column.required) == ("member_since", "date", False)
    assert addition.column.comment == "[D] New in 2026-11-20; class and meaning to be decided"
    assert not proposal.questions


def test_a_file_that_fits_needs_nothing() -> None:
    assert compare(HEADER).fits
    assert compare(HEADER[:-1]).missing == ("price",)
    assert compare(HEADER[:-1]).fits  # the column is NULL, as before


@pytest.mark.parametrize(
    ("gone", "new"),
    [("county", "country"), ("county", "county_code"), ("first_name", "last_name"), ("visits", "visit_cost")],
)
def test_a_similar_name_in_the_same_place_is_a_question(gone: str, new: str) -> None:
    header = [new if name == gone else name for name in HEADER]
    proposal = compare(header, records=rows(header, visit_cost="{}"))
    assert not proposal.renames
    assert not proposal.additions
    [question] = proposal.questions
    assert question.startswith(f"is {new} new, or renamed? {new} is {gone}: name similarity 0.")


def test_values_of_another_type_are_not_a_rename() -> None:
    header = ["id", "first_name", "dob_dt", "visits", "county", "price"]
    table = contract(id="string!", first_name="string", dob_date="date", visits="int", county="string", price="string")
    assert renames(compare(header, table, rows(header, dob_dt="1980-02-29"))) == {"dob_dt": "dob_date"}
    assert not renames(compare(header, table, rows(header, dob_dt="02/29/1980")))
    american = Delimited(dates={"dob_date": "%m/%d/%Y"})
    assert renames(compare(header, table, rows(header, dob_dt="02/29/1980"), american)) == {"dob_dt": "dob_date"}


def test_a_column_without_values_or_with_nulls_in_place_of_not_null_is_a_question() -> None:
    header = ["id_", *HEADER[1:]]
    assert renames(compare(["identifier" if name == "id" else name for name in HEADER])) == {}
    table = contract(first_nm="string!", born="date", visits="int", county="string", price="decimal(9, 2)")
    named = ["first_name", *HEADER[2:]]
    records = rows(named)
    assert renames(compare(named, table, records)) == {"first_name": "first_nm"}
    records[3][0] = ""
    proposal = compare(named, table, records)
    assert not proposal.renames
    assert "has NULLs, and STRING is NOT NULL" in proposal.questions[0]
    assert not compare(named, table, []).renames
    assert compare(header, records=rows(header)).fits  # punctuation does not count


def test_an_alias_of_the_vendor_counts_as_a_name() -> None:
    header = ["id", "given_nm", *HEADER[2:]]
    aliases = (Alias("given_name", "first_name"),)
    assert renames(compare(header, aliases=aliases)) == {"given_nm": "first_name"}
    assert not compare(header).renames


def test_columns_that_changed_places_with_similar_ones_are_questions() -> None:
    table = contract(id="string!", home_phone="string", cell_phone="string", city="string", note="string", born="date")
    straight = ["id", "home_ph", "cell_ph", "city", "note", "born"]
    assert renames(compare(straight, table)) == {"home_ph": "home_phone", "cell_ph": "cell_phone"}
    swapped = ["id", "cell_ph", "home_ph", "city", "note", "born"]
    proposal = compare(swapped, table)
    assert not proposal.renames
    assert len(proposal.questions) == 2


def test_the_number_of_a_column_may_have_been_given_to_the_next_one() -> None:
    table = contract(id="string!", addr1="string", addr2="string", city="string", note="string", born="date")
    assert not compare(["id", "addr_line", "city", "note", "born"], table).renames
    assert not compare(["id", "address_1", "city", "note", "born"], table).renames
    assert renames(compare(["id", "address_1", "addr2", "city", "note", "born"], table)) == {"address_1": "addr1"}


def test_in_another_place_only_the_same_letters_are_a_rename() -> None:
    elsewhere = [name for name in HEADER if name != "first_name"]
    assert renames(compare([*elsewhere, "firstname"])) == {"firstname": "first_name"}
    proposal = compare([*elsewhere, "first_nm"])
    assert not proposal.renames
    assert proposal.questions[0].startswith("is first_nm new, or renamed? first_nm is first_name: name similarity 0.89")


def test_a_second_candidate_that_is_nearly_as_similar_is_a_question() -> None:
    table = contract(id="string!", address_line_1="string", address_line_2="string", city="string", born="date")
    proposal = compare(["id", "addr_line_1", "addr_line_2", "city", "born"], table)
    assert not proposal.renames
    assert len(proposal.questions) == 2
    assert renames(compare(["id", "addr_line_1", "address_line_2", "city", "born"], table)) == {
        "addr_line_1": "address_line_1"
    }


def test_twins_are_questions() -> None:
    table = contract(id="string!", first_name="string", first_nm="string", city="string", note="string", born="date")
    assert not compare(["id", "first_name", "firstname", "city", "note", "born"], table).renames
    assert not compare(["id", "FirstName", "city", "note", "born", "first__nm"], table).renames


@pytest.mark.parametrize("policy", ["ignore", "refuse", "keep"])
def test_the_cells_of_a_record_in_the_header_s_place_are_not_shown(policy: str) -> None:
    table = contract(id="string!", city="string", state="string", note="string", extra="map<string, string>")
    row = ["P1", "secret town", "state", "secret note"]
    proposal = compare(row, table, [row] * 3, extra_columns=policy, min_known_columns=0)
    assert len(proposal.questions) == 1
    assert "only 1 of the table's 4 columns are in the file" in proposal.questions[0]


def test_sparse_json_records_fit() -> None:
    table = contract(**{f"c{number}": "string" for number in range(10)})
    assert compare(["c1"], table, form=JsonLines()).fits
    assert "only 1 of the table's 10 columns" in compare(["c1", "other"], table, form=JsonLines()).questions[0]


def test_renames_count_as_known_columns() -> None:
    table = contract(id="string!", first_name="string", home_phone="string", birth_date="date")
    header = ["id", "first_nm", "home_ph", "birth_dt"]
    proposal = compare(header, table, rows(header, birth_dt="1980-02-29"))
    assert renames(proposal) == {"first_nm": "first_name", "home_ph": "home_phone", "birth_dt": "birth_date"}


def test_a_name_twice_is_a_question() -> None:
    [question] = compare([*HEADER, "County"]).questions
    assert question == "several columns of the file have one name: county: which of them is loaded?"
    [question] = compare([*HEADER, "cnty"], aliases=(Alias("cnty", "county"),)).questions
    assert "county" in question


def test_a_not_null_column_without_a_candidate_is_a_question() -> None:
    assert compare(HEADER[1:]).questions == (
        "id is NOT NULL and not in the file, and no column is like it: ask the vendor",
    )


def test_a_source_that_keeps_extra_columns_gets_aliases_and_no_columns() -> None:
    table = contract(
        id="string!", first_name="string", born="date", visits="int", county="string", extra="map<string, string>"
    )
    proposal = compare(["id", "first_nm", "born", "visits", "county", "batch"], table, extra_columns="keep")
    assert renames(proposal) == {"first_nm": "first_name"}
    assert not proposal.additions


@pytest.mark.parametrize("name", ["source_file", "2nd_phone", "größe", "extra"])
def test_a_name_that_the_table_cannot_have_is_a_question(name: str) -> None:
    table = contract(**{column.name: column.type for column in TABLE.columns}, extra="map<string, string>")
    proposal = compare([*HEADER, name], table)
    assert proposal.questions == ("column 7 of the file has no name that the table can have",)
    assert not proposal.additions


@pytest.mark.parametrize(
    ("name", "cell", "column_type"),
    [
        ("visit_total", "{}", "int"), ("amount", "-{}.25", "decimal(8, 2)"), ("wave", "0{}", "string"),
        ("area", "907{}1", "string"), ("area_code", "{}", "string"), ("is_new", "true", "boolean"),
        ("seen", "2026-11-20T01:02:03", "timestamp"), ("seen_on", "2026-11-20", "date"), ("size", "1{}000000", "long"),
        ("hex", "0x{}", "string"), ("blank", "", "string"),
    ],
)  # fmt: skip
def test_a_new_column_s_type_is_text_unless_it_is_certain(name: str, cell: str, column_type: str) -> None:
    header = [*HEADER, name]
    records = rows(header, **{name: cell})
    if name == "area":
        records = [[*record[:-1], f"{90210 + number}"] for number, record in enumerate(records)]
    [addition] = compare(header, records=records).additions
    assert addition.column.type == column_type
    assert compare(header, records=records[:10]).additions[0].column.type == "string"


def test_a_new_parquet_column_has_the_file_s_type() -> None:
    out = io.BytesIO()
    columns = {name: [None] * 3 for name in HEADER} | {"id": ["1", "2", "3"], "count": pa.array([1, 2, 3], pa.int64())}
    pq.write_table(pa.table(columns | {"names": [["secret"]] * 3}), out)
    declared = source(Parquet())
    proposal = propose(declared, TABLE, read_sample(out, "f.parquet", declared), PERIOD)
    assert (proposal.additions[0].column.name, proposal.additions[0].column.type) == ("count", "long")


def test_a_file_without_names_of_columns_cannot_be_compared() -> None:
    for form in (FixedWidth(columns={"id": 2}), Delimited(header=False)):
        with pytest.raises(DeclarationError, match="no names of columns"):
            read_sample(io.BytesIO(b"P1\n"), "f.txt", source(form))
