"""Tasks on Celery workers, whole: scheduler, broker, worker, API server, database."""

from __future__ import annotations

import os
import signal
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import create_engine, select, text

from tests.acceptance.celery_deployment import CeleryDeployment, celery_deployed
from tests.brokers import RedisServer
from tests.faultproxy import FaultProxy
from tradewind.store import tables

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.brokers,
    pytest.mark.postgres,
    pytest.mark.timeout(240),
]

DAGS = """
import time
from tradewind.sdk import DAG, task, chain

with DAG("steps", schedule=None):
    @task
    def first() -> int:
        note("ran", [os.getpid(), os.environ.get("TRADEWIND__CELERY__BROKER_URL")])
        print("hello from afar")
        return 20

    @task
    def second(x: int) -> int:
        return x + 1

    @task(executor="LocalExecutor")
    def here(x: int) -> None:
        note("here", x)

    here(second(first()))

with DAG("many", schedule=None, max_active_tasks=200):
    @task
    def numbers() -> list[int]:
        return list(range(COUNT))

    @task(retries=3, retry_delay=1.0)
    def one(x: int, ti=None) -> int:
        note("starts", [x, ti.try_number, os.getpid()])
        return x

    one.expand(x=numbers())

with DAG("long", schedule=None):
    @task(retries=2, retry_delay=0.1)
    def wait(ti=None) -> None:
        note("began", [ti.try_number, os.getpid()])
        while not (Path(os.environ["NOTES"]) / "go").exists():
            time.sleep(0.02)
        note("ended", [ti.try_number, os.getpid()])

    wait()
"""


def dags(count: int) -> str:
    return DAGS.replace("COUNT", str(count))


def attempts(deployment: CeleryDeployment) -> Counter[str]:
    table = tables.attempt
    with deployment.db.read() as conn:
        return Counter(conn.execute(select(table.c.state)).scalars())


