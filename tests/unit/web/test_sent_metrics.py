"""Metrics that are sent: StatsD's lines, OpenTelemetry's points, and which server sends them."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from tests.conformance.store_world import a_run
from tests.unit.actions.catalog import NOW
from tests.unit.web.history import History
from tests.unit.web.world import World
from tradewind.config.metrics import Metrics
from tradewind.model.state import TaskState
from tradewind.store import components, leases
from tradewind.store.connect import Database
from tradewind.web.metrics.exposition import Family, Sample
from tradewind.web.metrics.names import Choice
from tradewind.web.metrics.otel import OtelSender
from tradewind.web.metrics.pushing import LAPSED_INTERVALS, LEASE, Pusher, pushing
from tradewind.web.metrics.readings import readings
from tradewind.web.metrics.statsd import StatsdSender
from tradewind.web.site import Site


@pytest.fixture
def site(world: World) -> Site:
    return site_of(world)


def site_of(world: World) -> Site:
    return Site(world.config, world.db, None, world.clock, {})  # type: ignore[arg-type]


def happen(past: History) -> None:
    """Let one task succeed and one fail, in a run of their own."""
    components.register(past.world.db, "scheduler", NOW - timedelta(seconds=5))
    run = past.leader.start_run(a_run("r2", "etl", version_id=past.runs["etl"].version_id))
    past.leader.run_once(run, "a")
    failing = past.leader.claim(past.leader.queue(past.leader.create(run, "b")))
    past.leader.finish(failing, TaskState.FAILED)


def looked(site: Site, past: History) -> list[Family]:
    """Return what was found after something happened."""
    tally = site.new_tally()
    readings(site, tally)
    happen(past)
    return readings(site, tally)


# ---- StatsD ---------------------------------------------------------------------------------


def test_statsd_has_airflows_names_with_labels_in_them(site: Site, past: History) -> None:
    lines = set(StatsdSender(Metrics()).lines(looked(site, past)))
    assert {
        "airflow.ti.start.etl.a:1|c",
        "airflow.ti.finish.etl.a.success:1|c",
        "airflow.ti.finish.etl.b.failed:1|c",
        "airflow.ti_successes:1|c",
        "airflow.ti_failures:1|c",
        "airflow.operator_successes_PythonOperator:1|c",
        "airflow.operator_failures_BashOperator:1|c",
        "airflow.dag.etl.a.duration:0|ms",
        "airflow.dag.etl.b.queued_duration:0|ms",
        "airflow.dagrun.schedule_delay.etl:0|ms",
        "airflow.scheduler_heartbeat:1|c",
        "airflow.pool.open_slots.default_pool:128|g",
        "airflow.executor.running_tasks.LocalExecutor:0|g",
        "airflow.dagbag_size:2|g",
        "airflow.scheduler.dagruns.running:3|g",
    } <= lines
    assert not any("quantile" in line or "_sum" in line for line in lines)


def test_a_count_is_told_once(site: Site, past: History) -> None:
    sender, tally = StatsdSender(Metrics(allow="ti_")), site.new_tally()
    assert list(sender.lines(readings(site, tally))) == []
    happen(past)
    found = readings(site, tally)
    assert list(sender.lines(found)) == ["airflow.ti_successes:1|c", "airflow.ti_failures:1|c"]
    assert list(sender.lines(readings(site, tally))) == []
    past.leader.run_once(past.runs["etl"], "m", 7)
    assert list(sender.lines(readings(site, tally))) == ["airflow.ti_successes:1|c"]


def test_datadog_gets_tags_in_place_of_names(site: Site, past: History) -> None:
    settings = Metrics(
        statsd_prefix="tw", statsd_datadog_enabled=True, statsd_datadog_tags="env:test, team:a"
    )
    lines = set(StatsdSender(settings).lines(looked(site, past)))
    assert "tw.ti.start:1|c|#dag_id:etl,task_id:a,env:test,team:a" in lines
    assert "tw.task.duration:0|ms|#dag_id:etl,task_id:b,env:test,team:a" in lines
    assert "tw.scheduler_heartbeat:1|c|#env:test,team:a" in lines


def test_labels_cannot_end_a_name() -> None:
    odd = Family("airflow_ti_start", "counter", "", (Sample(1, {"dag_id": "a:b|c\n", "t": "é"}),))
    assert list(StatsdSender(Metrics()).lines([odd])) == ["airflow.ti.start.a:b_c_._:1|c"]


@pytest.mark.parametrize(
    ("allow", "block", "taken"),
    [
        ("", "", ["ti.start", "ti_failures", "pool.open_slots"]),
        ("ti", "", ["ti.start", "ti_failures"]),
        (r"ti\., pool", "", ["ti.start", "pool.open_slots"]),
        ("", "ti", ["pool.open_slots"]),
        ("ti", r"ti\.", ["ti_failures"]),
    ],
)
def test_names_are_allowed_and_blocked(allow: str, block: str, taken: list[str]) -> None:
    names = ["ti.start", "ti_failures", "pool.open_slots"]
    assert [name for name in names if Choice(allow, block).takes(name)] == taken


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind(("127.0.0.1", 0))
        bound.settimeout(20)
        yield bound


def received(server: socket.socket, line: bytes) -> int:
    """Return how many datagrams came until one had a line."""
    count = 0
    while True:
        count += 1
        datagram = server.recv(65536)
        assert len(datagram) <= 1400
        if line in datagram.split(b"\n"):
            return count


def test_lines_travel_together(server: socket.socket) -> None:
    many = tuple(Sample(n, {"dag_id": f"dag_{n:04}"}) for n in range(1, 101))
    sender = StatsdSender(Metrics(statsd_host="127.0.0.1", statsd_port=server.getsockname()[1]))
    sender.send([Family("airflow_ti_running", "gauge", "", many)])
    assert received(server, b"airflow.ti.running.dag_0100:100|g") == 3


def test_an_unknown_host_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    StatsdSender(Metrics(statsd_host="no.such.host.invalid")).send([])
    assert "metrics.statsd_host" in caplog.text


# ---- OpenTelemetry --------------------------------------------------------------------------


def points(reader: InMemoryMetricReader) -> dict[str, list[Any]]:
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: list(metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_opentelemetry_has_airflows_names_with_attributes(site: Site, past: History) -> None:
    reader = InMemoryMetricReader()
    sender = OtelSender(Metrics(block="dag_processing"), reader)
    sender.send(looked(site, past))
    found = points(reader)
    started = {p.attributes["task_id"]: p.value for p in found["airflow.ti.start"]}
    assert started == {"a": 1, "b": 1}
    (pool,) = found["airflow.pool.open_slots"]
    assert (pool.attributes, pool.value) == ({"pool": "default_pool"}, 128)
    assert {p.count for p in found["airflow.task.duration"]} == {1}
    assert [p.value for p in found["airflow.scheduler_heartbeat"]] == [1]
    assert not any(name.startswith("airflow.dag_processing") for name in found)
    sender.close()


def test_opentelemetry_is_sent_over_http() -> None:
    asked: list[tuple[str, bytes]] = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        port = collector.server_address[1]
        sender = OtelSender(Metrics(otel_host="127.0.0.1", otel_port=port, otel_service="here"))
        sender.send([Family("airflow_dagbag_size", "gauge", "DAGs.", (Sample(3),))])
        sender.close()
        collector.shutdown()
        thread.join()
    path, body = asked[0]
    assert path == "/v1/metrics"
    assert b"airflow.dagbag_size" in body
    assert b"here" in body


# ---- which server ---------------------------------------------------------------------------


class Kept:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.statsd = StatsdSender(Metrics(allow="ti_"))
        self.lines: list[str] = []

    def send(self, families: Any) -> None:
        self.lines += self.statsd.lines(families)

    def forget(self) -> None:
        self.statsd.forget()

    def close(self) -> None:
        self.lines.append("closed")


def test_one_server_sends_and_another_when_it_is_gone(world: World, past: History) -> None:
    kept = [Kept(), Kept()]
    first, second = (Pusher(site_of(world), [k], f"server{n}") for n, k in enumerate(kept))
    assert first.step()
    assert not second.step()
    happen(past)
    assert first.step()
    assert kept[0].lines == ["airflow.ti_successes:1|c", "airflow.ti_failures:1|c"]
    assert not second.step()
    world.clock.at += timedelta(seconds=world.config.metrics.interval_s * LAPSED_INTERVALS)
    assert second.step()
    assert not first.step()
    past.leader.run_once(past.runs["etl"], "m", 7)
    assert second.step()
    # What one has sent the other does not send again.
    assert kept[1].lines == ["airflow.ti_successes:1|c"]
    second.close()
    assert first.step()
    assert kept[0].lines == ["airflow.ti_successes:1|c", "airflow.ti_failures:1|c"]


def test_a_server_that_sends_nothing_has_no_lease(world: World, past: History) -> None:
    with pushing(site_of(world), "me"):
        assert leases.read(world.db, LEASE) is None


def test_metrics_are_sent_while_the_server_runs(
    lite: Database, tmp_path: Path, server: socket.socket
) -> None:
    world = World(
        lite,
        tmp_path,
        metrics__statsd_on="true",
        metrics__statsd_host="127.0.0.1",
        metrics__statsd_port=str(server.getsockname()[1]),
        metrics__interval="0.1",
    )
    with pushing(site_of(world), "me"):
        received(server, b"airflow.dagbag_size:0|g")
    lease = leases.read(lite, LEASE)
    assert lease is not None
    assert lease.holder == ""
