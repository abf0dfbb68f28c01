"""# Platinum Dermatology (client)

The client's patients, for marketing that they authorized. Put the file into the inbox, then trigger the DAG and enter
the file name.

- **Treat every row as PHI**: being on the list is itself health information. Load only while a BAA is on file, and
  only into an account whose table bucket and KMS key are used for this client only.
- **One row** is one patient. A file is the full list, or the additions of a month.
- **Late**: there is no due date; the client decides. The period is the date of the list.
- **Refused**: a file with an unknown column is refused, so that no data outside the agreement is loaded unnoticed. Tell
  the client the column's name, never a value, and ask for a new file through the agreed channel.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Delimited, Inbox, OnDemand, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="platinum_dermatology",
        table="platinum_dermatology.patient",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(true=("Yes",), false=("No",), dates={"*": "%m/%d/%Y"}),
        client="platinum_dermatology",
        contact="the client, through the agreed channel",
        aliases=(Alias("patient_id", "client_patient_id"),),
        extra_columns="refuse",
        checks=(UniqueKey(columns=("client_patient_id",)),),
    ),
    doc=__doc__,
)
