"""Faults of a broker's network that both brokers must stand: half-open connections, lost answers,
copies, messages that nobody acknowledges, and workers that grow and shrink."""

from __future__ import annotations

import json
from pathlib import Path

import kombu
import pytest
from sqlalchemy import make_url

from tests.acceptance.celery_world import Town, town
from tests.acceptance.test_celery_brokers import cli
from tests.brokers import Broker, open_rabbit
from tests.faultproxy import FaultProxy

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.brokers,
    pytest.mark.postgres,
    pytest.mark.timeout(240),
]

IMPATIENT = {
    "TRADEWIND__CELERY__STALL_S": "3",
    "TRADEWIND__CELERY__OPERATION_TIMEOUT": "1",
}


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request: pytest.FixtureRequest) -> Broker:
    kind = "redis_server" if request.param == "redis" else "rabbit_server"
    server: Broker = request.getfixturevalue(kind)
    return server


@pytest.mark.parametrize("deaf", ["broker", "workers"])
def test_a_partition_is_noticed_and_everything_goes_on_after_it(
    broker: Broker, postgres_url: str, tmp_path: Path, deaf: str
) -> None:
    """Nothing is reset: bytes of one direction vanish, as behind a firewall that forgot."""
    with (
        FaultProxy(broker.port) as proxy,
        town(tmp_path, broker.url_at(proxy.port), postgres_url, **IMPATIENT) as scene,
    ):
        one = scene.consumer("one")
        scene.until_arrived(scene.submit(2))
        (proxy.swallow_requests if deaf == "broker" else proxy.swallow_replies)()
        names = scene.submit(3)
        scene.until("the executor knows", scene.trouble)
        assert scene.executor.troubles()
        proxy.heal()
        scene.until_arrived(names)
        scene.until("the executor is well", lambda: not scene.executor.troubles())
        scene.until_arrived(scene.submit(2))
        assert one.process.poll() is None


def test_a_result_backend_that_cannot_be_reached_keeps_nobody_from_working(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    """Results are evidence: as many tasks run as if they were written."""
    port = make_url(postgres_url).port or 5432
    with FaultProxy(port) as proxy:
        away = make_url(postgres_url).set(host="127.0.0.1", port=proxy.port)
        backend = "db+" + away.render_as_string(hide_password=False)
        settings = {"TRADEWIND__CELERY__RESULT_BACKEND": backend}
        with town(tmp_path, broker, postgres_url, **settings) as scene:
            scene.consumer("one")
            scene.until_arrived(scene.submit(2))
            proxy.swallow_requests()  # a connection that hangs is worse than one that is refused
            scene.until_arrived(scene.submit(30))
            proxy.heal()


def test_a_publish_whose_answer_is_lost_arrives(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    with (
        FaultProxy(broker.port) as proxy,
        town(tmp_path, broker.url_at(proxy.port), postgres_url) as scene,
    ):
        names = scene.submit(1)
        scene.until_sent(names)  # a connection is there, though the answer may be on its way
        proxy.swallow_replies()
        names += scene.submit(1)
        scene.until("the courier gives up", scene.trouble)
        assert scene.depth(broker.url) in {1, 2}
        proxy.heal()
        scene.consumer("one")
        scene.until_arrived(names)


def test_copies_reach_one_supervisor_once_while_they_run(
    broker: Broker, postgres_url: str, tmp_path: Path
) -> None:
    with town(tmp_path, broker, postgres_url) as scene:
        one = scene.consumer("one")
        one.hold()
        (name,) = scene.submit()
        scene.until_arrived([name])
        for _ in range(5):
            copies(scene, name)
        later = scene.submit(2)
        scene.until_arrived(later)
        assert one.lines("tickets").count(name) == 1
        one.let_go()


def copies(scene: Town, name: str) -> None:
    """Let the broker deliver a message once more."""
    headers = {
        "task": "tradewind.run",
        "id": name,
        "lang": "py",
        "claim_token": f"token-of-{name}",
        "argsrepr": "",
    }
    with kombu.Connection(scene.config.celery.broker_url) as connection:
        connection.Producer().publish(
            [[], {}, {}], serializer="json", routing_key=scene.queue, headers=headers
        )


def test_rabbitmqs_consumer_timeout_does_not_matter(postgres_url: str, tmp_path: Path) -> None:
    """Who leaves a message unacknowledged loses its channel; what waits for a slot goes back."""
    with (
        open_rabbit(consumer_timeout_ms=12_000) as rabbit,
        town(tmp_path, rabbit, postgres_url, **IMPATIENT) as scene,
    ):
        one = scene.consumer("one")
        one.hold()
        running = scene.submit(4)
        scene.until_arrived(running)  # every slot is taken
        waiting = scene.submit(3)
        late_acknowledgement_is_punished(rabbit.url)
        assert scene.depth() >= 3, "the broker has what waits, for whoever is free"
        two = scene.consumer("two")
        scene.until_arrived(waiting)
        assert set(two.lines("tickets")) >= set(waiting)
        two.hold()
        one.let_go()  # the first takes tickets again, more than the other has slots for
        scene.until_arrived(scene.submit(8))
        assert len(one.lines("tickets")) > len(running)
        assert "PRECONDITION" not in one.output()
        assert one.process.poll() is None


def late_acknowledgement_is_punished(url: str) -> None:
    """Take a message and do not acknowledge it, until RabbitMQ closes the channel for it."""
    with kombu.Connection(url) as connection:
        queue = kombu.Queue("late", exclusive=True, auto_delete=True)
        connection.Producer().publish("x", routing_key="late", declare=[queue])
        with connection.Consumer(queue, callbacks=[lambda body, message: None]):
            connection.drain_events(timeout=60)  # the message comes
            with pytest.raises(connection.channel_errors, match="PRECONDITION_FAILED"):
                connection.drain_events(timeout=60)


def test_a_worker_grows_and_shrinks(broker: Broker, postgres_url: str, tmp_path: Path) -> None:
    settings = {"TRADEWIND__CELERY__WORKER_AUTOSCALE": "6,2", "AUTOSCALE_KEEPALIVE": "1"}
    with town(tmp_path, broker, postgres_url, **settings) as scene:
        one = scene.consumer("one")
        one.hold()

        def slots() -> int:
            found: int = json.loads(cli(scene, "status", "-o", "json").stdout)[0]["slots"]
            return found

        assert slots() == 2
        names = scene.submit(10)
        scene.until("it grows", lambda: slots() == 6)
        one.let_go()
        scene.until_arrived(names)
        scene.until("it shrinks", lambda: slots() == 2)
        one.hold()
        scene.submit(10)
        scene.until("it grows again", lambda: slots() == 6)