def test_a_run_on_a_worker_with_its_log_its_results_and_a_local_task_beside(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    with celery_deployed(
        tmp_path,
        postgres_url,
        redis_server.url,
        dags(30),
        "steps",
        "many",
        "long",
        TRADEWIND__LOGGING__REMOTE_LOGGING="true",
        TRADEWIND__LOGGING__REMOTE_BASE_LOG_FOLDER=f"file://{tmp_path}/storage",
    ) as deployment:
        worker = deployment.worker("one")
        run = deployment.trigger("steps")
        assert deployment.ended(run) == "success"
        assert deployment.note("here") == [21]
        assert deployment.note("ran")[0][1] is None, "user code sees the broker's URL"
        assert "hello from afar" in deployment.lines(run, "first")
        (here,) = deployment.home.glob("logs/dag_id=steps/*/task_id=first/*/*.jsonl")
        there = tmp_path / "storage" / here.relative_to(deployment.home / "logs")
        deployment.until("its log is in the storage", there.exists)
        assert there.read_bytes() == here.read_bytes()
        assert not (worker.home / "dags").exists()
        many = deployment.trigger("many")
        assert deployment.ended(many) == "success"
        starts = Counter(x for x, _, _ in deployment.note("starts"))
        assert starts == dict.fromkeys(range(30), 1)
        engine = create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as conn:
            found = conn.execute(text("SELECT DISTINCT status FROM celery_taskmeta")).scalars()
            assert list(found) == ["SUCCESS"]
        engine.dispose()

        # SIGTERM: what runs ends first.
        slow = deployment.trigger("long")
        deployment.until("it began", lambda: deployment.note("began"))
        worker.process.send_signal(signal.SIGTERM)
        (deployment.notes / "go").touch()
        assert worker.process.wait(60) == 0
        assert deployment.ended(slow) == "success"
        assert len(deployment.note("began")) == 1


def test_a_killed_worker_and_a_frozen_one(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    """Faults 9 and 11: the attempt is lost after its lease and starts elsewhere; late words count
    for nothing."""
    with celery_deployed(tmp_path, postgres_url, redis_server.url, dags(1), "long") as deployment:
        one = deployment.worker("one")
        run = deployment.trigger("long")
        deployment.until("it began", lambda: len(deployment.note("began")) == 1)
        one.signal_all(signal.SIGKILL)
        two = deployment.worker("two")
        deployment.until("it began again", lambda: len(deployment.note("began")) == 2)
        two.signal_all(signal.SIGSTOP)
        deployment.worker("three")
        deployment.until("it began once more", lambda: len(deployment.note("began")) == 3)
        (deployment.notes / "go").touch()
        assert deployment.ended(run) == "success"
        two.signal_all(signal.SIGCONT)
        tries = [try_number for try_number, _ in deployment.note("began")]
        assert tries == [1, 2, 3]
        ti = deployment.state(run, "wait", "success")
        assert ti.try_number == 3
        late = Path(f"/proc/{deployment.note('began')[1][1]}")
        deployment.until("the woken attempt has ended", lambda: not late.exists())
        # It takes the next task, so what it had to say of the last one has been said.
        for worker in (deployment.workers[0], deployment.workers[2]):
            worker.stop()
        assert deployment.ended(deployment.trigger("long")) == "success"
        assert attempts(deployment) == {"done": 2, "lost": 2}
        assert deployment.state(run, "wait", "success").try_number == 3


def test_a_worker_cut_off_from_the_api_server_and_lost_replies(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    """Faults 12, 13, 15 and 16."""
    with (
        celery_deployed(
            tmp_path, postgres_url, redis_server.url, dags(20), "long", "many", "steps"
        ) as deployment,
        FaultProxy(deployment.port) as proxy,
    ):
        worker = deployment.worker("one", server=f"http://127.0.0.1:{proxy.port}")
        # Replies of claims and outcomes get lost: each is asked again, nothing starts twice.
        run = deployment.trigger("many")
        for _ in range(6):
            proxy.cut_at(b"HTTP/1.1 200", in_reply=True, passed=False)
            deployment.until("a reply is lost", _cut_or_over(proxy, deployment, run.run_pk))
        assert deployment.ended(run) == "success"
        starts = Counter(x for x, _, _ in deployment.note("starts"))
        assert starts == dict.fromkeys(range(20), 1)

        # For less than a lease the API server is away: the task goes on, nothing is lost.
        slow = deployment.trigger("long")
        deployment.until("it began", lambda: len(deployment.note("began")) == 1)
        proxy.refuse()
        (deployment.notes / "go").touch()
        deployment.until("it ended", lambda: deployment.note("ended"))
        proxy.heal()
        assert deployment.ended(slow) == "success"
        assert len(deployment.note("began")) == 1

        # For longer: the worker stops it itself, and the next attempt runs when it is back.
        (deployment.notes / "go").unlink()
        gone = deployment.trigger("long")
        deployment.until("it began", lambda: len(deployment.note("began")) == 2)
        pid = deployment.note("began")[1][1]
        proxy.refuse()
        deployment.until("the worker stops it", lambda: not Path(f"/proc/{pid}").exists())
        proxy.heal()
        deployment.until("it began again", lambda: len(deployment.note("began")) == 3)
        (deployment.notes / "go").touch()
        assert deployment.ended(gone) == "success"
        assert worker.process.poll() is None


def _cut_or_over(
    proxy: FaultProxy, deployment: CeleryDeployment, run_pk: int
) -> Callable[[], bool]:
    before = proxy.cuts
    return lambda: proxy.cuts > before or deployment.run(run_pk).state in {"success", "failed"}


def test_a_cleared_task_is_stopped_at_once(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    with celery_deployed(
        tmp_path,
        postgres_url,
        redis_server.url,
        dags(1),
        "long",
        TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_SEC="30",
        TRADEWIND__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT="120",
    ) as deployment:
        deployment.worker("one")
        run = deployment.trigger("long")
        deployment.until("it began", lambda: deployment.note("began"))
        deployment.clear(run, "wait")
        deployment.until("it began again", lambda: len(deployment.note("began")) == 2)
        (deployment.notes / "go").touch()
        assert deployment.ended(run) == "success"
        assert not Path(f"/proc/{deployment.note('began')[0][1]}").exists()


def test_an_api_server_that_is_slow_loses_nothing(
    redis_server: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    """Fault 14: beats take half a lease to be answered, again and again; nobody is lost for it."""
    with (
        celery_deployed(tmp_path, postgres_url, redis_server.url, dags(1), "long") as deployment,
        FaultProxy(deployment.port) as proxy,
    ):
        deployment.worker("one", server=f"http://127.0.0.1:{proxy.port}")
        run = deployment.trigger("long")
        deployment.until("it began", lambda: len(deployment.note("began")) == 1)
        proxy.delay_s = 2.0  # each way; a lease is 8 s
        before = beats(deployment)
        deployment.until("it is heard", lambda: beats(deployment) >= before + 4)
        (deployment.notes / "go").touch()
        assert deployment.ended(run) == "success"
        assert len(deployment.note("began")) == 1
        assert attempts(deployment) == {"done": 1}


def beats(deployment: CeleryDeployment) -> int:
    table = tables.attempt
    with deployment.db.read() as conn:
        return sum(conn.execute(select(table.c.hb_counter)).scalars())


CAMPAIGN_TASKS = int(os.environ.get("TRADEWIND_CELERY_TASKS", "150"))


@pytest.mark.timeout(900)
def test_whatever_happens_each_task_has_one_accepted_outcome(
    postgres_url: str, tmp_path: Path
) -> None:
    """Three workers; the broker is killed and flushed, workers are killed, frozen and cut off."""
    from tests.brokers import open_redis  # noqa: PLC0415  a Redis of its own, to be killed

    with (
        open_redis() as redis,
        celery_deployed(
            tmp_path,
            postgres_url,
            redis.url,
            dags(CAMPAIGN_TASKS),
            "many",
            TRADEWIND__CORE__PARALLELISM="64",
            TRADEWIND__CORE__MAX_MAP_LENGTH=str(max(1024, CAMPAIGN_TASKS)),
        ) as deployment,
        FaultProxy(deployment.port) as proxy,
    ):
        through = f"http://127.0.0.1:{proxy.port}"
        workers = [deployment.worker(name, server=through) for name in ("one", "two", "three")]
        run = deployment.trigger("many")

        def reached(count: int) -> bool:
            return len(deployment.note("starts")) >= count

        part = CAMPAIGN_TASKS // 8
        for number, fault in enumerate(("kill", "flush", "cut", "freeze", "restart", "refuse"), 1):
            deployment.until(f"before {fault}", partial(reached, number * part), 300)
            if fault == "kill":
                workers[0].signal_all(signal.SIGKILL)
                workers[0] = deployment.worker("four", server=through, ready=False)
            elif fault == "flush":
                redis.order("FLUSHALL")
            elif fault == "cut":
                proxy.cut()
            elif fault == "freeze":
                workers[1].signal_all(signal.SIGSTOP)
            elif fault == "restart":
                redis.restart()
            else:
                proxy.refuse()
                proxy.heal()
        assert deployment.ended(run, 600) == "success"
        workers[1].signal_all(signal.SIGCONT)
        started = Counter((x, try_number) for x, try_number, _ in deployment.note("starts"))
        assert set(started.values()) == {1}, "a try was started twice"
        assert {x for x, _ in started} == set(range(CAMPAIGN_TASKS))
        outcomes = attempts(deployment)
        assert outcomes["done"] == CAMPAIGN_TASKS + 1  # and the one that made the list
        assert set(outcomes) <= {"done", "lost"}
