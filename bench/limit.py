"""The limit of this machine: the same durable work with nothing around it.

One process holds what a warm zygote would hold and forks a process for every task; another
keeps a table of tasks and writes three rows per task: queued before the fork, running when
the task says that it began, success when it says that it ended. Each task is a session of its
own with its own log file, computes fibo(10), and writes the result to its log. Every commit
is durable (SQLite WAL with synchronous=FULL, PostgreSQL with synchronous_commit=on) and
returns before anything that follows from it is done.

What an orchestrator adds to this (graphs, retries, logs, leases, an API, safety) costs time;
this program says how much time there was to begin with.

    python bench/limit.py --chain 40 --wide 1000 --db sqlite
    python bench/limit.py --chain 40 --db postgresql://user@host/name

One line of JSON for each shape. `--commit batch` puts the messages that wait at the same
moment into one commit, `each` gives every row its own.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import select
import signal
import socket
import sqlite3
import statistics
import struct
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, Protocol

# What a warm zygote holds: each fork pays for it.
import jinja2  # noqa: F401
import pendulum  # noqa: F401
import sqlalchemy  # noqa: F401

QUEUED, RUNNING, SUCCESS = "queued", "running", "success"
BEGAN, ENDED = 1, 2
TASK = struct.Struct("<I")
MESSAGE = struct.Struct("<2I")
WARM_UP_S = 0.3

CREATE = "CREATE TABLE ti (id int PRIMARY KEY, state text, s double precision, e double precision)"
INSERT = "INSERT INTO ti (id, state) VALUES (?, 'none')"
UPDATES = {
    QUEUED: "UPDATE ti SET state = 'queued' WHERE id = ? AND state = 'none'",
    RUNNING: "UPDATE ti SET state = 'running', s = ? WHERE id = ? AND state = 'queued'",
    SUCCESS: "UPDATE ti SET state = 'success', e = ? WHERE id = ? AND state = 'running'",
}
COUNT = "SELECT count(*) FROM ti WHERE state = 'success' AND s IS NOT NULL AND e IS NOT NULL"

Change = tuple[str, tuple[float, ...]]
"""The new state, and the statement's arguments."""


class Ledger(Protocol):
    """The table of tasks."""

    def commit(self, changes: Sequence[Change]) -> None:
        """Write rows in one durable transaction."""
        ...

    def succeeded(self) -> int:
        """Count the tasks that went through all states."""
        ...

    def close(self) -> None:
        """Let go of the database."""
        ...


