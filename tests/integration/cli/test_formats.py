"""A delivery in every format and compression, loaded from the vendor's bytes into the table by the command line."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import json
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.unit.files.unpack.test_pgp import parties_with

from .conftest import Acme

CSV = b"person_id,born,visits,note\nA1,1964-02-29,3,a\nA2,,x,b\nA3,1970-01-01,,c\n"
LOADED = [("A1", dt.date(1964, 2, 29), 3, "a"), ("A3", dt.date(1970, 1, 1), None, "c")]
FIXED = b"made by ACME\nA1  19640229  3a\nA2            xb\nA3  19700101   c\nEND 0003\n"
NESTED = b"".join(
    json.dumps(record).encode() + b"\n"
    for record in (
        {"who": {"id": "A1", "born": "1964-02-29"}, "visits": 3, "note": "a"},
        {"who": {"id": "A2"}, "visits": "x", "note": "b"},
        {"who": {"id": "A3", "born": "1970-01-01"}, "note": "c"},
    )
)


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


FILES = {
    "plain.csv": ("Delimited()", CSV),
    "packed.csv.gz.zip": ("Delimited()", zipped("packed.csv.gz", gzip.compress(CSV))),
    "packed.csv.bz2": ("Delimited()", bz2.compress(CSV)),
    "bare.txt": (
        (
            "Delimited(header=False, delimiter=';', escape='\\\\', columns=('note', 'person_id', 'visits', 'born'), "
            "trailer='T{rows}')"
        ),
        b"a;A1;3;1964-02-29\nb;A2;x;\nc;A3;;1970-01-01\nT3\n",
    ),
    "fixed.txt": (
        (
            "FixedWidth(columns={'person_id': 4, 'born': 8, 'visits': 3, 'note': 1}, dates={'*': '%Y%m%d'}, "
            "skip_lines=1, trailer='END {rows}')"
        ),
        FIXED,
    ),
    "nested.jsonl": ("JsonLines(), aliases=(Alias('who.id', 'person_id'), Alias('who.born', 'born'))", NESTED),
}


@pytest.mark.parametrize("name", FILES)
def test_every_valid_row_is_loaded_and_the_bad_record_is_rejected(acme: Acme, tmp_path: Path, name: str) -> None:
    form, data = FILES[name]
    acme.declare(form)
    path = tmp_path / name
    path.write_bytes(data)
    loaded = acme.gv("load", "acme", path, "--period", "2026-11-20", "--expect-rows", 3, "--json")
    assert loaded.returncode == 0, loaded
    assert [file["rows_rejected"] for file in json.loads(loaded.stdout)["files"]] == [1]
    assert acme.read("SELECT person_id, born, visits, note FROM t ORDER BY 1") == LOADED
    assert acme.read("SELECT column_name, reason FROM t", "_rejects") == [("visits", "not_an_integer")]


@pytest.mark.skipif(shutil.which("gpg") is None, reason="apt-get install gnupg")
def test_an_encrypted_and_signed_file_is_loaded_with_the_keys_named_in_the_environment(
    acme: Acme, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme.declare("Delimited(pgp=Pgp(key='pgp_ours', signer='pgp_vendor'))")
    with parties_with("") as parties:
        good = parties.message(gzip.compress(CSV), by="vendor")
        forged = parties.message(gzip.compress(CSV), by="stranger")
        for name, key in parties.keys.items():
            (tmp_path / name).write_bytes(key.data)
            monkeypatch.setenv(name.upper(), str(tmp_path / name))
    for name, data in (("forged.csv.gz.pgp", forged), ("people.csv.gz.pgp", good)):
        (tmp_path / name).write_bytes(data)
    refused = acme.gv("load", "acme", tmp_path / "forged.csv.gz.pgp", "--period", "2026-11-20")
    assert refused.returncode == 1
    assert "no good signature" in refused.stdout
    assert acme.gv("load", "acme", tmp_path / "people.csv.gz.pgp", "--period", "2026-11-20").returncode == 0
    assert acme.read("SELECT person_id, born, visits, note FROM t ORDER BY 1") == LOADED
