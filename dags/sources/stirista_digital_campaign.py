"""# Stirista digital campaign

Consumers with digital identifiers, from Stirista's S3 bucket, as Parquet. It may replace Statara's feed.

- **One row** is one individual. It is not decided yet whether a delivery is a full snapshot, or adds, changes and
  deletes by `action_code`.
- **Complete** when nothing more has come for two hours: Stirista does not say how many files it sends.
- **Late**: after 5 business days, ask the Stirista account manager.
- **Refused**: the log names the file and column. Ask Stirista for a new file of the same name.
- **Sensitivity**: names, emails and their hashes, device and TV IDs; income, ethnic group and party. Respect
  `opt_out_flag`.
"""

from datetime import timedelta

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Maintenance, Monthly, NullShare, Parquet, Quiet, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="stirista_digital_campaign",
        table="stirista.digital_campaign",
        cadence=Monthly(due_business_day=5),
        delivery=S3(
            conn_id="s3_stirista",
            bucket="vendor-stirista",
            prefix="growth_verticals/{period}/",
            pattern="consumer_*.parquet",
            complete=Quiet(timedelta(hours=2)),
        ),
        format=Parquet(),
        contact="the Stirista account manager",
        checks=(
            NullShare(within=0.2, periods=3),
            UniqueKey(columns=("stirista_individual_id",), outcome="warn"),
        ),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
