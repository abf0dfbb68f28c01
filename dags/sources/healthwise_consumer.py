"""# Healthwise consumer

Health propensities of the people in the AIQ household file, from Healthwise's SFTP server.

- **One row** is one individual. Each quarter is assumed to be a full snapshot. The archive also contains a README file,
  which is skipped.
- **Complete** when Healthwise has uploaded the `.done` file.
- **Late**: after 20 business days, ask the Healthwise account manager. The usual reason is a missing `.done` file.
- **Refused**: the log names the file, line and column. Ask Healthwise for a new archive and start the run again.
- **Sensitivity**: consumer health data. State laws (for example in Washington) require consent; read rows by state.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import (
    Delimited,
    Maintenance,
    Marker,
    NullShare,
    Quarterly,
    RowsBand,
    Sftp,
    Source,
    UniqueKey,
)

dag = delivery_dag(
    Source(
        name="healthwise_consumer",
        table="healthwise.consumer",
        cadence=Quarterly(due_business_day=20),
        delivery=Sftp(
            conn_id="sftp_healthwise",
            directory="/outgoing",
            pattern="HW_CONSUMER_{period}*.zip",
            complete=Marker("HW_CONSUMER_{period}.done"),
        ),
        format=Delimited(member="*.csv", nulls=("NULL",)),
        contact="the Healthwise account manager",
        checks=(
            RowsBand(within=0.2, periods=2),
            NullShare(periods=2),
            UniqueKey(columns=("aiq_hhid", "aiq_indid")),
        ),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
