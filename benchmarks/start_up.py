"""Stands in for Python in `./gv load` (by GV_PYTHON): notes when the first block is parsed, changes nothing else.

The time since `BENCH_STARTED` (a reading of the system's monotonic clock) goes into the file `BENCH_STAMP`. The reader
is watched as it is imported, whenever that is.
"""

from __future__ import annotations

import functools
import os
import runpy
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

_WATCHED = "growth_verticals.files.delimited"


class _Watch(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _WATCHED else None
        if spec is not None and spec.loader is not None:
            _watch(spec.loader)
        return spec


def _watch(loader: Loader) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        execute(module)
        parse = module.DelimitedReader.parse

        @functools.wraps(parse)
        def first(self: Any, block: Any) -> Any:
            module.DelimitedReader.parse = parse
            Path(os.environ["BENCH_STAMP"]).write_text(str(time.monotonic() - float(os.environ["BENCH_STARTED"])))
            return parse(self, block)

        module.DelimitedReader.parse = first

    loader.exec_module = exec_module  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.meta_path.insert(0, _Watch())
    module = sys.argv[2]  # as in: python -m growth_verticals.cli load ...
    sys.argv = sys.argv[2:]
    sys.path.pop(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
