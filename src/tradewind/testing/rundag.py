"""run_dag: what `dag.test()` does."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from tradewind.errors import UserError
from tradewind.sdk.arguments import ArgumentError, aware, checked
from tradewind.sdk.connection import Connection
from tradewind.sdk.waiting import SystemWaiter, Waiter
from tradewind.testing.attempts import InlineAttempts
from tradewind.testing.files import read_connections, read_variables
from tradewind.testing.runner import Runner
from tradewind.testing.runs import FinishedRun
from tradewind.testing.store import MemoryStore

NOW: Any = object()
"""Not given: the run's logical date is the time at which it is made."""


def run_dag(
    dag: Any,
    *,
    logical_date: datetime | str | None = NOW,
    run_after: datetime | str | None = None,
    run_conf: Mapping[str, Any] | None = None,
    conn_file_path: str | Path | None = None,
    variable_file_path: str | Path | None = None,
    use_executor: bool = False,
    mark_success_pattern: str | None = None,
    execution_date: datetime | str | None = NOW,
    variables: Mapping[str, Any] | None = None,
    connections: Mapping[str, Connection | str] | None = None,
    others: Iterable[Any] = (),
    answers: Mapping[str, Any] | None = None,
    clock: Waiter | None = None,
    store: MemoryStore | None = None,
) -> FinishedRun:
    """Run a DAG in this process, one task after the other, with no server and no database.

    Tasks run where a debugger sees them. A task that raises fails, is tried again if it has
    retries, and its traceback is logged; the run's state says how it all ended.

    Args:
        dag: the DAG.
        logical_date: what the run is about; None for a run without one, as asset-triggered
            runs are. By default now.
        run_after: the time that the run stands for; by default the logical date.
        run_conf: the run's configuration; sets params.
        conn_file_path: a .json, .yaml or .env file of connections.
        variable_file_path: a .json, .yaml or .env file of variables.
        use_executor: refused: an executor needs a server.
        mark_success_pattern: a regular expression; tasks whose whole id it matches succeed
            without running.
        execution_date: the old name of `logical_date`.
        variables: by key, beside those of the file.
        connections: by id, beside those of the file.
        others: DAGs that this one's tasks may trigger.
        answers: what people answer the tasks that ask, by task id: an option, several, or
            {"chosen_options": [...], "params_input": {...}}.
        clock: tells the time and waits; a `FakeClock` lets no time be lost.
        store: what earlier runs left; runs that share one see each other.

    Returns:
        the run: its state, its task instances' states, and what they pushed.

    Raises:
        DagError: the DAG is not right.
        ParamValidationError: a param has no value, or one that its schema refuses.
        UserError: a file cannot be read, or an argument makes no sense here.
    """
    if use_executor:
        raise UserError(
            "use_executor=True: an executor belongs to a scheduler, and here is none. Leave it "
            "out, or start `tradewind standalone` and trigger the DAG there"
        )
    if execution_date is not NOW:
        if logical_date is not NOW:
            raise ArgumentError("give logical_date or execution_date, its old name, not both")
        logical_date = execution_date
    clock = clock or SystemWaiter()
    kept = store if store is not None else MemoryStore()
    kept.add(
        {**(read_variables(variable_file_path) if variable_file_path else {}), **(variables or {})},
        {**(read_connections(conn_file_path) if conn_file_path else {}), **(connections or {})},
    )
    where = f"DAG {dag.dag_id!r}"
    after = checked(aware, where, "run_after", run_after)
    if logical_date is NOW:
        logical_date = after or clock.now()
    runner = Runner(
        {other.dag_id: other for other in (*others, dag)},
        store=kept,
        clock=clock,
        make_attempts=lambda made: InlineAttempts(made.here),
        mark_success=mark_success_pattern,
        answers=answers,
    )
    with closing(runner), _logged():
        run_pk = runner.create(
            dag.dag_id,
            logical_date=checked(aware, where, "logical_date", logical_date),
            run_after=after,
            conf=run_conf,
        )
        runner.drive()
        return runner.finished(run_pk)


@contextmanager
def _logged() -> Iterator[None]:
    """Show the log on standard output, unless somebody takes care of it already."""
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
