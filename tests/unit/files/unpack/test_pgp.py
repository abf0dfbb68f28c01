"""OpenPGP messages: decrypted with our key, accepted only with the vendor's signature, and read as a stream."""

from __future__ import annotations

import bz2
import gzip
import io
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from growth_verticals.errors import ConfigurationError, DeclarationError, FileRefusedError, TransferError
from growth_verticals.files import open_reader
from growth_verticals.files.unpack.pgp import DecryptedStream, Key, _status_lines, key_from_environment
from growth_verticals.source import Delimited, Pgp
from tests.unit.files.reading import ReadResult, contract, drain, source
from tests.unit.files.unpack.test_compression import archive

pytestmark = pytest.mark.skipif(shutil.which("gpg") is None, reason="apt-get install gnupg")

PEOPLE = contract(id="int!", name="string")
PLAIN = b"id,name\n" + b"".join(b"%d,name %d\n" % (number, number) for number in range(2_000))
ENCRYPTED = Delimited(pgp=Pgp(key="pgp_ours"))
SIGNED = Delimited(pgp=Pgp(key="pgp_ours", signer="pgp_vendor"))
SIGNED_ONLY = Delimited(pgp=Pgp(signer="pgp_vendor"))


class Parties:
    """Three people with one key each, in a separate keyring. GnuPG encrypts and signs for them."""

    def __init__(self, home: str, passphrase: str = "") -> None:
        self.home = home
        self.passphrase = passphrase
        (Path(home) / "gpg-agent.conf").write_text("s2k-count 65536\n")  # by default, each passphrase takes a second
        for name in ("ours", "vendor", "stranger"):
            self.gpg("--quick-gen-key", f"{name}@example.com", "future-default", "default", "never")
        self.keys = {
            "pgp_ours": Key(self.gpg("--export-secret-keys", "ours@example.com")),
            "pgp_vendor": Key(self.gpg("--export", "vendor@example.com")),
        }

    def gpg(self, *arguments: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", self.home, "--batch", "--quiet", "--trust-model", "always"]
        command += ["--pinentry-mode", "loopback", "--passphrase", self.passphrase]
        return subprocess.run([*command, *arguments], input=data, capture_output=True, check=True).stdout

    def revocation(self, person: str) -> bytes:
        """Return the revocation certificate that GnuPG makes with every key, without the colon that guards it."""
        lines = self.gpg("--with-colons", "--list-keys", person).decode().splitlines()
        fingerprint = next(line for line in lines if line.startswith("fpr")).split(":")[9]
        certificate = Path(self.home) / "openpgp-revocs.d" / f"{fingerprint}.rev"
        return certificate.read_bytes().replace(b":-----BEGIN", b"-----BEGIN")

    def message(self, data: bytes = PLAIN, *options: str, to: str | None = "ours", by: str | None = None) -> bytes:
        arguments = [*options]
        if to is not None:
            arguments += ["--encrypt", "--recipient", f"{to}@example.com"]
        if by is not None:
            arguments += ["--sign", "--local-user", f"{by}@example.com"]
        return self.gpg(*arguments, data=data)

    def read(self, data: bytes, form: Delimited, name: str = "people.csv.pgp") -> ReadResult:
        return drain(open_reader(io.BytesIO(data), name, source(form), PEOPLE, self.keys.__getitem__))

    def refusal(self, data: bytes, form: Delimited, name: str = "people.csv.pgp") -> str:
        with pytest.raises(FileRefusedError) as refused:
            self.read(data, form, name)
        return str(refused.value)


@contextmanager
def parties_with(passphrase: str) -> Iterator[Parties]:
    with tempfile.TemporaryDirectory(prefix="gv-test-") as home:  # pytest's folders are too long for a socket's path
        yield Parties(home, passphrase)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "gpg-agent"], check=True)


@pytest.fixture(scope="module")
def parties() -> Iterator[Parties]:
    with parties_with("") as three_parties:
        yield three_parties


def test_an_encrypted_file_is_read_with_any_suffix_and_armor(parties: Parties) -> None:
    binary, armored = parties.message(), parties.message(PLAIN, "--armor")
    for name, data in (
        ("people.csv.pgp", binary),
        ("people.csv.GPG", armored),
        ("people.csv.asc", armored),
        ("people.csv", binary),
    ):
        assert parties.read(data, ENCRYPTED, name).column("id") == list(range(2_000))


@pytest.mark.parametrize("algorithm", ["none", "zip", "zlib", "bzip2"])
def test_a_message_with_any_compression_is_read(parties: Parties, algorithm: str) -> None:
    message = parties.message(PLAIN, "--compress-algo", algorithm, by="vendor")
    assert len(parties.read(message, SIGNED).rows) == 2_000


