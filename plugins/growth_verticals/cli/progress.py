"""Progress bars of `./gv load` on a terminal: bytes of the total, rows a second and time left, by step and file."""

from __future__ import annotations

import io
import time
from threading import Lock
from typing import TYPE_CHECKING, Any, BinaryIO

from growth_verticals.delivery import SMALL_FILE_BYTES
from growth_verticals.landing.origins import LocalOrigin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.progress import Progress, TaskID

    from growth_verticals.delivery import LandedFile, RemoteFile
    from growth_verticals.progress import Progress as FileProgress

#: Between two drawings, each of which takes a few milliseconds.
_REFRESH_S = 0.25
_NAME_WIDTH = 24


class LoadProgress:
    """A context manager that draws bars on standard error, and removes them at its end.

    One bar per step for the delivery, and one for each large file that is being read if there are several. It has no
    thread: the calls of the steps, one per block, draw.
    """

    def __init__(self, files: Sequence[RemoteFile]) -> None:
        self._size = sum(file.size for file in files)
        self._of_several = len(files) > 1
        self._title = f"{len(files):,} files" if self._of_several else _shortened(files[0].name)
        self._bars = _bars()
        self._totals: dict[str, _Bar] = {}
        self._lock = Lock()

    def __enter__(self) -> LoadProgress:
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bars.stop()

    def origin(self) -> LocalOrigin:
        """Return the origin of files on this machine. What is read from it is landed."""
        return _WatchedOrigin(self)

    def staging(self, file: LandedFile) -> FileProgress:
        """Return what is told how far a file is staged."""
        return self.of_file("stage", file.name, file.size)

    def of_file(self, step: str, name: str, size: int) -> FileProgress:
        """Return what is told how far a step has come with a file."""
        with self._lock:
            if step not in self._totals:
                self._totals[step] = _Bar(self._bars, step, self._title, self._size)
            total = self._totals[step]
        if not self._of_several or size <= SMALL_FILE_BYTES:
            return total
        return _Bar(self._bars, step, f"  {_shortened(name)}", size, total)


class _Bar:
    """A bar of the display.

    :param total: the bar of the delivery, if this is the bar of one of its files. It disappears when the file is read.
    """

    def __init__(self, bars: Progress, step: str, title: str, size: int, total: _Bar | None = None) -> None:
        self._bars = bars
        self._size = size
        self._total = total
        self._task: TaskID | None = bars.add_task(title, total=size, step=step, rows=0)
        self._read = self._rows = 0
        self._drawn_at = 0.0
        self._lock = Lock()

    def advance(self, size: int) -> None:
        self.add(size, 0)

    def rows(self, count: int) -> None:
        self.add(0, count)

    def add(self, size: int, rows: int) -> None:
        """Move this bar, and the delivery's."""
        with self._lock:
            self._read += size
            self._rows += rows
            if self._task is not None:
                self._bars.update(self._task, completed=self._read, rows=self._rows)
                if self._total is not None and self._read >= self._size:
                    self._bars.remove_task(self._task)
                    self._task = None
        if self._total is not None:
            self._total.add(size, rows)
        elif time.monotonic() - self._drawn_at >= _REFRESH_S:
            self._drawn_at = time.monotonic()
            self._bars.refresh()


class _WatchedOrigin(LocalOrigin):
    def __init__(self, show: LoadProgress) -> None:
        self._show = show

    def open(self, file: RemoteFile) -> BinaryIO:
        raw: Any = super().open(file)
        return _WatchedStream(raw.detach(), self._show.of_file("land", file.name, file.size))


class _WatchedStream(io.BufferedReader):
    def __init__(self, raw: Any, progress: FileProgress) -> None:
        super().__init__(raw)
        self._progress = progress

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self._progress.advance(len(data))
        return data


def _shortened(name: str) -> str:
    """Return the name with its middle left out: bars stay for a moment only, and the report has whole names."""
    half = _NAME_WIDTH // 2
    return name if len(name) <= _NAME_WIDTH else f"{name[: half - 1]}…{name[-half:]}"


def _bars() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.table import Column
    from rich.text import Text

    class RowsColumn(ProgressColumn):
        """Rows a second since the step began."""

        def render(self, task: Task) -> Text:
            rows = task.fields["rows"]
            return Text(f"{rows / task.elapsed:,.0f} rows/s" if rows and task.elapsed else "")

    return Progress(
        TextColumn("{task.fields[step]}", table_column=Column(width=5)),
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None),
        DownloadColumn(table_column=Column(no_wrap=True)),
        RowsColumn(table_column=Column(no_wrap=True, justify="right")),
        TimeRemainingColumn(compact=True, table_column=Column(no_wrap=True)),
        console=Console(stderr=True),
        auto_refresh=False,
        expand=True,
        transient=True,
    )
