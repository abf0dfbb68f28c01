"""# Statara digital campaign

Digital identifiers for campaigns, from Statara's S3 bucket. One file per state.

- **One row** is one identifier of one person. Each month is assumed to be a full snapshot.
- **Complete** when at least one state has come, and nothing more for six hours: Statara does not say which states it
  sends. A file of another name than a state's holds the delivery up.
- **Late**: after 5 business days, ask the Statara account manager. Stirista may replace this feed.
- **Refused**: the log names the file, line and column. Ask Statara to upload that state's file again.
- **Sensitivity**: names, addresses, emails, device IDs; a hash is still an identifier. Respect `do_not_mail`,
  `do_not_call` and `ccpa_opt_out`.
"""

from datetime import timedelta

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import (
    S3,
    US_STATES,
    Delimited,
    Each,
    Maintenance,
    Monthly,
    NullShare,
    Quiet,
    RowsBand,
    Source,
    UniqueKey,
)

dag = delivery_dag(
    Source(
        name="statara_digital_campaign",
        table="statara.digital_campaign",
        cadence=Monthly(due_business_day=5),
        delivery=S3(
            conn_id="s3_statara",
            bucket="vendor-statara",
            prefix="digital/{year}{month}/",
            pattern="statara_digital_{value}.csv.gz",
            complete=(Each(US_STATES, at_least=1), Quiet(timedelta(hours=6))),
        ),
        format=Delimited(true=("1",), false=("0",)),
        contact="the Statara account manager",
        checks=(
            RowsBand(within=0.3, periods=3),
            NullShare(periods=3),
            UniqueKey(columns=("statara_person_id", "identifier_type", "identifier_value"), outcome="warn"),
        ),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
