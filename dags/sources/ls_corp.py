"""# LS Corp

Leads from LS Corp, on no schedule. Put the file into the inbox, then start the DAG and name it.

- **One row** is one line of the file: what it stands for is not known yet. Columns that the SQL file does not list are
  kept in `extra`.
- **Late**: nothing is due. The period is the day of the file.
- **Refused**: the log names the line and column. Ask LS Corp for a new file.
- **Sensitivity**: names, addresses, phones, e-mails. Treat everything in `extra` as personal until it is classified.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(
        name="ls_corp",
        table="ls_corp.contact",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(dates={"*": "%m/%d/%Y"}, timestamps={"*": "%m/%d/%Y %H:%M:%S"}),
        aliases={"zip": "zip5"},
        extra_columns="keep",
    ),
    doc=__doc__,
)
