"""The step that groups the landed files of a delivery into units to stage, and what reads the results of units."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from growth_verticals import steps
from growth_verticals.delivery import LandedFile, LandUnit, StagedFile, StageUnit
from growth_verticals.hooks.account import account_from_connection
from growth_verticals.hooks.run import load_request
from growth_verticals.operators.source import SourceOperator
from growth_verticals.units import landed_files, stage_units, staged_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow.sdk import Context, XComArg

    from growth_verticals.cadence import Period
    from growth_verticals.files.cuts import Piece
    from growth_verticals.source import Source


class PlanStaging(SourceOperator):
    """Group the landed files into units to stage, each of about equal bytes. Large files are cut into pieces.

    A retry names another staging, so what follows it must be cleared with it; the commit refuses pieces of two plans.

    :param units: the `LandUnit`s as mappings.
    :param landed: what each `LandFiles` returned.
    """

    template_fields: Sequence[str] = ("units", "landed")

    def __init__(
        self,
        *,
        units: Iterable[Mapping[str, Any]] | XComArg,
        landed: Iterable[Sequence[Mapping[str, Any]]] | XComArg,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.units: Any = units  # both are resolved from XCom before `execute`
        self.landed: Any = landed

    def act(self, context: Context) -> list[dict[str, Any]]:
        """Return the `StageUnit`s. Raises `DeliveryRefusedError` if other files were landed than the units name."""
        units = [LandUnit.from_json(unit) for unit in self.units]
        results = [[LandedFile(**file) for file in files] for files in self.landed]
        landed = landed_files(self.source, units, results)
        pieces_of = partial(self._pieces_of, load_request(context, self.source).period)
        planned = stage_units(self.source, landed, pieces_of, time.time_ns() // 1000)
        for unit in planned:
            self.log.info("%s, %s bytes", unit.title, f"{unit.size:,}")
        return [unit.to_json() for unit in planned]

    def _pieces_of(self, period: Period, file: LandedFile) -> Sequence[Piece]:
        if not steps.may_be_cut(self.source, file):
            return ()
        return steps.pieces_of(account_from_connection(), self.source, period, file)


def staged_in(
    source: Source, units: Iterable[Mapping[str, Any]], staged: Iterable[Sequence[Mapping[str, Any]]]
) -> list[StagedFile]:
    """Return what was staged of the units. Raises `DeliveryRefusedError` if it is of other files.

    :param units, staged: XComs of `PlanStaging`, and of each `StageFiles`.
    """
    planned = [StageUnit.from_json(unit) for unit in units]
    return staged_files(source, planned, [[StagedFile(**file) for file in files] for files in staged])
