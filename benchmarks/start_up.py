"""Run `./gv load` and record when the first block is parsed. `GV_PYTHON` makes `./gv` run this instead of Python.

Writes the seconds since `BENCH_STARTED`, a reading of the monotonic clock, to the file `BENCH_STAMP`. An import hook
wraps the reader when it is imported. Nothing else is changed.
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

_READER_MODULE = "growth_verticals.files.delimited"


class _ImportHook(MetaPathFinder):
    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name == _READER_MODULE else None
        if spec is not None and spec.loader is not None:
            _wrap_reader(spec.loader)
        return spec


def _wrap_reader(loader: Loader) -> None:
    original_exec_module = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        original_exec_module(module)
        parse = module.DelimitedReader.parse

        @functools.wraps(parse)
        def first_parse(self: Any, block: Any) -> Any:
            module.DelimitedReader.parse = parse
            Path(os.environ["BENCH_STAMP"]).write_text(str(time.monotonic() - float(os.environ["BENCH_STARTED"])))
            return parse(self, block)

        module.DelimitedReader.parse = first_parse

    loader.exec_module = exec_module  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.meta_path.insert(0, _ImportHook())
    module = sys.argv[2]  # the command line is: -m growth_verticals.cli load ...
    sys.argv = sys.argv[2:]
    sys.path.pop(0)
    runpy.run_module(module, run_name="__main__", alter_sys=True)
