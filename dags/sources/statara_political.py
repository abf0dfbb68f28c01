"""# Statara political

Voter files, standardized by Statara, from its S3 bucket. One file per state.

- **One row** is one registered voter. A month can contain only some of the states; each file is a full snapshot of its
  state.
- **Complete** when at least one state has come, and nothing more for six hours. A file of another name than a state's
  holds the delivery up.
- **Late**: after 10 business days, ask the Statara account manager which states to expect.
- **Refused**: the log names the file, line and column. Ask Statara to upload that state's file again.
- **Sensitivity**: political. `permitted_use` is the state's license class. Do not use rows marked `political_only` for
  commercial campaigns.
"""

from datetime import timedelta

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, US_STATES, Delimited, Each, Maintenance, Monthly, Quiet, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="statara_political",
        table="statara.political",
        cadence=Monthly(due_business_day=10),
        delivery=S3(
            conn_id="s3_statara",
            bucket="vendor-statara",
            prefix="political/{year}-{month}/",
            pattern="{value}.csv",
            complete=(Each(US_STATES, at_least=1), Quiet(timedelta(hours=6))),
        ),
        format=Delimited(dates={"*": "%m/%d/%Y"}),
        contact="the Statara account manager",
        checks=(UniqueKey(columns=("sii_state", "state_voter_id")),),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
