"""A declaration that says what cannot be is refused where it stands, not at the vendor or at AWS."""

from __future__ import annotations

from typing import Any

import pytest

from growth_verticals.cadence import OnDemand
from growth_verticals.errors import DeclarationError
from growth_verticals.source import S3, Delimited, Inbox, Maintenance, Sftp, Source

GOOD: dict[str, Any] = {
    "name": "acme", "table": "acme.person", "cadence": OnDemand(), "delivery": Inbox(), "format": Delimited(),
}  # fmt: skip


def test_the_fewest_words_make_a_source_with_awss_maintenance():
    source = Source(**GOOD)
    assert (source.namespace, source.rejects_table, source.paused) == ("acme", "acme.person_rejects", None)
    assert source.maintenance == Maintenance(
        target_file_size_mb=512, strategy="auto", min_snapshots_to_keep=1, max_snapshot_age_hours=120
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"name": "Acme"}, "lower_snake_case"),
        ({"name": "inbox"}, "not 'inbox'"),
        ({"table": "person"}, "namespace.table"),
        ({"table": "acme.Person"}, "in lower case"),
        ({"max_rejected": 1.01}, "a share; expected 0 to 1"),
        ({"extra_columns": "kept"}, "extra_columns is none of its words; expected ignore or refuse or keep"),
    ],
)
def test_a_source_that_cannot_be_is_refused(words: dict[str, Any], said: str):
    with pytest.raises(DeclarationError, match=said):
        Source(**GOOD | words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"target_file_size_mb": 63}, "64 to 512"),
        ({"target_file_size_mb": 513}, "64 to 512"),
        ({"strategy": "zorder"}, "no such strategy; expected auto or binpack or sort or z-order"),
        ({"min_snapshots_to_keep": 0}, "1 or more"),
        ({"max_snapshot_age_hours": 0}, "1 or more"),
    ],
)
def test_maintenance_that_aws_refuses_is_refused(words: dict[str, Any], said: str):
    with pytest.raises(DeclarationError, match=said):
        Maintenance(**words)


@pytest.mark.parametrize(
    ("pattern", "place", "said"),
    [
        ("{quater}_*.csv", "/outgoing", "unknown token in braces"),
        ("sub/*.csv", "/outgoing", "files of one folder"),
        ("*.csv", "/outgoing/../private", "files of one folder"),
    ],
)
def test_a_pattern_stays_in_its_folder(pattern: str, place: str, said: str):
    with pytest.raises(DeclarationError, match=said):
        Sftp(conn_id="sftp_acme", directory=place, pattern=pattern)
    with pytest.raises(DeclarationError, match=said):
        S3(conn_id="s3_acme", bucket="acme", prefix=place.lstrip("/") + "/", pattern=pattern)
