"""Show a run while it goes on: a live table on a terminal, lines elsewhere.

On a terminal the tasks' log lines scroll by above a table of the tasks' states. Nothing here
starts a thread: the runner forks, and draws by calling `tick`.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self

import click

from tradewind.clock import SystemClock
from tradewind.model.event import TaskChange
from tradewind.model.ids import TaskKey
from tradewind.model.run import Run, TaskInstance
from tradewind.model.state import FAILED_STATES, LIVE_STATES, TERMINAL_STATES, TaskState

if TYPE_CHECKING:
    from rich.table import Table

    from tradewind.testing.runs import FinishedRun

_COLOURS = {
    "success": "green",
    "failed": "red",
    "upstream_failed": "yellow",
    "running": "cyan",
    "queued": "bright_black",
    "scheduled": "bright_black",
    "none": "bright_black",
    "deferred": "magenta",
    "up_for_retry": "yellow",
    "up_for_reschedule": "blue",
    "skipped": "bright_magenta",
}
_SHOWN = frozenset(TaskState) - {TaskState.NONE, TaskState.SCHEDULED, TaskState.QUEUED}
"""States that get a line of their own in plain output."""
_FRAME_LINES = 6
"""Lines of the terminal that are not rows of the table."""
_TICK_S = 0.2


class Watcher(Protocol):
    """An observer of the runner that shows what it sees; see `tradewind.testing.observer`."""

    tick_s: float | None

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...
    def changed(self, run: Run, change: TaskChange) -> None:
        """Show that a task instance has moved."""
        ...

    def run_changed(self, run: Run) -> None:
        """Show that the run has moved."""
        ...

    def line(self, run_id: str, task: TaskKey, text: str) -> None:
        """Show a line of a task's log."""
        ...

    def tick(self) -> None:
        """Draw what changes with time."""
        ...

    def summary(self, finished: FinishedRun) -> None:
        """Show how the run ended."""
        ...


def watcher(*, live: bool) -> Watcher:
    """Return what shows a run: a live table, or plain lines."""
    return LiveWatcher() if live else PlainWatcher()


class PlainWatcher:
    """Print a line for each change and each line of a log."""

    tick_s: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        pass

    def changed(self, run: Run, change: TaskChange) -> None:
        """Print a change that says something to people."""
        del run
        after = change.after
        if after.state in _SHOWN and not after.is_placeholder:
            click.echo(_sentence(change))

    def run_changed(self, run: Run) -> None:
        """Print the run's new state."""
        click.echo(f"{_clock_time()} run {run.run_id} of {run.dag_id}: {run.state}")

    def line(self, run_id: str, task: TaskKey, text: str) -> None:
        """Print a line of a log."""
        del run_id
        click.echo(f"{_clock_time()} {_name(task)} | {text}")

    def tick(self) -> None:
        """Do nothing."""

    def summary(self, finished: FinishedRun) -> None:
        """Print how the run ended."""
        for text in _summary(finished):
            click.echo(text)


class LiveWatcher:
    """Keep a table of the tasks at the bottom of the terminal."""

    tick_s: float | None = _TICK_S

    def __init__(self, console: Any = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = console or Console(highlight=False)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._tasks: dict[tuple[str, TaskKey], TaskInstance] = {}
        self._lines: dict[tuple[str, TaskKey], str] = {}
        self._clock = SystemClock()

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.tick()
        self._live.stop()

    def changed(self, run: Run, change: TaskChange) -> None:
        """Note a change; the next tick draws it."""
        at = (run.run_id, change.after.in_run)
        if change.after.is_placeholder:
            self._tasks.pop(at, None)
        else:
            self._tasks[at] = change.after

    def run_changed(self, run: Run) -> None:
        """Draw: the run has begun or ended."""
        del run
        self.tick()

    def line(self, run_id: str, task: TaskKey, text: str) -> None:
        """Print a line of a log above the table."""
        from rich.text import Text

        self._lines[run_id, task] = text
        name = Text(f"{_name(task)} │ ", style="bright_black")
        self._console.print(name + Text.from_ansi(text))

    def tick(self) -> None:
        """Draw the table."""
        self._live.update(self._table(), refresh=True)

    def summary(self, finished: FinishedRun) -> None:
        """Print how the run ended."""
        from rich.text import Text

        first, *others = _summary(finished)
        self._console.print(Text(first, style=f"bold {_COLOURS[finished.state]}"))
        for text in others:
            self._console.print(Text(text))

    def _table(self) -> Table:
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold", expand=True)
        table.add_column("task", ratio=2, no_wrap=True)
        table.add_column("state", no_wrap=True)
        table.add_column("try", justify="right")
        table.add_column("seconds", justify="right")
        table.add_column("says", ratio=4, no_wrap=True, overflow="ellipsis")
        rows = self._rows()
        room = max(4, self._console.size.height - _FRAME_LINES)
        for at, ti in rows[:room]:
            style = _COLOURS.get(ti.state.value, "")
            says = ti.reason if ti.state in FAILED_STATES and ti.reason else self._lines.get(at, "")
            table.add_row(
                Text(str(ti.in_run)),
                Text(ti.state.value, style=style),
                str(ti.try_number or ""),
                _seconds(ti, self._clock.now()),
                Text(says or ""),
            )
        if len(rows) > room:
            more = Counter(ti.state.value for _, ti in rows[room:])
            table.add_row("…", ", ".join(f"{n} {state}" for state, n in more.items()))
        return table

    def _rows(self) -> list[tuple[tuple[str, TaskKey], TaskInstance]]:
        """Return the rows in order; where they are too many, what matters most comes first."""
        rows = list(self._tasks.items())
        if len(rows) > self._console.size.height - _FRAME_LINES:
            rows.sort(key=lambda row: _importance(row[1]))
        return rows


def _importance(ti: TaskInstance) -> int:
    if ti.state in LIVE_STATES:
        return 0
    if ti.state is TaskState.FAILED:
        return 1
    return 3 if ti.state in TERMINAL_STATES else 2


def _seconds(ti: TaskInstance, now: datetime) -> str:
    if ti.started_at is None:
        return ""
    end = ti.ended_at if ti.state in TERMINAL_STATES and ti.ended_at else now
    return f"{(end - ti.started_at).total_seconds():.1f}"


def _clock_time() -> str:
    return f"{SystemClock().now().astimezone():%H:%M:%S}"


def _name(task: TaskKey) -> str:
    return str(task) if task.task_id else "dag"


def _sentence(change: TaskChange) -> str:
    after = change.after
    text = f"{_clock_time()} {after.in_run}: {after.state}"
    if after.state is TaskState.RUNNING and after.try_number > 1:
        text += f" (try {after.try_number})"
    if after.state in TERMINAL_STATES and after.started_at is not None:
        text += f" after {_seconds(after, after.started_at)} s"
    reason = change.reason or (after.reason if after.state in FAILED_STATES else None)
    return f"{text}: {reason}" if reason else text


def _summary(finished: FinishedRun) -> list[str]:
    counts = Counter(str(ti.state) for ti in finished.task_instances)
    told = ", ".join(f"{n} {state}" for state, n in sorted(counts.items())) or "no tasks"
    took = ""
    if finished.start_date is not None and finished.end_date is not None:
        took = f" in {(finished.end_date - finished.start_date).total_seconds():.1f} s"
    lines = [f"{finished.dag_id}: {finished.state}{took} ({told})"]
    lines += [
        f"  {TaskKey(ti.task_id, ti.map_index)}: {ti.reason or 'failed'}"
        for ti in finished.task_instances
        if ti.state == TaskState.FAILED
    ]
    return lines
