"""The proposed patch for one file, as a value that the log, the command line and an approval show."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from growth_verticals import declarations
from growth_verticals.aliases import Alias
from growth_verticals.contract.declared import SCHEMAS
from growth_verticals.drift.patch import (
    NotEditableError,
    add_aliases,
    add_columns,
    alias_in_python,
    column_in_sql,
    unified_diff,
)
from growth_verticals.drift.propose import Proposal, propose
from growth_verticals.drift.sample import read_sample
from growth_verticals.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.files.unpack.pgp import KeyFinder
    from growth_verticals.source import Source

#: Lines of a proposal in a log.
MAX_LOG_LINES = 200


@dataclass(frozen=True)
class ProposedPatch:
    """What could make a file fit. It has names of columns and counts, never a value.

    :param diff: unified diff of the SQL file and the declaration, as `git apply` reads it; empty if nothing is certain.
    :param files: the edited files' new texts.
    :param by_hand: what to add to a file that cannot be edited safely: `path: line`.
    """

    source: str
    file: str
    period: str
    proposal: Proposal
    diff: str = ""
    files: dict[Path, str] = field(default_factory=dict)
    by_hand: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether the file fits, so that nothing is proposed."""
        return self.proposal.fits

    def lines(self) -> Iterator[str]:
        """Yield the guesses with their reasons, the questions, what to add by hand, and the diff."""
        for title, entries in (
            ("proposed", [*map(str, self.proposal.renames), *map(str, self.proposal.additions)]),
            ("to be decided by a person", self.proposal.questions),
            ("not in the file", self.proposal.missing),
            ("to be added by hand", self.by_hand),
        ):
            if entries:
                yield f"{title}:"
                yield from (f"  {entry}" for entry in entries)
        yield from self.diff.splitlines()

    def text(self, max_lines: int = MAX_LOG_LINES) -> str:
        """Return the lines as one text, shortened for a log."""
        lines = list(self.lines())
        if len(lines) > max_lines:
            lines[max_lines:] = [f"… {len(lines) - max_lines:,} more lines: ./gv drift {self.source} FILE"]
        return "\n".join(lines)


def propose_patch(
    raw: BinaryIO, name: str, source: Source, contract: TableContract, period: Period, keys: KeyFinder | None = None
) -> ProposedPatch:
    """Return the patch that a file of a period would need. Changes nothing, and can be called again at any time.

    :param raw: the file's bytes, seekable. At most the header and one block of records are read, as a load reads them.
    :param name: the file's name, whose suffixes say how to unpack it.

    Raises `FileRefusedError` if the file cannot be read, and `DeclarationError` if files of the source have no names of
    columns.
    """
    proposal = propose(source, contract, read_sample(raw, name, source, keys), period)
    aliases = [Alias(each.vendor, each.column, since=period.key) for each in proposal.renames]
    columns = [each.column for each in proposal.additions]
    diff, files, by_hand = "", {}, []
    sql, declaration = SCHEMAS / f"{source.name}.sql", declarations.SOURCES_FOLDER / f"{source.name}.py"
    for path, shown, edit, lines in (
        (sql, f"include/schemas/{sql.name}", lambda text: add_columns(text, columns), map(column_in_sql, columns)),
        (
            declaration,
            f"dags/sources/{declaration.name}",
            lambda text: add_aliases(text, source, aliases),
            map(alias_in_python, aliases),
        ),
    ):
        to_add = list(lines)
        if not to_add:
            continue
        edited = _edited(path, edit)
        if edited is None:
            by_hand += [f"{shown}: {line}" for line in to_add]
        else:
            diff += unified_diff(shown, *edited)
            files[path] = edited[1]
    return ProposedPatch(source.name, name, period.key, proposal, diff, files, tuple(by_hand))


def write_patch(patch: ProposedPatch) -> None:
    """Write the edited files in place. A file that was changed since the proposal is overwritten with the edit."""
    for path, text in patch.files.items():
        path.write_text(text, encoding="utf-8", newline="")


def _edited(path: Path, edit: Callable[[str], str]) -> tuple[str, str] | None:
    """Return a file's text before and after an edit; None if it cannot be edited safely."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            before = file.read()
        return before, edit(before)
    except (NotEditableError, ContractError, SyntaxError, OSError):
        return None
