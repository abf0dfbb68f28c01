"""# LS Corp

Leads from LS Corp. There is no schedule: put the file into the inbox, then trigger the DAG and enter the file name.

- **One row** is one line of the file. Its meaning is not known yet. Columns that are not in the SQL file are kept in
  `extra`.
- **Late**: there is no due date. The period is the date of the file.
- **Refused**: the log names the line and column. Ask LS Corp for a new file.
- **Sensitivity**: names, addresses, phone numbers, emails. Treat everything in `extra` as personal until it is
  classified.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, Inbox, OnDemand, Rows, Source

dag = delivery_dag(
    Source(
        name="ls_corp",
        table="ls_corp.contact",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(dates={"*": "%m/%d/%Y"}, timestamps={"*": "%m/%d/%Y %H:%M:%S"}),
        contact="LS Corp",
        aliases=(Alias("zip", "zip5"),),
        extra_columns="keep",
        min_known_columns=0.75,  # no column is required and any other is kept: without this, a client's list would load
        checks=(Rows(min=1),),
    ),
    doc=__doc__,
)
