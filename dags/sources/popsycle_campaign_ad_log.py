"""# Popsycle campaign ad log

Impressions, clicks and conversions of our campaigns, from Popsycle (with Statara). They arrive in Popsycle's S3 bucket
every day of the week.

- **One row** is one event. Clicks and conversions arrive later than impressions, and Popsycle restates recent days.
  Identical rows can be real, so nothing is deduplicated.
- **Complete** when nothing more has come for an hour: Popsycle does not say how many files it sends.
- **Late**: on the evening of the next business day, ask Popsycle's support.
- **Refused**: the log names the file and line. Ask Popsycle to upload the day again.
- **Sensitivity**: device IDs, IP addresses, email hashes; a segment can reveal health or politics.
"""

from datetime import timedelta

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Daily, Delimited, Maintenance, Quiet, Rows, RowsBand, Source

dag = delivery_dag(
    Source(
        name="popsycle_campaign_ad_log",
        table="popsycle.campaign_ad_log",
        cadence=Daily(),
        delivery=S3(
            conn_id="s3_popsycle",
            bucket="vendor-popsycle",
            prefix="adlog/{year}/{month}/{day}/",
            pattern="campaign_log_*.tsv.gz",
            complete=Quiet(timedelta(hours=1)),
        ),
        format=Delimited(delimiter="\t", quote=None, nulls=("\\N",)),
        contact="Popsycle's support",
        checks=(
            Rows(min=1),
            RowsBand(within=0.8, periods=7, outcome="warn"),
        ),
        restated="replace",  # Popsycle uploads recent days again
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