class SqliteLedger:
    """A table in a file."""

    def __init__(self, file: Path, tasks: int) -> None:
        self._connection = sqlite3.connect(file, isolation_level=None)
        for pragma in ("journal_mode=wal", "synchronous=full"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._connection.execute(CREATE)
        self._connection.executemany(INSERT, [(n,) for n in range(tasks)])

    def commit(self, changes: Sequence[Change]) -> None:
        """Write rows in one durable transaction."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        for state, arguments in changes:
            execute(UPDATES[state], arguments)
        execute("COMMIT")

    def succeeded(self) -> int:
        """Count the tasks that went through all states."""
        count: int = self._connection.execute(COUNT).fetchone()[0]
        return count

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()


class PostgresLedger:
    """A table on a server; one round trip per transaction."""

    def __init__(self, url: str, tasks: int) -> None:
        # Late: a run on SQLite must not carry the driver into every fork.
        import psycopg  # noqa: PLC0415

        self._connection: Any = psycopg.connect(url, autocommit=True)
        self._connection.execute("DROP TABLE IF EXISTS ti")
        self._connection.execute(CREATE)
        self._connection.cursor().executemany(
            INSERT.replace("?", "%s"), [(n,) for n in range(tasks)]
        )
        self._updates = {state: text.replace("?", "%s") for state, text in UPDATES.items()}

    def commit(self, changes: Sequence[Change]) -> None:
        """Write rows in one durable transaction."""
        execute = self._connection.execute
        with self._connection.pipeline():
            execute("BEGIN")
            for state, arguments in changes:
                execute(self._updates[state], arguments)
            execute("COMMIT")

    def succeeded(self) -> int:
        """Count the tasks that went through all states."""
        count: int = self._connection.execute(COUNT).fetchone()[0]
        return count

    def close(self) -> None:
        """Let go of the database."""
        self._connection.execute("DROP TABLE ti")
        self._connection.close()


@dataclass(frozen=True)
class Round:
    """One measured round."""

    seconds: float
    commits: int
    others_cores: float


@dataclass(frozen=True)
class Plan:
    """What to run, how."""

    db: str
    tasks: int
    parallel: int
    new_session: bool
    commit_each: bool


def fibo(n: int) -> int:
    return n if n < 2 else fibo(n - 1) + fibo(n - 2)


def run_task(number: int, wire: socket.socket, folder: Path, *, new_session: bool) -> NoReturn:
    """Be one task: the whole life of a forked process."""
    if new_session:
        os.setsid()
    else:
        os.setpgid(0, 0)
    log = os.open(folder / f"{number}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    wire.send(MESSAGE.pack(BEGAN, number))
    os.write(1, json.dumps({"r": fibo(10)}).encode() + b"\n")
    wire.send(MESSAGE.pack(ENDED, number))
    os._exit(0)


def run_zygote(wire: socket.socket, folder: Path, *, new_session: bool) -> NoReturn:
    """Fork one process for each task number that arrives, until the other end closes."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    while numbers := wire.recv(1 << 16):
        for (number,) in TASK.iter_unpack(numbers):
            if os.fork() == 0:
                run_task(number, wire, folder, new_session=new_session)
    os._exit(0)


def take_messages(wire: socket.socket) -> list[tuple[int, int]]:
    """Wait for a message, and take all that are there."""
    messages = [MESSAGE.unpack(wire.recv(MESSAGE.size))]
    while select.select([wire], [], [], 0)[0]:
        messages.append(MESSAGE.unpack(wire.recv(MESSAGE.size)))
    return messages


class Conductor:
    """Keep so many tasks running until all have ended."""

    def __init__(self, plan: Plan, wire: socket.socket, ledger: Ledger) -> None:
        self._plan = plan
        self._wire = wire
        self._ledger = ledger
        self._next = 0
        self.commits = 0

    def run(self) -> None:
        """Run every task."""
        plan, left = self._plan, self._plan.tasks
        self._launch(min(plan.parallel, plan.tasks), [])
        while left:
            messages = take_messages(self._wire)
            now = time.time()
            ended = sum(kind == ENDED for kind, _ in messages)
            left -= ended
            self._launch(
                min(ended, plan.tasks - self._next),
                [(RUNNING if kind == BEGAN else SUCCESS, (now, task)) for kind, task in messages],
            )

    def _launch(self, count: int, changes: list[Change]) -> None:
        numbers = range(self._next, self._next + count)
        self._next += count
        self._commit(changes + [(QUEUED, (number,)) for number in numbers])
        if count:
            self._wire.send(b"".join(map(TASK.pack, numbers)))

    def _commit(self, changes: list[Change]) -> None:
        for part in [[c] for c in changes] if self._plan.commit_each else [changes]:
            self._ledger.commit(part)
            self.commits += 1


def others_cpu_s() -> float:
    """Return the CPU seconds that went to niced jobs and to other machines on this host."""
    fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()
    niced, stolen = int(fields[2]), int(fields[8])
    return (niced + stolen) / os.sysconf("SC_CLK_TCK")


def one_round(plan: Plan) -> Round:
    """Start a zygote and a database, and measure from the first commit to the last."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("LIMIT_DIR")) as name:
        folder = Path(name)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            ours.close()
            run_zygote(theirs, folder, new_session=plan.new_session)
        theirs.close()
        ledger: Ledger
        if plan.db == "sqlite":
            ledger = SqliteLedger(folder / "ti.db", plan.tasks)
        else:
            ledger = PostgresLedger(plan.db, plan.tasks)
        time.sleep(WARM_UP_S)
        conductor = Conductor(plan, ours, ledger)
        before, start = others_cpu_s(), time.perf_counter()
        conductor.run()
        seconds = time.perf_counter() - start
        others = (others_cpu_s() - before) / seconds
        ours.close()
        with suppress(ChildProcessError):
            os.wait()
        logs = len(list(folder.glob("*.log")))
        if ledger.succeeded() != plan.tasks or logs != plan.tasks:
            raise SystemExit(f"only {ledger.succeeded()} tasks and {logs} logs of {plan.tasks}")
        ledger.close()
        return Round(seconds=seconds, commits=conductor.commits, others_cores=others)


def measure(shape: str, plan: Plan, runs: int) -> dict[str, Any]:
    """Return the figures of several rounds."""
    rounds = sorted((one_round(plan) for _ in range(runs)), key=lambda r: r.seconds)
    median_s = statistics.median(r.seconds for r in rounds)
    return {
        "db": plan.db.split(":")[0],
        "shape": shape,
        "n": plan.tasks,
        "parallel": plan.parallel,
        "session": "setsid" if plan.new_session else "setpgid",
        "commit": "each" if plan.commit_each else "batch",
        "min_s": round(rounds[0].seconds, 3),
        "median_s": round(median_s, 3),
        "max_s": round(rounds[-1].seconds, 3),
        "tasks_per_s": round(plan.tasks / median_s, 1),
        "ms_per_task": round(median_s / plan.tasks * 1000, 2),
        "commits_per_task": round(rounds[runs // 2].commits / plan.tasks, 2),
        "others_cores": round(max(r.others_cores for r in rounds), 2),
    }


def main() -> None:
    description, _, _ = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--db", default="sqlite", help="sqlite, or a PostgreSQL URL")
    parser.add_argument("--chain", type=int, default=0, help="tasks one after the other")
    parser.add_argument("--wide", type=int, default=0, help="independent tasks")
    parser.add_argument("--parallel", type=int, default=8, help="independent tasks at a time")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--session", choices=("setsid", "setpgid"), default="setsid")
    parser.add_argument("--commit", choices=("batch", "each"), default="batch")
    given = parser.parse_args()
    for shape, tasks, parallel in (
        ("chain", given.chain, 1),
        ("wide", given.wide, given.parallel),
    ):
        if tasks:
            plan = Plan(
                db=given.db,
                tasks=tasks,
                parallel=parallel,
                new_session=given.session == "setsid",
                commit_each=given.commit == "each",
            )
            print(json.dumps(measure(shape, plan, given.runs)), flush=True)


if __name__ == "__main__":
    main()
