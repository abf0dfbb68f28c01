"""Where a source's files are: on an SFTP server, in a bucket, or in the inbox. Import the classes from `source.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from growth_verticals.completeness import PLACEHOLDERS, Manifest, Marker, Rule, check_rules
from growth_verticals.errors import DeclarationError
from growth_verticals.patterns import PERIOD_TOKENS, RELEASE, check_tokens


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """Where to find a period's files, and how to decide that the delivery is complete.

    Use one of the subclasses: `Sftp`, `S3` or `Inbox`.

    :param pattern: shell pattern for file names (`*`, `?`, `[…]`). It can contain period tokens: `{period}` (2026Q4,
        2026-11, 2026-11-22), and `{year}`, `{quarter}`, `{month}`, `{day}` of the period's first day. If neither the
        folder nor the pattern has a token, a period's files are those modified after it opened and before the next
        period opened. `{part}`, `{parts}` and `{value}` are what `Parts` and `Each` read from a name. `{release}`
        matches any text that differs between two releases of one file (a version, a time): see `Source.restated`.
    :param complete: the rules that say when the delivery is complete, one or several that must all be met: `Marker`,
        `Manifest`, `Files`, `Parts`, `Each`, `Quiet`. Without a rule, it is complete when two consecutive polls find
        the same files, unchanged in size, modification time and version.
    :param ignore: shell patterns (tokens allowed) of files in the folder that are known and skipped. They go before
        `pattern`. A file that matches neither is none of this source's.
    :param also_from: URI prefixes (`s3://bucket/prefix/`). A person who starts a run can name files under them.
    """

    pattern: str
    complete: Rule | tuple[Rule, ...] = ()
    ignore: tuple[str, ...] = ()
    also_from: tuple[str, ...] = ()

    label: ClassVar[str]

    def __post_init__(self) -> None:
        if not isinstance(self.ignore, tuple):
            raise DeclarationError("ignore must be a tuple of patterns", found=self.ignore)
        pattern = self.pattern.replace(RELEASE, "*", 1)
        names = [pattern, *self.ignore]
        for rule in self.rules:
            names += rule.names
        for template in (self.folder, *self.ignore):
            check_tokens(template)
        for template in names:
            check_tokens(template, PLACEHOLDERS)
        if any("/" in name for name in names) or ".." in self.folder.split("/"):
            raise DeclarationError("a delivery's pattern must match files in one folder only", found=self.pattern)
        if self.rules and isinstance(self, Inbox):
            raise DeclarationError("complete= has no effect on an inbox: a person names the files of each run")
        check_rules(self.rules, pattern)
        for rule in self.rules:
            if isinstance(rule, Marker | Manifest) and "{" not in self.folder + rule.names[0]:
                raise DeclarationError(
                    f"the {type(rule).__name__} of an earlier period would count for the next one",
                    expected="a period token in its name or in the folder",
                    found=rule.names[0],
                )

    @property
    def folder(self) -> str:
        """The directory or prefix, with its period tokens not filled in."""
        raise NotImplementedError

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that must all be met for the delivery to be complete."""
        return self.complete if isinstance(self.complete, tuple) else (self.complete,)

    @property
    def has_period_token(self) -> bool:
        """Whether the folder or the pattern contains a period token."""
        return any(f"{{{token}}}" in self.folder + self.pattern for token in PERIOD_TOKENS)


@dataclass(frozen=True, kw_only=True)
class Sftp(Delivery):
    """Files on a vendor's SFTP server. The Airflow connection `conn_id` must pin the server's host key."""

    conn_id: str
    directory: str

    label: ClassVar[str] = "SFTP"

    @property
    def folder(self) -> str:
        return self.directory


@dataclass(frozen=True, kw_only=True)
class S3(Delivery):
    """Files in a vendor's bucket, read with the Airflow connection `conn_id`. `prefix` is empty or ends in `/`."""

    conn_id: str
    bucket: str
    prefix: str = ""

    label: ClassVar[str] = "S3"

    @property
    def folder(self) -> str:
        return self.prefix


@dataclass(frozen=True, kw_only=True)
class Inbox(Delivery):
    """Files that a person puts in `<GV_LANDING_URI>/inbox/<source>/` and names when starting the run."""

    pattern: str = "*"

    label: ClassVar[str] = "inbox"

    @property
    def folder(self) -> str:
        return ""
