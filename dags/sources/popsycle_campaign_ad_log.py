"""# Popsycle campaign ad log

Impressions, clicks and conversions of our campaigns, from Popsycle (with Statara). They arrive in Popsycle's S3 bucket
every day of the week.

- **One row** is one event. Clicks and conversions arrive later than impressions, and Popsycle restates recent days.
  Identical rows can be real, so nothing is deduplicated.
- **Late**: on the evening of the next business day, ask Popsycle's support.
- **Refused**: the log names the file and line. Ask Popsycle to upload the day again.
- **Sensitivity**: device IDs, IP addresses, email hashes; a segment can reveal health or politics.
"""

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Daily, Delimited, Maintenance, Source

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
        ),
        format=Delimited(delimiter="\t", quote=None, nulls=("\\N",)),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
