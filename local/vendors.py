"""Play the vendors: upload the sample deliveries of `include/samples` to where each vendor would put them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from local import sftp, store
from local.keys import PLATFORM, Keys
from local.settings import LANDING_BUCKET

if TYPE_CHECKING:
    from local.settings import Settings

SAMPLES = Path(__file__).resolve().parent.parent / "include" / "samples"


@dataclass(frozen=True, kw_only=True)
class SampleFile:
    """A file of a sample delivery.

    :param drop: where the vendor puts it: `sftp://<user>/path`, `s3://<bucket>/<key>` or `inbox`.
    :param rows_read: how many records a load must read from it.
    :param rows_rejected: how many of these it must reject.
    :param marker: whether it is the marker that completes the delivery.
    """

    path: Path
    drop: str
    rows_read: int
    rows_rejected: int
    marker: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A source's sample delivery, and the row counts that a load of it must have."""

    source: str
    period: str
    files: tuple[SampleFile, ...]

    @property
    def rows_read(self) -> int:
        return sum(file.rows_read for file in self.files)

    @property
    def rows_rejected(self) -> int:
        return sum(file.rows_rejected for file in self.files)

    @property
    def inbox_names(self) -> list[str]:
        """The file names to enter in the run's form if the delivery comes through the inbox."""
        return [file.path.name for file in self.files if file.drop == "inbox"]


def samples() -> dict[str, Sample]:
    """Return the samples in `include/samples/expected.json`, by source."""
    expected = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    return {
        source: Sample(
            source=source,
            period=sample["period"],
            files=tuple(SampleFile(**{**file, "path": SAMPLES / file["path"]}) for file in sample["files"]),
        )
        for source, sample in expected.items()
    }


def deliver(settings: Settings, sample: Sample) -> None:
    """Upload the files of a sample as its vendor would: with the vendor's own key pair, and a marker last."""
    for file in sorted(sample.files, key=lambda file: file.marker):
        url = urlsplit(file.drop)
        if url.scheme == "sftp":
            _put_into_sftp_folder(settings, file.path, url.netloc, url.path)
        elif url.scheme == "s3":
            _put_object(settings, url.netloc.removeprefix("vendor-"), url.netloc, url.path.lstrip("/"), file.path)
        else:
            _put_object(settings, PLATFORM, LANDING_BUCKET, f"inbox/{sample.source}/{file.path.name}", file.path)


def _put_into_sftp_folder(settings: Settings, path: Path, user: str, target: str) -> None:
    """Write the file under a temporary name and rename it, as careful vendors do."""
    final = sftp.root_folder(settings, user) / target.lstrip("/")
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(final.name + ".part")
    temporary.write_bytes(path.read_bytes())
    temporary.replace(final)


def _put_object(settings: Settings, owner: str, bucket: str, key: str, path: Path) -> None:
    keys = Keys.load_or_generate(settings.state)
    store.client("s3", settings, keys.pairs[owner]).put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
