"""# Popsycle intent triggers

Signals of what people are looking for, from Popsycle (with Statara). They arrive in Popsycle's S3 bucket
every day of the week.

- **One row** is one signal. A day's files contain the signals found on that day; some are about earlier days.
- **Complete** when nothing more has come for an hour: Popsycle does not say how many files it sends.
- **Late**: on the evening of the next business day, ask Popsycle's support.
- **Refused**: the log names the file and line. A line that is not JSON is rejected; the file is still loaded.
- **Sensitivity**: identifiers, topics and pages that can reveal health or politics. Rows of CA and WA need special
  rules. Do not use an identifier after `expires_at`.
"""

from datetime import timedelta

from growth_verticals.pipeline import delivery_dag  # builds the airflow DAG
from growth_verticals.source import S3, Daily, JsonLines, Maintenance, Quiet, Rows, RowsBand, Source, UniqueKey

dag = delivery_dag(
    Source(
        name="popsycle_intent_triggers",
        table="popsycle.intent_triggers",
        cadence=Daily(),
        delivery=S3(
            conn_id="s3_popsycle",
            bucket="vendor-popsycle",
            prefix="intent/{period}/",
            pattern="triggers-*.jsonl.gz",
            complete=Quiet(timedelta(hours=1)),
        ),
        format=JsonLines(),
        contact="Popsycle's support",
        checks=(
            Rows(min=1),
            RowsBand(within=0.8, periods=7, outcome="warn"),
            UniqueKey(columns=("trigger_id",), outcome="warn"),
        ),
        maintenance=Maintenance(strategy="sort"),
    ),
    doc=__doc__,
)
