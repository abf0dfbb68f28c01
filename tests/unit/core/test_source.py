"""An invalid declaration raises an error when it is created, before any request to a vendor or to AWS."""

from __future__ import annotations

from typing import Any

import pytest

from growth_verticals.cadence import OnDemand, Quarterly
from growth_verticals.errors import DeclarationError
from growth_verticals.source import S3, Delimited, Inbox, Maintenance, Sftp, Source

VALID: dict[str, Any] = {
    "name": "acme", "table": "acme.person", "cadence": OnDemand(), "delivery": Inbox(), "format": Delimited(),
}  # fmt: skip


def test_a_minimal_source_has_the_maintenance_defaults_of_aws():
    source = Source(**VALID)
    assert (source.namespace, source.rejects_table, source.paused) == ("acme", "acme.person_rejects", None)
    assert source.maintenance == Maintenance(
        target_file_size_mb=512, strategy="auto", min_snapshots_to_keep=1, max_snapshot_age_hours=120
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "Acme"}, "lower_snake_case"),
        ({"name": "inbox"}, "not 'inbox' or 'alerts'"),
        ({"name": "alerts"}, "not 'inbox' or 'alerts'"),
        ({"table": "person"}, "namespace.table"),
        ({"table": "acme.Person"}, "in lower case"),
        ({"max_rejected": 1.01}, "must be a share; expected 0 to 1"),
        ({"extra_columns": "kept"}, "extra_columns is not valid; expected ignore or refuse or keep"),
        ({"since": "2026-11-22"}, "an on-demand source cannot have `since`; found 2026-11-22"),
        ({"cadence": Quarterly(), "since": "2026-11"}, "`since` is not a period of the cadence; expected .* 2026Q4"),
    ],
)
def test_a_source_with_an_invalid_argument_is_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(DeclarationError, match=message):
        Source(**VALID | arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"target_file_size_mb": 63}, "64 to 512"),
        ({"target_file_size_mb": 513}, "64 to 512"),
        ({"strategy": "zorder"}, "strategy is not valid; expected auto or binpack or sort or z-order"),
        ({"min_snapshots_to_keep": 0}, "1 or more"),
        ({"max_snapshot_age_hours": 0}, "1 or more"),
    ],
)
def test_maintenance_settings_that_aws_does_not_allow_are_refused(arguments: dict[str, Any], message: str):
    with pytest.raises(DeclarationError, match=message):
        Maintenance(**arguments)


@pytest.mark.parametrize(
    ("pattern", "folder", "message"),
    [
        ("{quater}_*.csv", "/outgoing", "unknown token in braces"),
        ("sub/*.csv", "/outgoing", "files in one folder"),
        ("*.csv", "/outgoing/../private", "files in one folder"),
    ],
)
def test_a_pattern_with_an_unknown_token_or_another_folder_is_refused(pattern: str, folder: str, message: str):
    with pytest.raises(DeclarationError, match=message):
        Sftp(conn_id="sftp_acme", directory=folder, pattern=pattern)
    with pytest.raises(DeclarationError, match=message):
        S3(conn_id="s3_acme", bucket="acme", prefix=folder.lstrip("/") + "/", pattern=pattern)