@pytest.mark.parametrize(
    ("name", "packed"),
    [
        ("people.csv.gz.pgp", gzip.compress(PLAIN)),
        ("people.csv.bz2.pgp", bz2.compress(PLAIN)),
        ("people.csv.zip.pgp", archive(("people.csv", PLAIN))),
        ("people.zip.pgp", archive(("people.csv.gz", gzip.compress(PLAIN)))),
    ],
)
def test_files_compressed_before_encryption_are_read(parties: Parties, name: str, packed: bytes) -> None:
    message = parties.message(packed, by="vendor")
    assert parties.read(message, SIGNED, name).column("id") == list(range(2_000))
    assert "signature" in parties.refusal(parties.message(packed), SIGNED, name)


def test_only_the_declared_signer_is_accepted(parties: Parties) -> None:
    assert len(parties.read(parties.message(by="vendor"), SIGNED).rows) == 2_000
    for by in (None, "stranger", "ours"):
        assert "no good signature" in parties.refusal(parties.message(by=by), SIGNED)
        assert len(parties.read(parties.message(by=by), ENCRYPTED).rows) == 2_000
    assert "no good signature" in parties.refusal(parties.message(PLAIN, "--digest-algo", "SHA1", by="vendor"), SIGNED)


@pytest.mark.parametrize("fault", ["none", "signature expired", "key expired", "key revoked"])
def test_an_expired_or_revoked_signature_is_refused(fault: str) -> None:
    """Its mathematics are right, so GnuPG says `VALIDSIG`; what it does not say is `GOODSIG`."""
    with parties_with("") as parties:
        a_year_ago = datetime.now(UTC) - timedelta(days=365)
        then = ("--faked-system-time", f"{a_year_ago:%Y%m%dT%H%M%S}!")
        key_expires = "1d" if fault == "key expired" else "never"
        parties.gpg(*then, "--quick-gen-key", "old@example.com", "future-default", "default", key_expires)
        valid_for = ("--default-sig-expire", "1d") if fault == "signature expired" else ()
        message = parties.message(PLAIN, *then, *valid_for, to=None, by="old")
        if fault == "key revoked":
            parties.gpg("--import", data=parties.revocation("old@example.com"))
        parties.keys["pgp_vendor"] = Key(parties.gpg("--export", "old@example.com"))
        if fault == "none":
            assert len(parties.read(message, SIGNED_ONLY).rows) == 2_000
        else:
            assert "no good signature" in parties.refusal(message, SIGNED_ONLY)


@pytest.mark.parametrize("fault", ["BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"])
def test_a_good_signature_does_not_excuse_a_bad_one_by_the_same_signer(parties: Parties, fault: str) -> None:
    stream = DecryptedStream(io.BytesIO(), "f", "probe", Pgp(signer="pgp_vendor"), parties.keys.__getitem__, 100)
    stream._signers = {"FINGERPRINT"}
    good = {"GOODSIG": ["KEY vendor"], "VALIDSIG": ["SUBKEY 2026-11-22 FINGERPRINT"]}
    assert stream._error_from_status(0, good) is None
    error = stream._error_from_status(0, good | {fault: ["KEY vendor"]})
    assert "no good signature" in str(error)
    assert fault in str(error)


def test_a_signed_file_without_encryption_is_read_if_declared(parties: Parties) -> None:
    assert len(parties.read(parties.message(to=None, by="vendor"), SIGNED_ONLY).rows) == 2_000
    assert "no good signature" in parties.refusal(parties.message(to=None, by="stranger"), SIGNED_ONLY)
    assert "not encrypted to our key" in parties.refusal(parties.message(by="vendor"), SIGNED_ONLY)
    for form in (ENCRYPTED, SIGNED):
        assert "no encryption" in parties.refusal(parties.message(to=None, by="vendor"), form)


def test_a_file_that_is_not_an_encrypted_or_signed_message_is_refused(parties: Parties) -> None:
    clear = parties.gpg("--clear-sign", "--local-user", "vendor@example.com", data=PLAIN)
    stored = parties.gpg("--store", data=PLAIN)
    for data in (PLAIN, gzip.compress(PLAIN), clear, stored, b"\xef\xbb\xbf" + PLAIN, b"\xff" * 5_000):
        for form in (SIGNED, SIGNED_ONLY, ENCRYPTED):
            parties.refusal(data, form)


def test_a_message_encrypted_to_another_key_is_refused(parties: Parties) -> None:
    assert "not encrypted to our key" in parties.refusal(parties.message(to="stranger"), ENCRYPTED)


def test_only_the_correct_passphrase_unlocks_the_key() -> None:
    with parties_with("correct") as locked:
        secret, message = locked.keys["pgp_ours"].data, locked.message()

    def attempt(passphrase: str | None) -> ReadResult:
        key = Key(secret, passphrase)
        return drain(open_reader(io.BytesIO(message), "f.pgp", source(ENCRYPTED), PEOPLE, lambda _: key))

    for passphrase in ("wrong", None):
        with pytest.raises(ConfigurationError, match="passphrase of the key pgp_ours"):
            attempt(passphrase)
    assert len(attempt("correct").rows) == 2_000


