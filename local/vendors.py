"""The vendors at work: put the sample deliveries of `include/samples` where each vendor would."""

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
    """A file of a sample delivery. `drop` is `sftp://<user>/path`, `s3://<bucket>/<key>` or `inbox`."""

    path: Path
    drop: str
    rows_read: int
    rows_rejected: int
    marker: bool = False


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A source's sample delivery, and what a load of it must count."""

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
        """The names that a person fills in when the delivery comes by hand."""
        return [file.path.name for file in self.files if file.drop == "inbox"]


def samples() -> dict[str, Sample]:
    """Return every source's sample, as `include/samples/expected.json` lists them."""
    listed = json.loads((SAMPLES / "expected.json").read_text(encoding="utf-8"))
    return {
        source: Sample(
            source=source,
            period=sample["period"],
            files=tuple(SampleFile(**{**file, "path": SAMPLES / file["path"]}) for file in sample["files"]),
        )
        for source, sample in listed.items()
    }


def deliver(settings: Settings, sample: Sample) -> None:
    """Put the sample up as its vendor would: each with the vendor's own rights, a marker last."""
    for file in sorted(sample.files, key=lambda file: file.marker):
        place = urlsplit(file.drop)
        if place.scheme == "sftp":
            _upload_by_sftp(settings, file.path, place.netloc, place.path)
        elif place.scheme == "s3":
            _put(settings, place.netloc.removeprefix("vendor-"), place.netloc, place.path.lstrip("/"), file.path)
        else:
            _put(settings, PLATFORM, LANDING_BUCKET, f"inbox/{sample.source}/{file.path.name}", file.path)


def _upload_by_sftp(settings: Settings, path: Path, user: str, target: str) -> None:
    """Write the file under a temporary name and rename it, as careful vendors do."""
    final = sftp.root(settings, user) / target.lstrip("/")
    final.parent.mkdir(parents=True, exist_ok=True)
    part = final.with_name(final.name + ".part")
    part.write_bytes(path.read_bytes())
    part.replace(final)


def _put(settings: Settings, owner: str, bucket: str, key: str, path: Path) -> None:
    keys = Keys.of(settings.state)
    store.client("s3", settings, keys.pairs[owner]).put_object(Bucket=bucket, Key=key, Body=path.read_bytes())
