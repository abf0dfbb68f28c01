"""OpenPGP messages, decrypted and verified by GnuPG (the program `gpg`) as a stream.

Bytes read before the end are not verified yet. No row of a file is committed before its end.

A `KeyFinder` finds the key that a declaration names. For the name `pgp_ours`, `key_from_environment` reads the file
whose path is in the variable `PGP_OURS`; `PGP_OURS_PASSPHRASE` is the key's passphrase, if it has one.

The result comes from GnuPG's status lines (its doc/DETAILS), which are its machine-readable output.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from growth_verticals.errors import ConfigurationError, FileRefusedError, GrowthVerticalsError
from growth_verticals.files.unpack.compression import (
    CountingStream,
    damaged_file_error,
    refuse_if_bomb,
    sniff_content,
    unexpected_content_error,
)

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Pgp

_CHUNK = 2**18
_CONTAINER = "OpenPGP message"
_SECRET_KEY_FLAG = 16  # a bit of IMPORT_OK
_PASSPHRASE_ERRORS = (11, 177)  # libgpg-error's codes for wrong and none, in the low 16 bits of ERROR's number
_GPG = (
    *("gpg", "--batch", "--no-tty", "--no-options", "--status-fd", "2", "--logger-file", "/dev/null"),
    *("--disable-dirmngr", "--no-auto-key-retrieve", "--trust-model", "always", "--pinentry-mode", "loopback"),
    *("--weak-digest", "SHA1"),
)


@dataclass(frozen=True)
class Key:
    """A private key or a certificate, armored or binary, as `gpg --export[-secret-keys]` writes it."""

    data: bytes = field(repr=False)
    passphrase: str | None = field(default=None, repr=False)


#: Returns the key with the name that a declaration uses. Raises `ConfigurationError` if there is none.
KeyFinder = Callable[[str], Key]


def key_from_environment(name: str) -> Key:
    """Return the key in the file whose path is in the environment variable `name`, in upper case."""
    variable = name.upper()
    path = os.environ.get(variable)
    if not path:
        raise ConfigurationError(
            f"there is no key {name!r}",
            expected=f"the path of a key file in {variable}",
            next_step=f"export the key with gpg and set {variable}",
        )
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the key file of {variable} cannot be read", found=error.strerror, next_step="correct the path"
        ) from error
    return Key(data, os.environ.get(f"{variable}_PASSPHRASE"))


class DecryptedStream:
    """The plain bytes of an OpenPGP message. On exit, this context manager stops GnuPG and deletes its keyring.

    Memory: a few hundred kB, and a few MB for GnuPG itself. Raises `ConfigurationError` if GnuPG is not installed, or
    if a key is missing or invalid. `read` raises `FileRefusedError` for a message that our key does not decrypt, that
    is damaged or truncated, or that has no good signature by the declared signer. Errors from reading `raw` are raised
    unchanged.
    """

    def __init__(self, raw: ByteStream, name: str, source: str, pgp: Pgp, keys: KeyFinder, max_ratio: int) -> None:
        self._name_and_source = name, source
        self._max_ratio = max_ratio
        self._pgp = pgp
        self._raw = CountingStream(raw)
        self._private_key = keys(pgp.key) if pgp.key is not None else None
        self._certificate = keys(pgp.signer) if pgp.signer is not None else None
        self._size = 0
        self._failure: BaseException | None = None
        self._verified = False

    def __enter__(self) -> Self:
        head = self._raw.read(_CHUNK)
        if not (head[:1] >= b"\x80" or head.lstrip().startswith(b"-----BEGIN PGP MESSAGE")):
            raise unexpected_content_error(*self._name_and_source, f"an {_CONTAINER}", sniff_content(head[:64]))
        home = tempfile.mkdtemp(prefix="gv-pgp-")
        children: list[subprocess.Popen[bytes]] = []
        # A finalizer, so that no key stays on disk after a reader that is dropped without being closed.
        self._clean_up = weakref.finalize(self, _clean_up, home, children)
        try:
            if self._private_key is not None:
                _import_key(home, self._private_key, str(self._pgp.key), needs_secret=True)
            self._signers = set()
            if self._certificate is not None:
                self._signers = _import_key(home, self._certificate, str(self._pgp.signer), needs_secret=False)
            children.append(self._start(home, head))
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up()
        self._feeder.join()

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end. There the message is complete and signed, or this raises."""
        if self._verified:
            return b""
        data = self._plain.read(size)
        self._size += len(data)
        refuse_if_bomb(self._size, self._raw.count, self._max_ratio, *self._name_and_source, _CONTAINER)
        if len(data) < size:
            self._verify()
        return data

    def finish(self) -> None:
        """Raise `FileRefusedError` unless the message was read to its end, is complete, and is signed as declared."""
        if self.read(1):
            found = "extra bytes after the end of the content"
            raise damaged_file_error(*self._name_and_source, _CONTAINER, found)

    def _start(self, home: str, head: bytes) -> subprocess.Popen[bytes]:
        passphrase = self._private_key.passphrase if self._private_key else None
        reading, writing = os.pipe()
        os.write(writing, (passphrase or "").encode() + b"\n")
        os.close(writing)
        command = [*_GPG, "--homedir", home, "--passphrase-fd", str(reading), "--decrypt"]
        if self._certificate is None:
            command.insert(1, "--skip-verify")
        try:
            self._gpg = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, pass_fds=[reading]
            )
        finally:
            os.close(reading)
        assert self._gpg.stdout is not None
        assert self._gpg.stderr is not None
        self._plain, self._status = self._gpg.stdout, self._gpg.stderr
        self._feeder = Thread(target=self._feed, args=(head,), name="pgp", daemon=True)
        self._feeder.start()
        return self._gpg

    def _feed(self, data: bytes) -> None:
        assert self._gpg.stdin is not None
        try:
            with self._gpg.stdin as pipe:
                while data:
                    pipe.write(data)
                    data = self._raw.read(_CHUNK)
        except BrokenPipeError:
            pass  # GnuPG has exited; its status lines say why
        except BaseException as failure:  # noqa: BLE001 - kept, and raised by the thread that calls `read`
            self._failure = failure
            self._gpg.kill()

    def _verify(self) -> None:
        status = _status_lines(self._status.read())
        code = self._gpg.wait()
        self._feeder.join()
        self._clean_up()
        if self._failure is not None:
            raise self._failure
        error = self._error_from_status(code, status)
        if error is not None:
            raise error
        self._verified = True

    def _error_from_status(self, code: int, status: Mapping[str, list[str]]) -> GrowthVerticalsError | None:
        """Return what is wrong with the message according to GnuPG's exit code and status lines, or None."""
        name, source = self._name_and_source
        reported = ", ".join(sorted(_REPORTED_KEYWORDS & status.keys())) or f"exit code {code}"
        errors = [line.split() for line in status.get("ERROR", [])]
        if any(step == "pkdecrypt_failed" and int(number) & 0xFFFF in _PASSPHRASE_ERRORS for step, number in errors):
            return ConfigurationError(
                f"the passphrase of the key {self._pgp.key} is missing or wrong", source=source, file=name
            )
        if "NO_SECKEY" in status and "DECRYPTION_OKAY" not in status:
            return FileRefusedError(
                "the message is not encrypted to our key",
                source=source,
                file=name,
                expected=f"the key {self._pgp.key}" if self._pgp.key else "a message that is signed and not encrypted",
                next_step="ask the vendor which key they used, and send them our public key",
            )
        if self._private_key is not None and "DECRYPTION_OKAY" not in status:
            return damaged_file_error(name, source, _CONTAINER, f"damage, or no encryption ({reported})")
        if self._certificate is not None and not self._is_signed(status):
            return FileRefusedError(
                "the message has no good signature",
                source=source,
                file=name,
                expected=f"one by {self._pgp.signer}",
                found=reported,
                next_step="do not use the file; ask the vendor who signed it, over another channel than the file's",
            )
        if code != 0:
            return damaged_file_error(name, source, _CONTAINER, f"damaged or truncated data ({reported})")
        return None

    def _is_signed(self, status: Mapping[str, list[str]]) -> bool:
        """Whether the message has signatures, all of them good and all by the declared certificate."""
        signers = {line.split()[-1] for line in status.get("VALIDSIG", [])}
        return bool(signers) and signers <= self._signers and "GOODSIG" in status and not _BAD_SIGNATURE & status.keys()


