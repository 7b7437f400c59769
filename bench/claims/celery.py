"""CeleryExecutor beside bare Celery: the same broker (Redis), results in the same PostgreSQL."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from context import POSTGRESQL, Context, spread
from figures import Figure
from postgres import PostgresServer, a_database
from product import TRADEWIND, Failed, Product
from tests.brokers import RedisServer, open_redis
from tests.servers import Missing
from tradewind.store.tables import attempt

BARE = Path(__file__).parents[1] / "bare_celery.py"
CHAIN, WIDE, SLOTS = 40, 200, 16
CHAIN_GOAL_S = 0.8
WIDE_GOAL_PER_S = 120.0
OF_BARE = 0.6
START_S = 60.0


def measure(context: Context) -> Iterator[Figure]:
    """Yield the figures."""
    if context.server is None:
        print("without PostgreSQL there is nothing to compare with bare Celery", file=sys.stderr)
        return
    try:
        redis = open_redis()
    except Missing as error:
        print(error, file=sys.stderr)
        return
    settings = {
        "TRADEWIND__CORE__EXECUTOR": "CeleryExecutor",
        "TRADEWIND__CELERY__BROKER_URL": redis.url,
        "TRADEWIND__CELERY__WORKER_CONCURRENCY": str(SLOTS),
    }
    with (
        redis,
        context.product(POSTGRESQL, ["chains", "wide"], settings) as product,
        worker(product),
    ):
        product.await_dags(["chain_40", "wide"])
        for dag_id in ("chain_40", "wide"):
            product.run(dag_id)  # the first run imports the file
        rounds = context.times(5, 2)
        chains, bare_chains = beside_bare(
            context.server, redis, "--chain", CHAIN, rounds, lambda: product.run("chain_40")
        )
        stages = breakdown(product)
        wides, bare_wides = beside_bare(
            context.server, redis, "--wide", WIDE, rounds, lambda: product.run("wide")
        )
    chain_s, bare_chain_s = statistics.median(chains), statistics.median(bare_chains)
    wide_s, bare_wide_s = statistics.median(wides), statistics.median(bare_wides)
    yield Figure(
        what="Celery: chain of 40 × fibo(10); limit: bare Celery",
        database=POSTGRESQL,
        value=chain_s,
        unit="s",
        goal=CHAIN_GOAL_S,
        limit=bare_chain_s,
        airflow="– / 12.2 s",
        details={"runs_s": spread(chains), "bare_s": spread(bare_chains)},
    )
    yield Figure(
        what="Celery: root + 200 parallel no-ops; limit: bare Celery",
        database=POSTGRESQL,
        value=(WIDE + 1) / wide_s,
        unit="tasks/s",
        goal=WIDE_GOAL_PER_S,
        at_least=True,
        limit=WIDE / bare_wide_s,
        of_limit=OF_BARE,
        airflow="– / 3–6",
        details={"runs_s": spread(wides), "bare_s": spread(bare_wides)},
    )
    yield Figure(
        what="Celery: overhead of a task in a chain, over bare Celery",
        database=POSTGRESQL,
        value=(chain_s - bare_chain_s) / CHAIN * 1000,
        unit="ms",
        details={"of_which_ms": stages},
    )


@contextmanager
def worker(product: Product) -> Iterator[None]:
    """Run a Celery worker that knows the broker, the API server and the result backend."""
    with tempfile.TemporaryDirectory(prefix="tradewind-bench-worker-") as home:
        env = {
            **product.env,
            "TRADEWIND_HOME": home,
            "TRADEWIND__WORKERS__SERVER": f"http://127.0.0.1:{product.port}",
        }
        with (product.home / "worker.txt").open("ab") as output:
            process = subprocess.Popen(
                [str(TRADEWIND), "celery", "worker"],
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            await_worker(product, process)
            yield
        finally:
            process.terminate()
            process.wait(60)


def await_worker(product: Product, process: subprocess.Popen[bytes]) -> None:
    """Wait until the worker says that it takes tasks."""
    deadline = time.monotonic() + START_S
    while "takes tasks from" not in (product.home / "worker.txt").read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Failed((product.home / "worker.txt").read_text(errors="replace")[-4000:])
        time.sleep(0.05)


def beside_bare(
    server: PostgresServer,
    redis: RedisServer,
    shape: str,
    tasks: int,
    rounds: int,
    run: Callable[[], float],
) -> tuple[list[float], list[float]]:
    """Alternate ours and bare Celery; return the seconds of each."""
    ours: list[float] = []
    bare: list[float] = []
    with a_database(server) as url:
        for _ in range(rounds):
            ours.append(run())
            bare.append(bare_s(url, redis, shape, tasks))
    return ours, bare


def bare_s(url: str, redis: RedisServer, shape: str, tasks: int) -> float:
    """Return how long bare Celery takes, on another database number of the same Redis."""
    backend = "db+" + url.replace("postgresql://", "postgresql+psycopg://", 1)
    broker = redis.url.removesuffix("/0") + "/1"
    command = [sys.executable, str(BARE), shape, str(tasks), "--runs", "1"]
    command += ["--broker", broker, "--backend", backend, "--concurrency", str(SLOTS)]
    done = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, timeout=300, env=dict(os.environ)
    )
    line: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    seconds: float = line["median_s"]
    return seconds


def breakdown(product: Product) -> dict[str, float]:
    """Return where the time of a chain's task goes, by the times in its attempt's row.

    queued to claimed: publish, broker, consumer, claim. claimed to ended: the process, the user's
    code, the outcome. ended to queued: the scheduler settles it and decides what is next.
    """
    table = attempt
    query = (
        select(table.c.run_pk, table.c.queued_at, table.c.claimed_at, table.c.ended_at)
        .where(table.c.task_id.like("t0%"), table.c.ended_at.is_not(None))
        .order_by(table.c.run_pk.desc(), table.c.task_id)
        .limit(CHAIN)
    )
    with product.db.read() as conn:
        rows = conn.execute(query).all()
    spans: dict[str, list[float]] = {"queued_claimed": [], "claimed_ended": [], "ended_queued": []}
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        spans["queued_claimed"].append((row.claimed_at - row.queued_at).total_seconds())
        spans["claimed_ended"].append((row.ended_at - row.claimed_at).total_seconds())
        if following is not None and following.run_pk == row.run_pk:
            spans["ended_queued"].append((following.queued_at - row.ended_at).total_seconds())
    return {
        name: round(statistics.median(values) * 1000, 2) for name, values in spans.items() if values
    }
