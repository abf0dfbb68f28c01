"""The rest of the demo: what a team sees on the pages after some weeks, not only fourteen good deliveries.

Earlier periods of two sources, a load by hand, a vendor that is late, a refused file, and a corrected file that waits
for an approval. Each part has its own run id, so that a second demo starts none of it again.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import httpx

from growth_verticals.cadence import Daily, Quarterly
from local import standin, vendors
from local.vendors import SampleFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from growth_verticals.cadence import Period
    from local.airflow_client import AirflowClient
    from local.settings import Settings
    from local.vendors import Sample

#: Shares of the sample's lines in earlier periods, the newest first. None of them cuts a record of several lines.
_SHARES = (0.96, 0.92, 0.88)
_LATE, _REFUSED, _CORRECTED, _BY_HAND = "popsycle_intent_triggers", "horace_mann", "ls_corp", "causeway"
_CORRECTED_NAME = "leads_corrected_by_ls_corp.csv"


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A run that the demo starts for the pages, and the state in which it is meant to be.

    :param is_new: False if an earlier demo has started it: then a person may have changed its state.
    """

    source: str
    period: str
    run_id: str
    expected: str
    is_new: bool = True


def start_earlier_periods(settings: Settings, airflow: AirflowClient, samples: dict[str, Sample]) -> list[Scene]:
    """Deliver three earlier days of the ad log, two earlier quarters of AIQ B2B, and a list; start their runs."""
    newest = Daily().latest_open(datetime.now(UTC))
    ad_log, b2b = samples["popsycle_campaign_ad_log"], samples["aiq_b2b"]
    scenes = []
    for sample, periods in (
        (ad_log, list(_before(newest, Daily(), 3))),
        (b2b, list(_before(Quarterly().parse(b2b.period), Quarterly(), 3))[1:]),
    ):
        for period, share in reversed(list(zip(periods, _SHARES, strict=False))):
            with TemporaryDirectory() as folder:
                vendors.deliver(settings, _earlier(sample, period, share, Path(folder)))
            scenes.append(_start(airflow, sample.source, period.key, "earlier", "success"))
    return [*scenes, _start_list(settings, airflow, samples, "first", "success", skipped_lines=0)]


def start_exceptions(settings: Settings, airflow: AirflowClient, samples: dict[str, Sample]) -> list[Scene]:
    """Start a run that waits for files that never come, one for another client's list, and one for a corrected file."""
    late = Daily().latest_open(datetime.now(UTC))
    while Daily().due(late) > datetime.now(UTC):
        late = Daily().before(late)
    foreign = replace(samples[_REFUSED], files=samples["platinum_dermatology"].files)
    vendors.deliver(settings, foreign)
    return [
        _start(airflow, _LATE, late.key, "late", "failed"),
        _start(airflow, _REFUSED, _day_before(foreign.period), "refused", "failed", foreign.inbox_names),
        _start_list(settings, airflow, samples, "corrected", "awaiting_input", skipped_lines=5),
    ]


def load_by_hand(settings: Settings, samples: dict[str, Sample]) -> None:
    """Load Causeway's sample for the newest day with `./gv load`."""
    sample = samples[_BY_HAND]
    day = Daily().latest_open(datetime.now(UTC)).key
    command = [
        *(sys.executable, "-m", "growth_verticals.cli", "load", sample.source, str(sample.files[0].path)),
        *("--period", day, "--reason", "the demo shows a load by hand"),
    ]
    environment = os.environ | standin.environment(settings) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run(command, env=environment, check=True, capture_output=True)


def _start_list(
    settings: Settings,
    airflow: AirflowClient,
    samples: dict[str, Sample],
    what: str,
    expected: str,
    *,
    skipped_lines: int,
) -> Scene:
    """Put the LS Corp sample without its last lines into the inbox, always under the same name, and start its run."""
    sample = samples[_CORRECTED]
    lines = sample.files[0].path.read_bytes().splitlines(keepends=True)
    with TemporaryDirectory() as folder:
        path = Path(folder) / _CORRECTED_NAME
        path.write_bytes(b"".join(lines[: len(lines) - skipped_lines]))
        corrected = replace(sample, files=(replace(sample.files[0], path=path),))
        vendors.deliver(settings, corrected)
    return _start(airflow, sample.source, _day_before(sample.period), what, expected, corrected.inbox_names)


def _day_before(key: str) -> str:
    return Daily().before(Daily().parse(key)).key


def _before(period: Period, cadence: Daily | Quarterly, count: int) -> Iterator[Period]:
    for _ in range(count):
        yield period
        period = cadence.before(period)


def _earlier(sample: Sample, period: Period, share: float, folder: Path) -> Sample:
    """Return the sample as a delivery of another period, with fewer rows."""
    file = sample.files[0]
    lines = gzip.decompress(file.path.read_bytes()).splitlines(keepends=True)
    path = folder / file.path.name
    path.write_bytes(gzip.compress(b"".join(lines[: 1 + int(share * (len(lines) - 1))])))
    drop = file.drop
    for old, new in zip(_spellings(sample.period), _spellings(period.key), strict=True):
        drop = drop.replace(old, new)
    return replace(sample, period=period.key, files=(SampleFile(path=path, drop=drop, rows_read=0, rows_rejected=0),))


def _spellings(key: str) -> tuple[str, ...]:
    """Return how the vendors write a period in folders and names of files."""
    return key, key.replace("-", "/"), key.replace("-", "")


def _start(
    airflow: AirflowClient, source: str, period: str, what: str, expected: str, files: list[str] | None = None
) -> Scene:
    run_id = f"demo__{what}__{period}"
    is_new = True
    try:
        airflow.trigger(source, run_id=run_id, partition_key=period, conf={"files": files} if files else {})
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.CONFLICT:
            raise
        is_new = False
    return Scene(source=source, period=period, run_id=run_id, expected=expected, is_new=is_new)
