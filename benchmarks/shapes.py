"""The columns of the three generated files: their SQL types, and how their values are generated.

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
class GeneratedColumn:
    """One column.

    :param distinct: number of distinct values. For numbers: the range from which they are chosen.
    :param empty: share of empty cells.
    :param scale: digits of a decimal after the point.
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
    columns: tuple[GeneratedColumn, ...]
    delimiter: str = ","

    def ddl(self, namespace: str) -> str:
        """Return the SQL file of the table `<namespace>.<name>`."""
        columns = ",\n".join(f"    {column.name} {column.sql}" for column in self.columns)
        return f"CREATE TABLE {namespace}.{self.name} (\n{columns}\n)\nPARTITIONED BY (delivery_period)\n"

    def declaration(self, namespace: str, *, json: bool = False) -> str:
        """Return the source file `<name>.py` for files of this shape and that table."""
        format_ = "JsonLines()" if json else f'Delimited(delimiter="{self.delimiter}")'
        return _DECLARATION.format(name=self.name, table=f"{namespace}.{self.name}", format=format_)


_DECLARATION = '''"""# Generated rows for the benchmark"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, JsonLines, OnDemand, Source

dag = delivery_dag(
    Source(
        name="{name}",
        table="{table}",
        cadence=OnDemand(),
        delivery=Inbox(),
        format={format},
        max_rejected=0.05,
    ),
    doc=__doc__,
)
'''

CONSUMER = Shape(
    "consumer",
    (
        GeneratedColumn("person_id", "id"),
        GeneratedColumn("household_id", "id"),
        GeneratedColumn("first_name", "word", 3_000),
        GeneratedColumn("middle_initial", "code", 26, 0.3),
        GeneratedColumn("last_name", "word", 20_000),
        GeneratedColumn("suffix", "code", 6, 0.95),
        GeneratedColumn("address_line_1", "street", 9_000),
        GeneratedColumn("address_line_2", "word", 300, 0.85),
        GeneratedColumn("city", "word", 8_000),
        GeneratedColumn("state", "code", 51),
        GeneratedColumn("zip5", "phone", 40_000),
        GeneratedColumn("county_fips", "phone", 3_100),
        GeneratedColumn("latitude", "decimal", 90_000_000, scale=6),
        GeneratedColumn("longitude", "decimal", 180_000_000, scale=6),
        GeneratedColumn("phone", "phone", 9_000_000, 0.2),
        GeneratedColumn("email", "mail", 900_000, 0.4),
        GeneratedColumn("birth_date", "date", 30_000, 0.1),
        GeneratedColumn("age", "int", 90),
        GeneratedColumn("gender", "code", 3),
        GeneratedColumn("marital_status", "code", 4, 0.2),
        GeneratedColumn("language", "code", 40, 0.1),
        GeneratedColumn("occupation", "word", 400, 0.3),
        GeneratedColumn("education", "code", 6),
        GeneratedColumn("dwelling", "code", 5),
        GeneratedColumn("home_owner", "flag"),
        GeneratedColumn("home_value", "int", 2_000_000, 0.3),
        GeneratedColumn("home_built", "int", 120, 0.3),
        GeneratedColumn("income", "int", 400_000),
        GeneratedColumn("net_worth", "int", 4_000_000, 0.2),
        GeneratedColumn("length_of_residence", "int", 60),
        GeneratedColumn("children", "int", 6),
        GeneratedColumn("vehicle_make", "word", 60, 0.2),
        GeneratedColumn("vehicle_year", "int", 40, 0.2),
        GeneratedColumn("credit_band", "code", 8),
        GeneratedColumn("annual_spend", "decimal", 9_000_000),
        GeneratedColumn("last_order_value", "decimal", 90_000, 0.5),
        GeneratedColumn("lifetime_value", "decimal", 90_000_000),
        GeneratedColumn("first_seen", "date", 8_000),
        GeneratedColumn("last_purchase", "date", 4_000, 0.4),
        GeneratedColumn("updated_at", "timestamp", 90_000_000),
        *(GeneratedColumn(f"score_{number:02}", "int", 1_000) for number in range(1, 9)),
        *(GeneratedColumn(f"propensity_{number}", "double", 1_000_000) for number in range(1, 5)),
        *(GeneratedColumn(f"flag_{number}", "flag", empty=0.05) for number in range(1, 6)),
        *(GeneratedColumn(f"segment_{number}", "code", 70) for number in range(1, 4)),
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
            GeneratedColumn(f"attribute_{number:03}", kind, distinct, empty)
            for number in range(1, 281)
            for kind, distinct, empty in (_CYCLE[number % len(_CYCLE)],)
        ),
    ),
    delimiter="|",
)

EVENTS = Shape(
    "events",
    (
        GeneratedColumn("event_id", "id"),
        GeneratedColumn("event_ts", "timestamp", 80_000),
        GeneratedColumn("user_id", "int", 3_000_000),
        GeneratedColumn("campaign", "word", 400),
        GeneratedColumn("kind", "code", 5),
        GeneratedColumn("url", "mail", 40_000),
        GeneratedColumn("amount", "double", 100_000, 0.7),
        GeneratedColumn("mobile", "flag"),
    ),
)

SHAPES = {shape.name: shape for shape in (CONSUMER, HOUSEHOLD, EVENTS)}
