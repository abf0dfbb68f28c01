"""# Statara digital campaign

Digital identifiers for campaigns, from Statara's S3 bucket. One file per state.

- **One row** is one identifier of one person. Each month is assumed to be a full snapshot.
- **Late**: after 5 business days, ask the Statara account manager. Stirista may replace this feed.
- **Refused**: the log names the file, line and column. Ask Statara to upload that state's file again.
- **Sensitivity**: names, addresses, emails, device IDs; a hash is still an identifier. Respect `do_not_mail`,
  `do_not_call` and `ccpa_opt_out`.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Delimited, Maintenance, Monthly, Source

dag = delivery_dag(
    Source(
        name="statara_digital_campaign",
        table="statara.digital_campaign",
        cadence=Monthly(due_business_day=5),
        delivery=S3(
            conn_id="s3_statara",
            bucket="vendor-statara",
            prefix="digital/{year}{month}/",
            pattern="statara_digital_??.csv.gz",
        ),
        format=Delimited(true=("1",), false=("0",)),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
