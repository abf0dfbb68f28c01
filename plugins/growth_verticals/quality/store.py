"""The profile of a committed delivery, stored next to the receipts of its files.

    <landing uri>/<source>/<period>/profiles/<staging>.profile.json

It says what was loaded, what was checked and what was found, for people who ask later. Comparisons do not read it: they
ask the table (`history.py`).
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import s3_uri, split_s3_uri

if TYPE_CHECKING:
    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.quality.report import CheckReport

PROFILE_FOLDER, PROFILE_SUFFIX = "profiles", ".profile.json"


def profile_uri(account: Account, period: Period, report: CheckReport) -> str:
    """Return the URI of the profile: the same for every attempt to commit the same staged files."""
    files = sorted((file.sha256, file.staged_at) for file in report.files)
    staging = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    staged_at = max(file.staged_at for file in report.files)
    prefix = account.landing_prefix(report.source, period)
    return f"{prefix}/{PROFILE_FOLDER}/{staged_at}-{staging}{PROFILE_SUFFIX}"


def write_profile(account: Account, period: Period, report: CheckReport) -> str:
    """Store the report, with its profile, in one request, and return its URI. A retry writes the same again.

    It contains names and counts, and bounds of columns of class N only.
    """
    uri = profile_uri(account, period, report)
    bucket, key = split_s3_uri(uri)
    client = account.client("s3")
    with object_errors(client, bucket, s3_uri(bucket, key)):
        client.put_object(
            Bucket=bucket,
            Key=key,
            Body=json.dumps(report.to_json(), indent=1).encode(),
            ContentType="application/json",
        )
    return uri
