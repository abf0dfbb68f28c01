"""# AIQ business to business

Business contacts linked to the consumer file, from AIQ's SFTP server. About 75 million rows.

- **One row** is one business contact. Each quarter is a full snapshot. The file name has a release number (`V105`).
- **Complete** when its one file is there.
- **Late**: the release is usually out within 15 business days of quarter end. After that, ask the AIQ account manager.
- **Refused**: the log names the file, line and column. Ask AIQ for a new file of the same name and start the run again.
- **Sensitivity**: names, work emails and their hashes, phone numbers. `aiq_hhid` and `aiq_indid` link to the person's
  home.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import (
    Alias,
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
        name="aiq_b2b",
        table="aiq.b2b",
        cadence=Quarterly(due_business_day=15),
        delivery=Sftp(
            conn_id="sftp_aiq", directory="/outgoing", pattern="AIQ_B2B_{period}_V{release}.txt.gz", complete=Files(1)
        ),
        format=Delimited(delimiter="|", true=("Y",), false=("N",), dates={"*": "%Y%m%d"}),
        contact="the AIQ account manager",
        aliases=(Alias("contact_id", "business_contact_id"),),
        checks=(
            RowsBand(within=0.2, periods=2),
            NullShare(periods=2),
            UniqueKey(columns=("business_contact_id", "aiq_hhid", "aiq_indid"), outcome="warn"),
        ),
        restated="replace_period",  # every delivery is a full snapshot
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
