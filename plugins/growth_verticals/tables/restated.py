"""Restatements: what to do when a file that the period holds comes again with other content.

Two files are releases of one file if their identities are equal: the name, without what `{release}` in the delivery's
pattern matches. A declaration (`Source.restated`) or a person's answer says what happens to the older release. The
decision is made on the head that the commit requires, so it holds for the snapshot that the commit makes.

Without an answer, a load replaces only what was staged before it. So a late retry never brings old content back, and of
two loads at once the one that was staged later stays.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from growth_verticals.catalog.create import ensure_table
from growth_verticals.catalog.load_summary import LoadSummary
from growth_verticals.catalog.service_errors import service_errors
from growth_verticals.delivery import Actor, RestatedFile, Restatement
from growth_verticals.errors import DeliveryRefusedError, RestatedError
from growth_verticals.patterns import RELEASE, identity_of
from growth_verticals.tables.ledger import NamedFile, loaded_digests, loaded_files, loaded_stagings
from growth_verticals.tables.undo import find_loaded_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pyiceberg.catalog.rest import RestCatalog
    from pyiceberg.table import Table

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.delivery import Answer, StagedFile
    from growth_verticals.source import Restated


@dataclass(frozen=True, kw_only=True)
class RestatedRule:
    """What a declaration and a person say about restatements.

    :param pattern: of the delivery's file names.
    :param is_whole: whether the files are all that the vendor has for the period. If a person named them, a full
        snapshot replaces nothing without an answer.
    """

    policy: Restated = "ask"
    pattern: str = "*"
    answer: Answer | None = None
    is_whole: bool = True

    @property
    def action(self) -> Restated:
        """What is to be done with a restatement."""
        if self.answer is not None and self.answer.action != "load":
            return self.answer.action
        return "ask" if self.policy == "replace_period" and not self.is_whole else self.policy

    @property
    def agreed(self) -> frozenset[str]:
        """Digests of the files that a person agreed to remove."""
        return frozenset(self.answer.removes) if self.answer is not None else frozenset()

    @property
    def is_answered(self) -> bool:
        return self.answer is not None and self.answer.action in ("replace", "replace_period")

    def identity(self, name: str) -> str:
        return identity_of(name, self.pattern)


@dataclass(frozen=True, kw_only=True)
class Restatements:
    """Finds what a delivery replaces in its period, in the table and in the rejects table.

    :param actor: who loads the delivery; None if it is not known.
    """

    catalog: RestCatalog
    contract: TableContract
    source_name: str
    period: Period
    staged: Sequence[StagedFile]
    rule: RestatedRule
    actor: Actor | None = None

    @property
    def made_by(self) -> Actor | None:
        """Who is named in the snapshots: the person who answered, or else who loads the delivery."""
        answer = self.rule.answer
        if answer is None:
            return self.actor
        return Actor(by=answer.by, tool=self.actor.tool if self.actor else None, reason=answer.reason)

    def require_one_release(self) -> None:
        """Raise `DeliveryRefusedError` if two files of the delivery are releases of one file: which one is right?"""
        if self.rule.action == "add":
            return
        first: dict[str, StagedFile] = {}
        for file in self.staged:
            other = first.setdefault(self.rule.identity(file.name), file)
            if other.sha256 != file.sha256:
                raise DeliveryRefusedError(
                    f"the delivery for {self.period.key} has two releases of one file, and which is right is not known",
                    source=self.source_name,
                    file=file.name,
                    found=f"{other.name} with other content",
                    next_step="start a new load that names only the right one, or ask the vendor to remove the other",
                )

    def leaving(self, table: Table, comes: Sequence[StagedFile]) -> list[NamedFile]:
        """Return the loaded files whose rows must leave when files are committed on this head of the table.

        Memory: four columns of one row group, and the names and digests of the period's files.

        :param comes: the files of the delivery that this head does not hold.

        Raises `RestatedError` if these rows must not leave.
        """
        held = self._replaced(table, comes) if comes else {}
        if not held or self.rule.action == "add":
            return []
        self._require_agreement(held, comes)
        return sorted(held)

    def left(self, rejects: Table, table: Table, staged_at: Mapping[str, int]) -> dict[str, set[int]]:
        """Return, by digest, the stagings whose rejects must leave after the delivery is committed.

        They are the rejects of files that the delivery replaces and that have no rows in the table any more. Rejects
        that were staged after the delivery's own belong to a load that is still running.

        :param table: read after the rejects table.
        :param staged_at: digest → staging, of the delivery's files.
        """
        if self.rule.action == "add" or not staged_at:
            return {}
        comes = [file for file in self.staged if file.sha256 in staged_at]
        held = self._replaced(rejects, comes)
        loaded = loaded_stagings(table, self.period.key, {file.sha256 for file in held})
        left: dict[str, set[int]] = {}
        for file, stagings in held.items():
            if file.sha256 in loaded:
                continue
            newest = max(staged_at[each.sha256] for each in self._releases(file, comes))
            leaving = {each for each in stagings if each < newest or file.sha256 in self.rule.agreed}
            if leaving:
                left.setdefault(file.sha256, set()).update(leaving)
        return left

    def find(self, table: Table) -> Restatement | None:
        """Return what the delivery would replace, and whether a person must be asked; None if it replaces nothing."""
        staged = {file.sha256: file for file in self.staged if file.status == "staged"}
        loaded = loaded_digests(table, self.period.key, staged)
        comes = [file for sha256, file in staged.items() if sha256 not in loaded]
        held = self._replaced(table, comes) if comes and self.rule.action != "add" else {}
        return self._evidence(held, comes) if held else None

    def _evidence(self, leaves: Iterable[NamedFile], comes: Sequence[StagedFile]) -> Restatement:
        """Return names and counts of the files that leave and come. Reads three columns of the period's rows."""
        removed = {file.sha256 for file in leaves}
        return Restatement(
            action="replace_period" if self.rule.action == "replace_period" else "replace",
            asks=self.rule.action == "ask" or self._empties(leaves, comes),
            comes=tuple(
                RestatedFile(name=file.name, sha256=file.sha256, rows=file.rows_valid, rejects=file.rows_rejected)
                for file in comes
            ),
            leaves=tuple(
                RestatedFile(name=file.name, sha256=file.sha256, rows=file.rows_loaded, rejects=file.rows_rejected)
                for file in find_loaded_files(self.catalog, self.contract, self.period)
                if file.sha256 in removed
            ),
        )

    def summary(self, files: int, files_replaced: int) -> LoadSummary:
        """Return what the snapshot of the rows says about itself."""
        action, answer = self.rule.action, self.rule.answer
        return LoadSummary(
            source=self.source_name,
            period=self.period.key,
            files=files,
            restated=action if files_replaced or (answer is not None and action == "add") else None,
            files_replaced=files_replaced,
            actor=self.made_by,
        )

    def _replaced(self, table: Table, comes: Sequence[StagedFile]) -> dict[NamedFile, set[int]]:
        """Return the files in `table` that are older releases of those that come, or the others of the period."""
        whole, identities = self.rule.action == "replace_period", {self.rule.identity(file.name) for file in comes}
        names = None if whole or RELEASE in self.rule.pattern else identities
        ours = {file.sha256 for file in self.staged}
        return {
            file: stagings
            for file, stagings in loaded_files(table, self.period.key, names).items()
            if file.sha256 not in ours and (whole or self.rule.identity(file.name) in identities)
        }

    def _releases(self, file: NamedFile, comes: Sequence[StagedFile]) -> list[StagedFile]:
        """Return those of the files that come in the place of `file`."""
        if self.rule.action == "replace_period":
            return list(comes)
        return [each for each in comes if self.rule.identity(each.name) == self.rule.identity(file.name)]

    def _empties(self, held: Iterable[NamedFile], comes: Sequence[StagedFile]) -> bool:
        """Whether rows would leave for files without a valid row."""
        return any(not sum(each.rows_valid for each in self._releases(file, comes)) for file in held)

    def _require_agreement(self, held: Mapping[NamedFile, set[int]], comes: Sequence[StagedFile]) -> None:
        """Raise unless the declaration or a person agrees to the removal of these files."""
        action, answer = self.rule.action, self.rule.answer
        if answer is not None and answer.action == "refuse":
            raise self._refused(f"{answer.by} refused this restatement", held, comes, "nothing; what is loaded stays")
        if self.rule.is_answered:
            if not {file.sha256 for file in held} <= self.rule.agreed:
                what = "other files would leave than those that the answer agrees to"
                raise self._refused(what, held, comes, "look at what is loaded now, and answer again")
            return
        if action == "refuse":
            raise self._refused("the source's files are never replaced (restated='refuse')", held, comes, self._ways())
        if action == "ask":
            raise self._refused("files that are loaded come again with other content", held, comes, self._ways())
        newer = [file for file, stagings in held.items() if max(stagings) >= _newest(self._releases(file, comes))]
        if newer:
            what = f"a load that was staged later has already replaced these files: {newer[0].name} is newer"
            next_step = (
                "nothing, if the newer content is right; else clear the stage task of this run, or load it again"
            )
            raise self._refused(what, held, comes, next_step)
        if self._empties(held, comes):
            raise self._refused("a file without a valid row would replace loaded rows", held, comes, self._ways())

    def _ways(self) -> str:
        return (
            f"keep what is loaded by doing nothing, or ./gv load {self.source_name} FILE... --period {self.period.key} "
            "--reason TEXT with --restated replace (the new files instead of the old ones) or --restated add (both). "
            "Source.restated in the declaration answers for every delivery"
        )

    def _refused(
        self, what: str, held: Mapping[NamedFile, set[int]], comes: Sequence[StagedFile], next_step: str
    ) -> RestatedError:
        restatement = self._evidence(held, comes)
        return RestatedError(
            f"{what}; nothing was loaded for {self.period.key}",
            restatement=restatement,
            source=self.source_name,
            found=restatement.describe(),
            next_step=next_step,
        )


def find_restatement(
    catalog: RestCatalog,
    contract: TableContract,
    source_name: str,
    period: Period,
    staged: Sequence[StagedFile],
    rule: RestatedRule,
    *,
    whole_period: bool | None = None,
) -> Restatement | None:
    """Return what a staged delivery would replace in its table; None if it replaces nothing.

    :param whole_period: whether all other files of the period would leave. Default: as the rule says.
    """
    if whole_period is not None:
        rule = replace(rule, policy="replace_period" if whole_period else "ask", is_whole=True)
    restatements = Restatements(
        catalog=catalog, contract=contract, source_name=source_name, period=period, staged=staged, rule=rule
    )
    table = ensure_table(catalog, contract)
    with service_errors(f"looking for loaded files in {contract.identifier}", catalog.uri):
        return restatements.find(table)


def _newest(files: Sequence[StagedFile]) -> int:
    return max(file.staged_at for file in files)
