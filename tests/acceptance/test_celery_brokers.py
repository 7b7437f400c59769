"""Whatever a broker does, every ticket reaches a worker: faults 10, 17–22 of a broker's life."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kombu
import pytest
from sqlalchemy import create_engine, inspect, text

from tests.acceptance.celery_world import Town, town
from tests.brokers import Broker, RabbitServer, RedisServer, open_redis
from tests.faultproxy import FaultProxy
from tradewind.executors.base import Gone, Pending

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.brokers,
    pytest.mark.postgres,
    pytest.mark.timeout(180),
]


@pytest.fixture
def redis(redis_server: RedisServer) -> Iterator[RedisServer]:
    """A Redis that the test may kill."""
    with open_redis() as server:
        yield server


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    kind = "redis_server" if request.param == "redis" else "rabbit_server"
    server: Broker = request.getfixturevalue(kind)
    return server


def statuses(url: str) -> dict[str, str]:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    try:
        with engine.connect() as conn:
            if not inspect(conn).has_table("celery_taskmeta"):
                return {}  # made with the first result
            rows = conn.execute(text("SELECT task_id, status FROM celery_taskmeta"))
            return {row.task_id: row.status for row in rows}
    finally:
        engine.dispose()


def cli(scene: Town, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "celery", *words],
        env=scene.env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_tickets_results_cancels_and_questions(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    with town(tmp_path, broker, postgres_url) as scene:
        # Before there is a worker: nothing is lost, and people are told.
        early = scene.submit(3)
        reason = scene.until("a reason", scene.facts)[0]
        assert isinstance(reason, Pending)
        assert f"no Celery worker takes tasks from the queue {scene.queue!r}" in reason.reason

        one = scene.consumer("one")
        scene.until_arrived(early)
        many = scene.submit(60)
        scene.until_arrived(many)
        wanted = dict.fromkeys(early + many, "SUCCESS")
        scene.until("results", lambda: statuses(postgres_url) == wanted)

        one.hold()
        (held,) = scene.submit()
        scene.until_arrived([held])
        scene.executor.cancel([scene.executor_id(held)])
        scene.until("the cancel arrives", lambda: one.lines("cancels") == [held])

        shown = json.loads(cli(scene, "status", "-o", "json").stdout)
        assert [(w["worker"], w["running"], w["slots"], w["queues"]) for w in shown] == [
            ("one@test", 1, 4, scene.queue)
        ]
        active = json.loads(cli(scene, "inspect", "active").stdout)
        assert [task["id"] for task in active["one@test"]] == [held]
        assert "token" not in json.dumps(active)
        assert cli(scene, "inspect", "active", "nobody@test").returncode == 3
        assert cli(scene, "stop", "nobody@test").returncode == 3
        assert cli(scene, "stop", "one@test").returncode == 0
        one.let_go()
        assert one.process.wait(30) == 0
        assert statuses(postgres_url)[held] == "SUCCESS"


def test_what_is_no_ticket_is_dropped_with_one_line(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    with town(tmp_path, broker, postgres_url) as scene:
        one = scene.consumer("one")
        headers = {"task": "tradewind.run", "id": "forged", "lang": "py", "argsrepr": ""}
        pickled = pickle.dumps(("x", {}, {}))
        with kombu.Connection(broker.url) as connection:
            producer = connection.Producer()
            common = {"routing_key": scene.queue, "headers": headers}
            producer.publish(
                pickled,
                content_type="application/x-python-serialize",
                content_encoding="binary",
                **common,
            )
            producer.publish([[], {"attempt_id": "forged"}, {}], serializer="json", **common)
            token = {**headers, "claim_token": ["not", "a", "text"]}
            producer.publish(
                [["ls"], {}, {}], serializer="json", routing_key=scene.queue, headers=token
            )
            producer.publish({"hello": "you"}, serializer="json", routing_key=scene.queue)
            producer.publish(
                [[], {}, {}],
                serializer="json",
                routing_key=scene.queue,
                headers={**headers, "task": "os.system"},
            )
        scene.until_arrived(scene.submit(3))
        assert len(one.lines("tickets")) == 3
        lines = [json.loads(line) for line in one.output().splitlines() if line.startswith("{")]
        complaints = [line for line in lines if line["level"] in {"warning", "error", "critical"}]
        assert len(complaints) == 5, complaints
        assert not [line for line in complaints if "exception" in line]


def test_higher_priorities_first(broker: Broker, postgres_url: str, tmp_path: Path) -> None:
    with town(tmp_path, broker, postgres_url, TRADEWIND__CELERY__WORKER_CONCURRENCY="1") as scene:
        low = scene.submit(3, priority=1)
        high = scene.submit(3, priority=10_000)
        scene.until("all are sent", lambda: scene.depth() == 6)
        one = scene.consumer("one")
        scene.until_arrived(low + high)
        assert set(one.lines("tickets")[:3]) == set(high)


def test_sigterm_lets_what_runs_end_and_gives_back_what_waits(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    with town(tmp_path, broker, postgres_url, TRADEWIND__WORKERS__DRAIN_S="60") as scene:
        one = scene.consumer("one")
        one.hold()
        names = scene.submit(12)
        scene.until("all slots are taken", lambda: len(one.lines("tickets")) == 4)
        one.process.send_signal(signal.SIGTERM)
        two = scene.consumer("two")
        scene.until("the others go elsewhere", lambda: len(set(two.lines("tickets"))) == 8)
        assert one.process.poll() is None
        one.let_go()
        assert one.process.wait(30) == 0
        assert set(one.lines("tickets")) | set(two.lines("tickets")) == set(names)
        scene.until("results", lambda: len(statuses(postgres_url)) == 12)


def test_a_worker_without_its_supervisor_ends_and_says_so(
    redis: RedisServer, postgres_url: str, tmp_path: Path
) -> None:
    with town(tmp_path, redis, postgres_url) as scene:
        one = scene.consumer("one")
        one.hold()
        (name,) = scene.submit()
        scene.until_arrived([name])
        os.kill(one.supervisor_pid, signal.SIGKILL)
        assert one.process.wait(30) == 1
        assert "the supervisor ended" in one.output()

        def told() -> list[Gone]:
            return [f for f in scene.facts() if isinstance(f, Gone)]

        (fact,) = scene.until("the executor is told", told)
        assert (fact.attempt_id, fact.before_start) == (name, False)
        assert "supervisor died" in fact.reason


class TestRedis:
    def test_killed_flushed_and_set_back(
        self, redis: RedisServer, postgres_url: str, tmp_path: Path
    ) -> None:
        with town(tmp_path, redis, postgres_url) as scene:
            one = scene.consumer("one")
            one.hold()
            scene.until_arrived(first := scene.submit(4))  # every slot is taken
            waiting = scene.submit(5)
            scene.until("they wait in the broker", lambda: scene.depth() == 5)
            redis.order("SAVE")
            redis.order("FLUSHALL")
            one.let_go()
            scene.until_arrived(waiting)  # lost with the flush, offered again

            redis.kill()
            during = scene.submit(3)
            scene.until(
                "the executor says why they wait",
                lambda: any("cannot be reached" in f.reason for f in scene.facts()),
            )
            redis.start()  # with the old snapshot: the five messages are there once more
            scene.until_arrived(during)
            scene.until(
                "the old copies come, too",
                lambda: sum(scene.arrived().count(name) for name in waiting) >= 10,
            )
            assert set(scene.arrived()) == {*first, *waiting, *during}

    def test_connections_reset_time_and_again(
        self, redis: RedisServer, postgres_url: str, tmp_path: Path
    ) -> None:
        with (
            FaultProxy(redis.port) as proxy,
            town(tmp_path, redis.url_at(proxy.port), postgres_url) as scene,
        ):
            scene.consumer("one")
            for _ in range(5):
                names = scene.submit(3)
                proxy.cut()
                scene.until_arrived(names)

    def test_a_half_open_connection_is_noticed(
        self, redis: RedisServer, postgres_url: str, tmp_path: Path
    ) -> None:
        """The watchdog's or the broker's own checks: consuming goes on within a minute."""
        with FaultProxy(redis.port) as proxy:
            settings = {
                "TRADEWIND__CELERY__STALL_S": "3",
                "TRADEWIND__CELERY__OPERATION_TIMEOUT": "1",
            }
            with town(tmp_path, redis.url_at(proxy.port), postgres_url, **settings) as scene:
                one = scene.consumer("one")
                proxy.swallow_replies()
                names = scene.submit(3)
                scene.until("the executor knows", lambda: [f for f in scene.facts() if f.reason])
                proxy.heal()
                scene.until_arrived(names)
                assert one.process.poll() is None

    def test_a_publish_whose_answer_is_lost_arrives(
        self, redis: RedisServer, postgres_url: str, tmp_path: Path
    ) -> None:
        with (
            FaultProxy(redis.port) as proxy,
            town(tmp_path, redis.url_at(proxy.port), postgres_url) as scene,
        ):
            scene.until_sent(scene.submit(1))  # a connection is there
            proxy.swallow_replies()
            (name,) = scene.submit()
            scene.until("it is in the broker", lambda: scene.depth(redis.url) == 2)
            scene.until("the courier gives up", scene.trouble)
            proxy.heal()
            one = scene.consumer("one")
            scene.until_arrived([name])
            assert one.lines("tickets").count(name) >= 1


class TestRabbit:
    def test_killed_and_cut(
        self, rabbit_server: RabbitServer, postgres_url: str, tmp_path: Path
    ) -> None:
        with FaultProxy(rabbit_server.port) as proxy:
            url = rabbit_server.url_at(proxy.port)
            with town(tmp_path, url, postgres_url) as scene:
                one = scene.consumer("one")
                for _ in range(3):
                    names = scene.submit(3)
                    proxy.cut()
                    scene.until_arrived(names)
                one.hold()
                scene.until_arrived(scene.submit(4))
                waiting = scene.submit(5)
                rabbit_server.kill()
                during = scene.submit(3)
                one.let_go()
                rabbit_server.start()
                scene.until_arrived(waiting + during)
                assert one.process.poll() is None
