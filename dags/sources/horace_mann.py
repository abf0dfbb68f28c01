"""# Horace Mann (client)

The client's list for a campaign. Put the file into the inbox, then start the DAG and name it.

- **One row** is one person: customer, prospect, lapsed or to be suppressed. Each file is the full list of a campaign.
- **Late**: the client decides. The period is the day of the list.
- **Refused**: the log names the line and column. Ask the client for a new file; never mend theirs by hand.
- **Sensitivity**: GLBA nonpublic personal information is likely. Never join these rows into vendor tables that are
  resold. Respect `do_not_solicit` and `glba_opt_out`; ask the client to leave `date_of_birth` out.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(
        name="horace_mann",
        table="horace_mann.person",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(true=("TRUE",), false=("FALSE",)),
        aliases={"person_id": "client_person_id", "zip_code": "zip5"},
    ),
    doc=__doc__,
)
