"""# AIQ zip+4

Averages by ZIP+4, from AIQ's SFTP server, about 44 million rows. **Received, not used at present**: the DAG is created
paused, and works as soon as it is unpaused.

- **One row** is one ZIP+4. Each quarter is a full snapshot.
- **Late**: comes with the household file. Nobody waits for it while it is not used.
- **Refused**: the log names the file, line and column. Ask AIQ for a new file of the same name.
- **Sensitivity**: aggregates, but of few people in a small ZIP+4; modelled ethnicity and politics.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Delimited, Maintenance, Quarterly, Sftp, Source

dag = delivery_dag(
    Source(
        name="aiq_zip4",
        table="aiq.zip4",
        cadence=Quarterly(due_business_day=15),
        delivery=Sftp(conn_id="sftp_aiq", directory="/outgoing", pattern="AIQ_ZIP4_{period}.txt.zip"),
        format=Delimited(delimiter="|"),
        paused="Received each quarter, not used at present. Unpause it when zip+4 averages are wanted.",
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
