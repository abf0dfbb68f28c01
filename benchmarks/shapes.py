"""The three made-up files, column by column: what SQL declares and how values are made.

consumer   60 columns, comma      people, addresses, scores
household  300 columns, pipe      mostly codes, many of them empty
events     8 columns, comma or JSON lines
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["id", "word", "code", "street", "mail", "phone", "int", "decimal", "double", "flag", "date", "timestamp"]

_SQL = {
    "id": "BIGINT",
    "int": "INT",
    "double": "DOUBLE",
    "flag": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP",
}


@dataclass(frozen=True)
class Made:
    """One column.

    :param distinct: how many values there are (numbers: the range that they are drawn from).
    :param empty: share of empty cells.
    :param scale: digits behind the point of a decimal.
    """

    name: str
    kind: Kind
    distinct: int = 1_000
    empty: float = 0.0
    scale: int = 2

    @property
    def sql(self) -> str:
        return f"DECIMAL(12, {self.scale})" if self.kind == "decimal" else _SQL.get(self.kind, "STRING")


@dataclass(frozen=True)
class Shape:
    name: str
    columns: tuple[Made, ...]
    delimiter: str = ","

    def ddl(self, namespace: str) -> str:
        """The SQL file of the table `<namespace>.<name>`."""
        columns = ",\n".join(f"    {column.name} {column.sql}" for column in self.columns)
        return f"CREATE TABLE {namespace}.{self.name} (\n{columns}\n)\nPARTITIONED BY (delivery_period)\n"

    def declaration(self, namespace: str, *, json: bool = False) -> str:
        """The source file `<name>.py` that loads files of this shape into that table."""
        form = "JsonLines()" if json else f'Delimited(delimiter="{self.delimiter}")'
        return _DECLARATION.format(name=self.name, table=f"{namespace}.{self.name}", form=form)


_DECLARATION = '''"""# Made-up rows for the benchmark"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, JsonLines, OnDemand, Source

dag = delivery_dag(
    Source(
        name="{name}",
        table="{table}",
        cadence=OnDemand(),
        delivery=Inbox(),
        format={form},
        max_rejected=0.05,
    ),
    doc=__doc__,
)
'''

CONSUMER = Shape(
    "consumer",
    (
        Made("person_id", "id"),
        Made("household_id", "id"),
        Made("first_name", "word", 3_000),
        Made("middle_initial", "code", 26, 0.3),
        Made("last_name", "word", 20_000),
        Made("suffix", "code", 6, 0.95),
        Made("address_line_1", "street", 9_000),
        Made("address_line_2", "word", 300, 0.85),
        Made("city", "word", 8_000),
        Made("state", "code", 51),
        Made("zip5", "phone", 40_000),
        Made("county_fips", "phone", 3_100),
        Made("latitude", "decimal", 90_000_000, scale=6),
        Made("longitude", "decimal", 180_000_000, scale=6),
        Made("phone", "phone", 9_000_000, 0.2),
        Made("email", "mail", 900_000, 0.4),
        Made("birth_date", "date", 30_000, 0.1),
        Made("age", "int", 90),
        Made("gender", "code", 3),
        Made("marital_status", "code", 4, 0.2),
        Made("language", "code", 40, 0.1),
        Made("occupation", "word", 400, 0.3),
        Made("education", "code", 6),
        Made("dwelling", "code", 5),
        Made("home_owner", "flag"),
        Made("home_value", "int", 2_000_000, 0.3),
        Made("home_built", "int", 120, 0.3),
        Made("income", "int", 400_000),
        Made("net_worth", "int", 4_000_000, 0.2),
        Made("length_of_residence", "int", 60),
        Made("children", "int", 6),
        Made("vehicle_make", "word", 60, 0.2),
        Made("vehicle_year", "int", 40, 0.2),
        Made("credit_band", "code", 8),
        Made("annual_spend", "decimal", 9_000_000),
        Made("last_order_value", "decimal", 90_000, 0.5),
        Made("lifetime_value", "decimal", 90_000_000),
        Made("first_seen", "date", 8_000),
        Made("last_purchase", "date", 4_000, 0.4),
        Made("updated_at", "timestamp", 90_000_000),
        *(Made(f"score_{number:02}", "int", 1_000) for number in range(1, 9)),
        *(Made(f"propensity_{number}", "double", 1_000_000) for number in range(1, 5)),
        *(Made(f"flag_{number}", "flag", empty=0.05) for number in range(1, 6)),
        *(Made(f"segment_{number}", "code", 70) for number in range(1, 4)),
    ),
)

_CYCLE: tuple[tuple[Kind, int, float], ...] = (
    ("code", 40, 0.4),
    ("int", 100, 0.5),
    ("flag", 2, 0.3),
    ("code", 700, 0.6),
    ("decimal", 90_000, 0.6),
    ("int", 100_000, 0.3),
    ("code", 4, 0.1),
    ("date", 9_000, 0.7),
    ("word", 2_000, 0.5),
    ("double", 1_000_000, 0.4),
)

HOUSEHOLD = Shape(
    "household",
    (
        *CONSUMER.columns[:20],
        *(
            Made(f"attribute_{number:03}", kind, distinct, empty)
            for number in range(1, 281)
            for kind, distinct, empty in (_CYCLE[number % len(_CYCLE)],)
        ),
    ),
    delimiter="|",
)

EVENTS = Shape(
    "events",
    (
        Made("event_id", "id"),
        Made("event_ts", "timestamp", 80_000),
        Made("user_id", "int", 3_000_000),
        Made("campaign", "word", 400),
        Made("kind", "code", 5),
        Made("url", "mail", 40_000),
        Made("amount", "double", 100_000, 0.7),
        Made("mobile", "flag"),
    ),
)

SHAPES = {shape.name: shape for shape in (CONSUMER, HOUSEHOLD, EVENTS)}