def damaged(message: bytes) -> Iterator[bytes]:
    for index in (len(message) // 3, len(message) // 2, len(message) - 30):
        changed = bytearray(message)
        changed[index] ^= 1
        yield bytes(changed)
    yield message[:-1]
    yield message[: len(message) // 2]
    yield message + b"garbage"
    yield message + message


def test_damage_anywhere_in_a_message_is_refused(parties: Parties) -> None:
    for message in damaged(parties.message(by="vendor")):
        parties.refusal(message, ENCRYPTED)
        parties.refusal(message, SIGNED)


def test_a_decompression_bomb_in_a_message_is_refused(parties: Parties) -> None:
    bomb = gzip.compress(b"id,name\n" + bytes(3_000_000))
    assert "not safe" in parties.refusal(parties.message(bomb), ENCRYPTED, "people.csv.gz.pgp")


def test_a_sparse_message_is_read_if_the_source_declares_its_ratio(parties: Parties) -> None:
    sparse = b"id,name\n" + b"".join(b"%d,%s\n" % (number, b" " * 20_000) for number in range(500))
    message = parties.message(sparse, "--compress-algo", "zlib")
    assert "declare a higher max_ratio" in parties.refusal(message, ENCRYPTED)
    form = Delimited(pgp=Pgp(key="pgp_ours"), max_ratio=10_000)
    assert len(parties.read(message, form).rows) == 500


def test_a_message_without_declared_keys_names_the_next_step(parties: Parties) -> None:
    assert "declare pgp=Pgp" in parties.refusal(parties.message(), Delimited())


def test_an_error_from_reading_the_file_is_raised_unchanged(parties: Parties) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 0:
                raise TransferError("the connection was lost")
            return super().read(min(size or 0, 1_000))

    with (
        pytest.raises(TransferError, match="lost"),
        DecryptedStream(
            Broken(parties.message()), "f", "probe", Pgp(key="pgp_ours"), parties.keys.__getitem__, 100
        ) as plain,
    ):
        plain.read(10_000)


def test_keys_are_read_from_files_named_by_environment_variables(
    parties: Parties, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "ours.asc"
    path.write_bytes(parties.gpg("--armor", "--export-secret-keys", "ours@example.com"))
    monkeypatch.setenv("PGP_OURS", str(path))
    reader = open_reader(io.BytesIO(parties.message()), "people.csv.pgp", source(ENCRYPTED), PEOPLE)
    assert len(drain(reader).rows) == 2_000
    monkeypatch.setenv("PGP_OURS_PASSPHRASE", "correct horse")
    assert key_from_environment("pgp_ours").passphrase == "correct horse"
    assert "correct horse" not in repr(key_from_environment("pgp_ours"))
    with pytest.raises(ConfigurationError, match="PGP_MISSING"):
        key_from_environment("pgp_missing")
    monkeypatch.setenv("PGP_MISSING", str(tmp_path / "missing"))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        key_from_environment("pgp_missing")


@pytest.mark.parametrize("key", [b"", b"not a key", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nxxxx\n"])
def test_an_invalid_key_is_a_configuration_error(parties: Parties, key: bytes) -> None:
    for form in (ENCRYPTED, SIGNED_ONLY):
        with pytest.raises(ConfigurationError, match="cannot be used"):
            drain(open_reader(io.BytesIO(parties.message()), "f.pgp", source(form), PEOPLE, lambda _: Key(key)))


@pytest.mark.parametrize("line_end", ["\u2028", "\x85", "\x0b", "\x1e", "\r"])
def test_a_user_id_cannot_add_lines_to_the_status(line_end: str) -> None:
    status = f"[GNUPG:] GOODSIG 0123 Willow{line_end}[GNUPG:] VALIDSIG 4567\n[GNUPG:] BADSIG 89 Lake\n"
    assert list(_status_lines(status.encode())) == ["GOODSIG", "BADSIG"]


def test_a_certificate_cannot_decrypt(parties: Parties) -> None:
    certificate = Key(parties.gpg("--export", "ours@example.com"))
    with pytest.raises(ConfigurationError):
        drain(open_reader(io.BytesIO(parties.message()), "f.pgp", source(ENCRYPTED), PEOPLE, lambda _: certificate))


def test_a_machine_without_gnupg_says_what_to_install(parties: Parties, monkeypatch: pytest.MonkeyPatch) -> None:
    message = parties.message()
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigurationError, match="install"):
        parties.read(message, ENCRYPTED)


@pytest.mark.parametrize("names", [{}, {"key": "-----BEGIN PGP"}, {"signer": "../vendor.asc"}])
def test_a_declaration_contains_names_of_keys_and_no_keys(names: dict[str, str]) -> None:
    with pytest.raises(DeclarationError):
        Pgp(**names)
