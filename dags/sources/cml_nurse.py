"""# CML nurse

Nursing licences, a workbook from CML, on no schedule. Put it into the inbox, then start the DAG and name it.

- **One row** is one licence, on the sheet `Nurses`; other sheets are notes. Each workbook is the full list.
- **Late**: nothing is due. The period is the day of the list.
- **Refused**: the log names the row and column. Mend the workbook with CML, not by hand, and start the run again.
- **Sensitivity**: names, licence numbers, personal e-mails and phones. Respect `ama_style_no_contact`.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import Excel, Inbox, OnDemand, Source

dag = delivery_dag(
    Source(
        name="cml_nurse",
        table="cml.nurse",
        cadence=OnDemand(),
        delivery=Inbox(pattern="*.xlsx"),
        format=Excel(sheet="Nurses", true=("Yes",), false=("No",)),
        aliases={"state_licensed": "license_state", "licence_no": "license_number"},
    ),
    doc=__doc__,
)
