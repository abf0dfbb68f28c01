"""# AIQ household

All consumers in AIQ's file, from AIQ's SFTP server. About 265 million rows in several files.

- **One row** is one individual. Each quarter is a full snapshot of the population.
- **Complete** when all parts are there: each name says which part of how many it is.
- **Late**: the release is usually out within 15 business days of quarter end. The run waits until then. After that, ask
  the AIQ account manager.
- **Refused**: the log names the file, line and column. Ask AIQ for a new file of the same name and start the run again.
- **Sensitivity**: names, addresses, phone numbers; modeled income, ethnicity, religion and politics. Do not use modeled
  income for credit decisions.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import (
    Alias,
    Delimited,
    KnownKeys,
    Maintenance,
    NullShare,
    Parts,
    Quarterly,
    RowsBand,
    Sftp,
    Source,
    UniqueKey,
)

dag = delivery_dag(
    Source(
        name="aiq_household",
        table="aiq.household",
        cadence=Quarterly(due_business_day=15),
        delivery=Sftp(
            conn_id="sftp_aiq",
            directory="/outgoing",
            pattern="AIQ_HH_{year}Q{quarter}_part*.txt.gz",  # wider than a part's name: others hold the delivery up
            complete=Parts("AIQ_HH_{year}Q{quarter}_part{part}of{parts}.txt.gz"),
        ),
        format=Delimited(delimiter="|"),
        contact="the AIQ account manager",
        aliases=(Alias("zip", "zip5"), Alias("plus4", "zip4")),
        checks=(
            RowsBand(within=0.2, periods=2),
            NullShare(periods=2),
            UniqueKey(columns=("aiq_hhid", "aiq_indid")),
            KnownKeys(columns=("aiq_hhid", "aiq_indid"), min=0.7),
        ),
        restated="replace_period",  # every delivery is the whole population
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
