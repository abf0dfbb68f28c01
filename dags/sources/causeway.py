"""# Causeway

Modeled voters from Causeway, in Latin-1. There is no schedule: put the file into the inbox, then trigger the DAG and
enter the file name.

- **One row** is one person. Each file is assumed to be the full list.
- **Late**: there is no due date. The period is the date of the file.
- **Refused**: the log names the line and column. Ask Causeway for a new file.
- **Sensitivity**: political: party, turnout, issues.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, Inbox, Maintenance, OnDemand, RowsBand, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="causeway",
        table="causeway.person",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(encoding="latin-1", nulls=("N/A",), true=("Y",), false=("N",)),
        contact="Causeway",
        aliases=(Alias("voter_id", "state_voter_id"),),
        checks=(
            RowsBand(within=0.5, periods=1),
            UniqueKey(columns=("causeway_id",)),
        ),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