_BAD_SIGNATURE = {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}
_REPORTED_KEYWORDS = _BAD_SIGNATURE | {
    "NODATA",
    "DECRYPTION_FAILED",
    "BADMDC",
    "NO_PUBKEY",
    "DECRYPTION_OKAY",
    "GOODSIG",
    "UNEXPECTED",
}


def _import_key(home: str, key: Key, name: str, *, needs_secret: bool) -> set[str]:
    """Import a key into GnuPG's keyring; return the fingerprints of the keys that it contains."""
    completed = _run(*_GPG, "--homedir", home, "--import", data=key.data)
    imported = [line.split() for line in _status_lines(completed.stderr).get("IMPORT_OK", [])]
    if not imported or (needs_secret and not any(int(flags) & _SECRET_KEY_FLAG for flags, _ in imported)):
        raise ConfigurationError(
            f"the key {name!r} cannot be used",
            expected="a private key" if needs_secret else "a certificate",
            next_step="export it with gpg again, and check its connection or environment variable",
        )
    return {fingerprint for _, fingerprint in imported}


def _clean_up(home: str, children: list[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
    with suppress(ConfigurationError):
        _run("gpgconf", "--homedir", home, "--kill", "gpg-agent")
    shutil.rmtree(home, ignore_errors=True)


def _run(*command: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=data, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"the program {command[0]!r} is not installed",
            expected="GnuPG 2.2 or newer",
            next_step="install it: on Debian, apt-get install gnupg",
        ) from error


def _status_lines(lines: bytes) -> dict[str, list[str]]:
    """Return GnuPG's status lines by keyword: for each, the arguments of every line that has it."""
    status: dict[str, list[str]] = {}
    for line in lines.decode(errors="replace").split("\n"):  # not splitlines: a user id can contain other line ends
        prefix, _, rest = line.partition(" ")
        if prefix == "[GNUPG:]":
            keyword, _, arguments = rest.partition(" ")
            status.setdefault(keyword, []).append(arguments)
    return status
