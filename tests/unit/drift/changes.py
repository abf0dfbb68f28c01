"""Generated changes of a vendor's columns. Each column of the file knows which column of the table it truly is."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random

from growth_verticals.contract.declared import contract_of
from growth_verticals.contract.table import Column
from growth_verticals.declarations import read_sources

ROWS = 25
#: Tables with columns that are easily confused.
ALIKE = {
    "names": [
        "id!",
        "first_name",
        "first_nm",
        "last_name",
        "last_nm",
        "middle_name",
        "full_name",
        "nick_name",
        "state",
    ],
    "addresses": ["id!", "addr1", "addr2", "addr3", "city", "county", "country", "county_code", "state_code", "zip5"],
    "phones": [
        "id!",
        "home_phone",
        "cell_phone",
        "work_phone",
        "phone",
        "phone_type",
        "home_phone_type",
        "email",
        "born",
    ],
    "scores": ["id!", "score_1", "score_2", "score_3", "score_date", "start_date", "end_date", "model_name", "rank"],
}
#: Spellings that vendors use, word by word. They are the generator's own.
SPELLINGS = {
    "name": "nm", "address": "addr", "addr": "address", "code": "cd", "date": "dt", "number": "num", "phone": "ph",
    "household": "hh", "hh": "household", "percent": "pct", "pct": "percent", "year": "yr", "average": "avg",
    "avg": "average", "flag": "flg", "license": "licence", "county": "cnty", "suffix": "sfx",
}  # fmt: skip
#: A name that looks like a column's, and means something else.
NEAR = {
    "county": "country", "country": "county", "home": "cell", "cell": "home", "work": "home", "first": "last",
    "last": "first", "start": "end", "end": "start", "city": "county", "state": "status", "modeled": "model",
    "business": "business_old", "birth": "death", "household": "house", "min": "max", "max": "min", "age": "wage",
}  # fmt: skip
NEW = ["loyalty_tier", "batch", "device_os", "referrer", "wave", "opt_in_channel", "income_model", "shoe_size"]
UNLIKE = ["field_{}", "col{}", "attr_{}", "x{}_value"]


@dataclass
class VendorColumn:
    """A column of the file. `true` is the column of the table that it is; None for none of them."""

    name: str
    true: str | None
    index: int
    is_plain: bool = False


@dataclass
class Change:
    """A changed file."""

    table: list[Column]
    columns: list[VendorColumn]
    operations: list[str] = field(default_factory=list)

    def csv(self) -> bytes:
        types = {column.name: column.type for column in self.table}
        out = io.StringIO()
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow([column.name for column in self.columns])
        for row in range(ROWS):
            rows.writerow([cell(types.get(each.true or "", "string"), each.index, row) for each in self.columns])
        return out.getvalue().encode()


def cell(column_type: str, index: int, row: int) -> str:
    """Return a valid cell which tells the columns of a type apart, except booleans."""
    match column_type.split("(")[0]:
        case "int" | "long":
            return str(index * 100 + row)
        case "decimal":
            return f"{index % 90 + row / 100:.1f}"
        case "float" | "double":
            return f"{index + row / 100}"
        case "date":
            return str(date(1950, 1, 1) + timedelta(index * 50 + row))
        case "timestamp" | "timestamptz":
            return f"{date(1950, 1, 1) + timedelta(index * 50 + row)} 01:02:03"
        case "boolean":
            return ("true", "false")[(row * (index + 1) // 3) % 2]
    return f"text {index} {row}"


def tables() -> list[list[Column]]:
    found = [
        [Column(name=name.rstrip("!"), type="string", required=name.endswith("!")) for name in names]
        for names in ALIKE.values()
    ]
    contracts = map(contract_of, read_sources().values())
    return found + [[each for each in one.columns if not each.type.startswith("map")] for one in contracts]


def make_change(random: Random, table: list[Column]) -> Change:
    columns = [VendorColumn(column.name, column.name, index) for index, column in enumerate(table)]
    change = Change(table, columns)
    for _ in range(random.randint(1, 4)):
        operation = random.choice(OPERATIONS)
        if operation(random, change):
            change.operations.append(operation.__name__)
    names = [normal(column.name) for column in change.columns]
    change.columns = [each for each in change.columns if names.count(normal(each.name)) == 1]
    return change


def normal(name: str) -> str:
    return re.sub(r"\W+", "_", name.lower()).strip("_")


def untouched(random: Random, change: Change) -> VendorColumn | None:
    columns = [each for each in change.columns if each.name == each.true]
    return random.choice(columns) if columns else None


def respelled(random: Random, name: str) -> str:
    """Return the same words in another spelling."""
    ways = [re.sub(r"_(?=\D)", "", name), re.sub(r"(?<=[a-z])_?(\d)", r"_\1", name), name.replace("_", "")]
    words = name.split("_")
    ways += ["_".join(SPELLINGS.get(word, word) for word in words)] * 3
    ways = [way for way in ways if way != name] or [name]
    return random.choice(ways)


def rename(random: Random, change: Change) -> bool:
    column = untouched(random, change)
    if column is None:
        return False
    name = respelled(random, column.name)
    column.is_plain = name != column.name
    column.name = random.choice([name, name.upper(), name.title().replace("_", " ")])
    return True


def rename_otherwise(random: Random, change: Change) -> bool:
    column = untouched(random, change)
    if column is None:
        return False
    letters = list(column.name)
    random.shuffle(letters)
    ways = [random.choice(UNLIKE).format(column.index), column.name[:-2] or "q", f"new_{column.name}", "".join(letters)]
    column.name = random.choice(ways)
    return True


def move(random: Random, change: Change) -> bool:
    column = change.columns.pop(random.randrange(len(change.columns)))
    change.columns.insert(random.randint(0, len(change.columns)), column)
    return True


def shuffle(random: Random, change: Change) -> bool:
    random.shuffle(change.columns)
    return True


def remove(random: Random, change: Change) -> bool:
    if len(change.columns) > 2:
        change.columns.remove(random.choice(change.columns))
    return True


def near_name(random: Random, name: str) -> str:
    """Return a name that looks like another one and means something else."""
    words = name.split("_")
    swapped = "_".join(NEAR.get(word, word) for word in words)
    digits = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), name)
    ways = [swapped, digits, f"{name}_2", f"{name}_code", f"{name}_old", f"prior_{name}", f"{name}s"]
    return random.choice([way for way in ways if way != name])


def add(random: Random, change: Change) -> bool:
    column = random.choice(change.columns)
    name = random.choice([*NEW, near_name(random, column.name)])
    at = random.randint(0, len(change.columns))
    change.columns.insert(at, VendorColumn(name, None, 500 + len(change.columns)))
    return True


def replace_by_another(random: Random, change: Change) -> bool:
    """In the place of a removed column there is a new one with a similar name."""
    column = untouched(random, change)
    if column is None:
        return False
    at = change.columns.index(column)
    change.columns[at] = VendorColumn(near_name(random, column.name), None, 700 + at)
    return True


def swap_names(random: Random, change: Change) -> bool:
    """Two similar neighbors get each other's name, in a new spelling."""
    pairs = [
        (one, two)
        for one, two in zip(change.columns, change.columns[1:], strict=False)
        if one.name == one.true and two.name == two.true and alike(one.name, two.name)
    ]
    if not pairs:
        return False
    one, two = random.choice(pairs)
    one.name, two.name = respelled(random, two.name), respelled(random, one.name)
    if one.name == two.true or two.name == one.true:  # a name of the table says what the column is
        one.name, two.name = one.true or "", two.true or ""
    return True


def renumber(random: Random, change: Change) -> bool:
    """The first of several numbered columns is gone, and the second has its number now."""
    numbered = [each for each in change.columns if each.name == each.true and re.search(r"\d$", each.name)]
    for first in numbered:
        for second in numbered:
            if first is not second and first.name[:-1] == second.name[:-1]:
                change.columns.remove(first)
                stem = first.name[:-1].rstrip("_")
                second.name = f"{SPELLINGS.get(stem, stem)}_{first.name[-1]}"
                if second.name == first.true:
                    second.name = f"{stem}{first.name[-1]}"
                return True
    return False


def alike(one: str, two: str) -> bool:
    return one.split("_")[-1] == two.split("_")[-1] or one[:-1] == two[:-1]


OPERATIONS = [rename, rename, rename_otherwise, move, shuffle, remove, add, replace_by_another, swap_names, renumber]
