"""# Statara political

Voter files, standardized by Statara, from its S3 bucket. One file per state.

- **One row** is one registered voter. A month can contain only some of the states; each file is a full snapshot of its
  state.
- **Late**: after 10 business days, ask the Statara account manager which states to expect.
- **Refused**: the log names the file, line and column. Ask Statara to upload that state's file again.
- **Sensitivity**: political. `permitted_use` is the state's license class. Do not use rows marked `political_only` for
  commercial campaigns.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Delimited, Maintenance, Monthly, Source

dag = delivery_dag(
    Source(
        name="statara_political",
        table="statara.political",
        cadence=Monthly(due_business_day=10),
        delivery=S3(conn_id="s3_statara", bucket="vendor-statara", prefix="political/{year}-{month}/", pattern="*.csv"),
        format=Delimited(dates={"*": "%m/%d/%Y"}),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
