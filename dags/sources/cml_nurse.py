"""# CML nurse

Nursing licenses, an Excel workbook from CML. There is no schedule: put the workbook into the inbox, then trigger the
DAG and enter the file name.

- **One row** is one license, on the sheet `Nurses`; other sheets are notes. Each workbook is the full list.
- **Late**: there is no due date. The period is the date of the list.
- **Refused**: the log names the row and column. Ask CML for a corrected workbook, and start the run again. Do not edit
  it yourself.
- **Sensitivity**: names, license numbers, personal emails and phone numbers. Respect `ama_style_no_contact`.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Alias, Excel, Inbox, OnDemand, RowsBand, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="cml_nurse",
        table="cml.nurse",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.xlsx"),
        format=Excel(sheet="Nurses", true=("Yes",), false=("No",)),
        contact="CML",
        aliases=(Alias("state_licensed", "license_state"), Alias("licence_no", "license_number")),
        checks=(
            RowsBand(within=0.5, periods=1),
            UniqueKey(columns=("license_state", "license_number"), outcome="warn"),
        ),
    ),
    doc=__doc__,
)
