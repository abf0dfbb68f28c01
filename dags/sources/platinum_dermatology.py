"""# Platinum Dermatology (client)

The client's patients, for marketing that they authorised. Put the file into the inbox, then start the DAG and name it.

- **Treat every row as PHI**: being on the list is itself health information. Load only while a BAA is recorded, and
  only into an account whose table bucket and KMS key are this client's own.
- **One row** is one patient. A full list, or the month's additions.
- **Late**: the client decides. The period is the day of the list.
- **Refused**: an unknown column refuses the file, so that nothing outside the agreement comes in unseen. Tell the
  client the column's name, never a value, and ask for a new file through the agreed channel.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(
        name="platinum_dermatology",
        table="platinum_dermatology.patient",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.csv"),
        format=Delimited(true=("Yes",), false=("No",), dates={"*": "%m/%d/%Y"}),
        aliases={"patient_id": "client_patient_id"},
        extra_columns="refuse",
    ),
    doc=__doc__,
)
