"""How fast the worker runs attempts that do nothing, without a scheduler's or database's part.

    python bench/worker_throughput.py [--attempts 600] [--parallel 16]

A scheduler that answers everything at once, on this process's side of the socket; the
supervisor, the zygote, the file host and one forked process per attempt are the real ones.
Prints attempts per second with many at a time, and, one at a time, the milliseconds from the
launch to the first line of user code and to the outcome; and beside it what `fork` and `exit`
alone take here.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.acceptance.worker_world import World, launch_of, world

DAG = """
import time
def n(a):
    pass
def s(a):
    with open(__file__ + '.times', 'ab', 0) as f:
        f.write(b'%s %d\\n' % (a.attempt_id.encode(), time.monotonic_ns()))
TASKS = {'n': n, 's': s}
"""


def wide(there: World, count: int, parallel: int) -> float:
    waiting = deque(launch_of("n") for _ in range(count))
    wanted = len(there.scheduler.finishes) + count
    started = time.perf_counter()
    running = 0
    done = len(there.scheduler.finishes)
    while len(there.scheduler.finishes) < wanted:
        running -= len(there.scheduler.finishes) - done
        done = len(there.scheduler.finishes)
        batch = [waiting.popleft() for _ in range(min(parallel - running, len(waiting)))]
        running += len(batch)
        there.scheduler.submit(*batch)
        there.scheduler.pump(1.0)
    return count / (time.perf_counter() - started)


def chain(there: World, count: int) -> tuple[list[float], list[float]]:
    sent: dict[str, float] = {}
    took: list[float] = []
    for _ in range(count):
        launch = launch_of("s")
        sent[launch.attempt_id] = time.monotonic()
        there.scheduler.run(launch)
        took.append(
            (there.scheduler.finished_at[launch.attempt_id] - sent[launch.attempt_id]) * 1e3
        )
    times = (there.worker.dags / "dag.py.times").read_text(encoding="utf-8").split()
    began = dict(zip(times[::2], map(int, times[1::2]), strict=True))
    return [began[a] / 1e6 - at * 1e3 for a, at in sent.items()], took


def limit(count: int) -> float:
    started = time.perf_counter()
    for _ in range(count):
        if (pid := os.fork()) == 0:
            os._exit(0)
        os.waitpid(pid, 0)
    return count / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=600)
    parser.add_argument("--parallel", type=int, default=16)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, world(Path(home)) as there:
        there.worker.write(DAG)
        there.scheduler.run(launch_of("n"))
        for _ in range(3):
            rate = wide(there, options.attempts, options.parallel)
            print(f"{options.attempts} attempts, {options.parallel} at a time: {rate:.0f}/s")
        began, took = chain(there, 200)
        for name, values in (("user code", began), ("outcome", took)):
            ordered = sorted(values)
            print(
                f"launch → {name}: median {statistics.median(ordered):.2f} ms, "
                f"p95 {ordered[int(len(ordered) * 0.95)]:.2f} ms"
            )
    print(f"fork and exit alone: {limit(500):.0f}/s")


if __name__ == "__main__":
    main()
