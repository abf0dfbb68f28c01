"""Compares a file's columns with its table's, and guesses what the vendor has changed.

A rename is proposed only if nothing else is possible: the names are the same words, all sampled values fit the column's
type, the place agrees, and no other column of the file or of the table comes near. Everything else is a question.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from growth_verticals.contract.table import PROVENANCE, Column, is_column_name
from growth_verticals.drift.fit import Fit, fit, infer
from growth_verticals.drift.names import family, same_letters, same_words, similarity
from growth_verticals.drift.place import Places
from growth_verticals.drift.sample import as_names
from growth_verticals.files.headers import EXTRA, ColumnMapping, column_names
from growth_verticals.formats import JsonLines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from growth_verticals.cadence import Period
    from growth_verticals.contract.table import TableContract
    from growth_verticals.drift.sample import Sample
    from growth_verticals.source import Source

#: A second candidate whose name is this near leaves the rename to a person.
_MIN_GAP = 0.1
#: Below it, and in another place, two names have nothing to do with each other.
_MIN_SIMILARITY = 0.5
_MAX_CANDIDATES = 3
#: Comparing more pairs of names would take minutes.
_MAX_PAIRS = 40_000


@dataclass(frozen=True)
class Rename:
    """A column of the file that could be a column of the table under another name, with the reasons."""

    vendor: str
    column: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.vendor} is {self.column}: {', '.join(self.reasons)}"


@dataclass(frozen=True)
class Addition:
    """A column of the file that the table could get."""

    column: Column
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.column.name} is new: {', '.join(self.reasons)}"


@dataclass(frozen=True)
class Proposal:
    """What the vendor has changed. It has names of columns and counts, never a value.

    :param renames, additions: what the patch contains.
    :param questions: what a person has to decide, as sentences.
    :param missing: the table's columns that are not in the file even after the renames.
    """

    renames: tuple[Rename, ...] = ()
    additions: tuple[Addition, ...] = ()
    questions: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def fits(self) -> bool:
        """Whether there is nothing to change and nothing to decide."""
        return not (self.renames or self.additions or self.questions)


def propose(source: Source, contract: TableContract, sample: Sample, period: Period) -> Proposal:
    """Return what has changed in a file of a period."""
    return _Comparison(source.in_period(period), contract, sample, period).proposal()


class _Comparison:
    def __init__(self, source: Source, contract: TableContract, sample: Sample, period: Period) -> None:
        self.source, self.contract, self.sample, self.period = source, contract, sample, period
        mapping = ColumnMapping(source, contract)
        self.columns = {each.name: each for each in contract.columns if each.name in mapping.columns}
        self.headers = as_names(sample.header)
        self.names = column_names(sample.header, mapping)
        self.unknown = [name for name in self.names if name not in self.columns]
        self.missing = [name for name in self.columns if name not in self.names]
        self.places = Places(list(self.columns), list(self.names))
        #: Column → the names that the vendor has had for it.
        self.known_as = {column: [column] for column in self.columns}
        for alias in source.aliases:
            self.known_as.get(alias.column, []).append(alias.vendor)

    def proposal(self) -> Proposal:
        if len(self.unknown) * len(self.missing) > _MAX_PAIRS:
            return Proposal(questions=("too many columns differ: is it a file of this source?",))
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        renames = [] if doubled else self.renames
        known = len(self.columns) - len(self.missing)
        if not self.is_recognized(known + len(renames)):
            # Without a header, the first record stands in its place: its cells are not names, and are not printed.
            question = (
                f"only {known + len(renames)} of the table's {len(self.columns)} columns are in the file: is it a file "
                "of this source, and is its header where the declaration says? Its columns are not shown, because they "
                "may be values"
            )
            return Proposal(questions=(question,))
        if doubled:
            named = [name for name in doubled if name in self.columns]
            which = f": {', '.join(named)}" if named else ""
            return Proposal(questions=(f"several columns of the file have one name{which}: which of them is loaded?",))
        taken = {each.column for each in renames}
        left = [name for name in self.missing if name not in taken]
        additions, questions = self.others({each.vendor for each in renames}, left)
        for name in left:
            if self.columns[name].required and not any(f" {name} " in f" {text} " for text in questions):
                questions.append(f"{name} is NOT NULL and not in the file, and no column is like it: ask the vendor")
        return Proposal(tuple(renames), tuple(additions), tuple(questions), tuple(left))

    def is_recognized(self, known: int) -> bool:
        if isinstance(self.source.format, JsonLines) and not self.unknown:
            return True  # writers leave out keys without a value
        enough = known >= self.source.min_known_columns * len(self.columns)
        return enough and known >= min(2, len(self.columns))

    @cached_property
    def fits(self) -> dict[tuple[str, str], Fit]:
        values, form = self.sample.values, self.source.format
        return {
            (name, column): fit(values.get(name), self.columns[column], form)
            for name in self.unknown
            for column in self.missing
            if self.may_be(name, column)
        }

    def may_be(self, name: str, column: str) -> bool:
        near = self.similarity(name, column) >= _MIN_SIMILARITY or self.places.shared(name, column) == 2
        return near or self.are_same(name, column)

    def similarity(self, name: str, column: str) -> float:
        """Return the similarity with the most similar name that the vendor has had for a column."""
        return max(similarity(name, each) for each in self.known_as[column])

    def are_same(self, name: str, column: str) -> bool:
        return any(same_words(name, each) for each in self.known_as[column])

    # --- renames that are certain ---------------------------------------------------------------------------------

    @cached_property
    def renames(self) -> list[Rename]:
        """The renames that nothing contradicts."""
        pairs = [pair for pair in self.fits if self.is_certain(*pair)]
        pairs = [pair for pair in pairs if not any(self.is_crossed(pair, other) for other in pairs)]
        while True:
            matched = {column for _, column in pairs}
            kept = [pair for pair in pairs if not self.is_mistakable(pair[1], matched)]
            if kept == pairs:
                return [Rename(*pair, self.reasons(*pair)) for pair in pairs]
            pairs = kept

    def is_certain(self, name: str, column: str) -> bool:
        if not (self.are_same(name, column) and self.fits[name, column].is_good):
            return False
        others = [each for each in self.headers if each != name and self.are_same(each, column)]
        others += [each for each in self.columns if each != column and self.are_same(name, each)]
        if others or not self.leads(name, column):
            return False
        shared = self.places.shared(name, column)
        if any(are_alike(column, each) for each in self.missing if each != column):
            return shared == 2  # the names may have been swapped, and only the place tells
        return shared > 0 or any(same_letters(name, each) for each in self.known_as[column])

    def leads(self, name: str, column: str) -> bool:
        """Whether no other missing column, and no other unknown one, is nearly as similar."""
        rivals = [self.similarity(name, each) for each in self.missing if each != column]
        rivals += [self.similarity(each, column) for each in self.unknown if each != name]
        return self.similarity(name, column) - max(rivals, default=0) >= _MIN_GAP

    def is_crossed(self, pair: tuple[str, str], other: tuple[str, str]) -> bool:
        """Whether two pairs change places although their columns are alike: the names may have been swapped."""
        if pair == other or not are_alike(pair[1], other[1]):
            return False
        table = list(self.columns)
        in_file = self.names.index(pair[0]) < self.names.index(other[0])
        return in_file != (table.index(pair[1]) < table.index(other[1]))

    def is_mistakable(self, column: str, matched: set[str]) -> bool:
        """Whether a missing column that is not matched is alike: `addr1` is gone, and `addr2` may now be `addr_1`."""
        return any(are_alike(column, each) for each in self.missing if each not in matched)

    def reasons(self, name: str, column: str) -> tuple[str, ...]:
        similar = f"name similarity {self.similarity(name, column):.2f}"
        place = self.places.reason(name, column)
        return (similar, self.fits[name, column].reason(), *([place] if place else []))

    # --- everything else ------------------------------------------------------------------------------------------

    def others(self, renamed: set[str], left: list[str]) -> tuple[list[Addition], list[str]]:
        """Return the additions and the questions for the columns that are not renamed.

        :param left: the table's columns that are still missing.
        """
        additions, questions = [], []
        for name in self.unknown:
            if name in renamed:
                continue
            candidates = self.candidates(name, left)
            if candidates:
                questions.append(f"is {name} new, or renamed? {'; '.join(map(str, candidates))}")
            elif self.source.extra_columns == "keep":
                continue
            elif not is_column_name(name) or name in {*self.columns, EXTRA, *(each.name for each in PROVENANCE)}:
                questions.append(f"column {self.names.index(name) + 1} of the file has no name that the table can have")
            else:
                additions.append(self.addition(name))
        return additions, questions

    def candidates(self, name: str, left: Iterable[str]) -> list[Rename]:
        """Return the missing columns that a column of the file could be, the most similar first."""
        found = [column for column in left if (name, column) in self.fits and self.fits[name, column].fitting > 0]
        found.sort(key=lambda column: -self.similarity(name, column))
        return [Rename(name, column, self.reasons(name, column)) for column in found[:_MAX_CANDIDATES]]

    def addition(self, name: str) -> Addition:
        column_type, reason = infer(name, self.sample.values.get(name), self.source.format)
        doc = f"New in {self.period}; class and meaning to be decided"
        return Addition(Column(name=name, type=column_type, pii="D", doc=doc), (reason,))


def are_alike(one: str, other: str) -> bool:
    """Whether two columns could be confused: their names are similar, or share a word."""
    return similarity(one, other) >= _MIN_SIMILARITY or not {*family(one)}.isdisjoint(family(other))
