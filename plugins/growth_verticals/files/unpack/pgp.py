"""OpenPGP messages, decrypted and verified by GnuPG (the program `gpg`) as a stream.

What is read before the end is not yet verified, and nothing of a file is committed before its end.

A key named `pgp_ours` in a declaration is found by a `KeyFinder`. `key_from_environment` reads the file that the
variable `PGP_OURS` names; `PGP_OURS_PASSPHRASE` is its passphrase, if it has one.

What the program reports is read from its status lines (GnuPG's doc/DETAILS), which are made for programs.
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
from growth_verticals.files.unpack.compression import Counted, damaged, looks_like, refuse_bomb, unexpected_content

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from growth_verticals.files.unpack.compression import ByteStream
    from growth_verticals.source import Pgp

_CHUNK = 2**18
_WHAT = "OpenPGP message"
_HAS_SECRET = 16  # a bit of IMPORT_OK
_PASSPHRASES = (11, 177)  # wrong, none: libgpg-error's codes, in the low 16 bits of what ERROR tells
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


#: Returns the key of a name in a declaration. Raises `ConfigurationError` if there is none.
KeyFinder = Callable[[str], Key]


def key_from_environment(name: str) -> Key:
    """Return the key whose file the environment variable `name`, in upper case, names."""
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


class Decrypted:
    """The plain bytes of an OpenPGP message, as a context: keys and program are gone behind it.

    Memory: a few hundred kB, and the program's own few MB. Raises `ConfigurationError` for a missing program, and for
    a key that is missing or is none. `read` raises `FileRefusedError` for a message that our key does not open, that
    is damaged or cut off, or that lacks a good signature where the declaration names a signer; and whatever reading
    `raw` raises, as itself.
    """

    def __init__(self, raw: ByteStream, name: str, source: str, pgp: Pgp, keys: KeyFinder) -> None:
        self._where = name, source
        self._pgp = pgp
        self._raw = Counted(raw)
        self._ours = keys(pgp.key) if pgp.key is not None else None
        self._theirs = keys(pgp.signer) if pgp.signer is not None else None
        self._size = 0
        self._failure: BaseException | None = None
        self._verified = False

    def __enter__(self) -> Self:
        head = self._raw.read(_CHUNK)
        if not (head[:1] >= b"\x80" or head.lstrip().startswith(b"-----BEGIN PGP MESSAGE")):
            raise unexpected_content(*self._where, f"an {_WHAT}", looks_like(head[:64]))
        home = tempfile.mkdtemp(prefix="gv-pgp-")
        children: list[subprocess.Popen[bytes]] = []
        # Also when a reader is forgotten halfway: no key outlives it on the disk.
        self._clean_up = weakref.finalize(self, _clean_up, home, children)
        try:
            if self._ours is not None:
                _import(home, self._ours, str(self._pgp.key), needs_secret=True)
            self._signers = set()
            if self._theirs is not None:
                self._signers = _import(home, self._theirs, str(self._pgp.signer), needs_secret=False)
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
        """Return `size` bytes, less only at the end, where the message proves whole and signed, or this raises."""
        if self._verified:
            return b""
        data = self._plain.read(size)
        self._size += len(data)
        refuse_bomb(self._size, self._raw.count, *self._where, _WHAT)
        if len(data) < size:
            self._verify()
        return data

    def finish(self) -> None:
        """Raise `FileRefusedError` unless all was read, and the message is whole and signed as declared."""
        if self.read(1):
            raise damaged(*self._where, _WHAT, "other bytes behind the end of what it holds", "trailing data")

    def _start(self, home: str, head: bytes) -> subprocess.Popen[bytes]:
        passphrase = self._ours.passphrase if self._ours else None
        reading, writing = os.pipe()
        os.write(writing, (passphrase or "").encode() + b"\n")
        os.close(writing)
        command = [*_GPG, "--homedir", home, "--passphrase-fd", str(reading), "--decrypt"]
        if self._theirs is None:
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
            pass  # the program has ended; its status says why
        except BaseException as failure:  # noqa: BLE001 - kept, and raised by the thread that reads
            self._failure = failure
            self._gpg.kill()

    def _verify(self) -> None:
        status = _status(self._status.read())
        code = self._gpg.wait()
        self._feeder.join()
        self._clean_up()
        if self._failure is not None:
            raise self._failure
        error = self._error(code, status)
        if error is not None:
            raise error
        self._verified = True

    def _error(self, code: int, status: Mapping[str, list[str]]) -> GrowthVerticalsError | None:
        """Return what is wrong with the message, by what the program said of it."""
        name, source = self._where
        told = ", ".join(sorted(_TELLING & status.keys())) or f"status {code}"
        failures = [line.split() for line in status.get("ERROR", [])]
        if any(what == "pkdecrypt_failed" and int(number) & 0xFFFF in _PASSPHRASES for what, number in failures):
            return ConfigurationError(
                f"the passphrase of the key {self._pgp.key} is missing or wrong", source=source, file=name
            )
        if "NO_SECKEY" in status and "DECRYPTION_OKAY" not in status:
            return FileRefusedError(
                "the message is not encrypted to our key",
                source=source,
                file=name,
                expected=f"the key {self._pgp.key}" if self._pgp.key else "a message that is signed and not encrypted",
                next_step="ask the vendor which key was used, and send them our public one",
            )
        if self._ours is not None and "DECRYPTION_OKAY" not in status:
            return damaged(name, source, _WHAT, "damage, or no encryption", told)
        if self._theirs is not None and not self._is_signed(status):
            return FileRefusedError(
                "the message has no good signature",
                source=source,
                file=name,
                expected=f"one by {self._pgp.signer}",
                found=told,
                next_step="do not use the file; ask the vendor who signed it, by another way than the file came",
            )
        return damaged(name, source, _WHAT, "damage, or an end in the middle", told) if code != 0 else None

    def _is_signed(self, status: Mapping[str, list[str]]) -> bool:
        """Whether there are signatures, all of them good, and all by the declared certificate."""
        signers = {line.split()[-1] for line in status.get("VALIDSIG", [])}
        return bool(signers) and signers <= self._signers and "GOODSIG" in status and not _BAD & status.keys()


_BAD = {"BADSIG", "ERRSIG", "EXPSIG", "EXPKEYSIG", "REVKEYSIG"}
_TELLING = _BAD | {"NODATA", "DECRYPTION_FAILED", "BADMDC", "NO_PUBKEY", "DECRYPTION_OKAY", "GOODSIG", "UNEXPECTED"}


def _import(home: str, key: Key, name: str, *, needs_secret: bool) -> set[str]:
    """Put a key into the program's keyring; return the fingerprints of what it holds."""
    ran = _run(*_GPG, "--homedir", home, "--import", data=key.data)
    imported = [line.split() for line in _status(ran.stderr).get("IMPORT_OK", [])]
    if not imported or (needs_secret and not any(int(flags) & _HAS_SECRET for flags, _ in imported)):
        raise ConfigurationError(
            f"the key {name!r} cannot be used",
            expected="a private key" if needs_secret else "a certificate",
            next_step="export it with gpg again, and look at how its connection or variable names it",
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
            f"there is no program {command[0]!r}",
            expected="GnuPG 2.2 or newer",
            next_step="install it: on Debian, apt-get install gnupg",
        ) from error


def _status(lines: bytes) -> dict[str, list[str]]:
    """Return the program's status lines: what stands behind each keyword, one a line."""
    found: dict[str, list[str]] = {}
    for line in lines.decode(errors="replace").splitlines():
        mark, _, rest = line.partition(" ")
        if mark == "[GNUPG:]":
            keyword, _, words = rest.partition(" ")
            found.setdefault(keyword, []).append(words)
    return found
