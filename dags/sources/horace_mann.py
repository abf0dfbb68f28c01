"""# Horace Mann (client)

The client's list for a campaign. Put the file into the inbox, then trigger the DAG and enter the file name.

- **One row** is one person: customer, prospect, lapsed or suppressed. Each file is the full list of a campaign.
- **Late**: there is no due date; the client decides. The period is the date of the list.
- **Refused**: the log names the line and column. Ask the client for a new file. Never edit their file yourself.
- **Sensitivity**: probably contains GLBA nonpublic personal information. Never join these rows into vendor tables that
  are resold. Respect `do_not_solicit` and `glba_opt_out`; ask the client not to send `date_of_birth`.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, Inbox, OnDemand, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="horace_mann",
        table="horace_mann.person",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(true=("TRUE",), false=("FALSE",)),
        client="horace_mann",
        contact="the client",
        aliases=(Alias("person_id", "client_person_id"), Alias("zip_code", "zip5")),
        checks=(UniqueKey(columns=("client_person_id",), outcome="warn"),),
    ),
    doc=__doc__,
)
