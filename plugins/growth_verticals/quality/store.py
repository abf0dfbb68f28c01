"""The profile of a committed delivery, stored next to the receipts of its files.

    <landing uri>/<source>/<period>/profiles/<staging>.profile.json

It says what was loaded, what was checked and what was found, for people who ask later. Comparisons do not read it: they
ask the table (`history.py`).
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from growth_verticals.catalog.create import ensure_table
from growth_verticals.errors import DeliveryRefusedError
from growth_verticals.landing.file_errors import object_errors
from growth_verticals.landing.uris import split_s3_uri
from growth_verticals.quality.profile import profile_of
from growth_verticals.tables.staged import read_staged_manifest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyiceberg.catalog.rest import RestCatalog

    from growth_verticals.account import Account
    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import StagedFile
    from growth_verticals.quality.report import CheckReport

logger = logging.getLogger(__name__)

PROFILE_FOLDER, PROFILE_SUFFIX = "profiles", ".profile.json"


def profile_uri(account: Account, period: Period, report: CheckReport) -> str:
    """Return the URI of the profile: the same for every attempt to commit the same staged files."""
    files = sorted((file.sha256, file.staged_at) for file in report.files)
    staging = hashlib.sha256(json.dumps(files).encode()).hexdigest()[:16]
    staged_at = max(file.staged_at for file in report.files)
    prefix = account.landing_prefix(report.source, period)
    return f"{prefix}/{PROFILE_FOLDER}/{staged_at}-{staging}{PROFILE_SUFFIX}"


def store_profile(
    account: Account,
    catalog: RestCatalog,
    contract: TableContract,
    period: Period,
    report: CheckReport,
    staged: Sequence[StagedFile],
) -> None:
    """Store the report and the profile of the staged rows, also after they were committed. A retry stores the same.

    It contains names and counts, and bounds of columns of class N only. Without the staged manifests, which maintenance
    removes after days, nothing is stored.
    """
    table = ensure_table(catalog, contract)
    try:
        data_files = [
            data_file
            for uri in sorted({file.manifest for file in staged if file.manifest})
            for data_file in read_staged_manifest(table, uri, report.source)
        ]
    except DeliveryRefusedError as error:
        logger.warning("%s %s: no profile is stored: %s", report.source, period, error.what)
        return
    content = report.to_json() | {"profile": asdict(profile_of(table, contract, data_files))}
    uri = profile_uri(account, period, report)
    bucket, key = split_s3_uri(uri)
    client = account.client("s3")
    with object_errors(client, bucket, uri):
        client.put_object(
            Bucket=bucket, Key=key, Body=json.dumps(content, indent=1).encode(), ContentType="application/json"
        )
