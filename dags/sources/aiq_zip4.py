"""# AIQ zip+4

Averages by ZIP+4, from AIQ's SFTP server. About 44 million rows. **Received, but not used at present**: the DAG is
created paused. To use it, unpause it.

- **One row** is one ZIP+4. Each quarter is a full snapshot.
- **Complete** when its one file is there.
- **Late**: it arrives with the household file. No action is needed while it is not used.
- **Refused**: the log names the file, line and column. Ask AIQ for a new file of the same name.
- **Sensitivity**: aggregates, but a small ZIP+4 covers only a few people; modeled ethnicity and politics.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import (
    Delimited,
    Files,
    Maintenance,
    NullShare,
    Quarterly,
    RowsBand,
    Sftp,
    Source,
    UniqueKey,
)

dag = delivery_dag(
    Source(
        name="aiq_zip4",
        table="aiq.zip4",
        cadence=Quarterly(due_business_day=15),
        delivery=Sftp(
            conn_id="sftp_aiq", directory="/outgoing", pattern="AIQ_ZIP4_{period}.txt.zip", complete=Files(1)
        ),
        format=Delimited(delimiter="|"),
        contact="the AIQ account manager",
        paused="Received each quarter, but not used at present. Unpause it when ZIP+4 averages are needed.",
        checks=(
            RowsBand(within=0.1, periods=2),
            NullShare(periods=2),
            UniqueKey(columns=("zip5", "zip4")),
        ),
        restated="replace_period",  # every delivery is a full snapshot
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
