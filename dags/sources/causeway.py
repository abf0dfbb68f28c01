"""# Causeway

Modelled voters from Causeway, on no schedule, in Latin-1. Put the file into the inbox, then start the DAG and name it.

- **One row** is one person. Each file is taken to be the full list.
- **Late**: nothing is due. The period is the day of the file.
- **Refused**: the log names the line and column. Ask Causeway for a new file.
- **Sensitivity**: political: party, turnout, issues.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, Maintenance, OnDemand, Source

dag = delivery_dag(
    Source(
        name="causeway",
        table="causeway.person",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(encoding="latin-1", nulls=("N/A",), true=("Y",), false=("N",)),
        aliases={"voter_id": "state_voter_id"},
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
