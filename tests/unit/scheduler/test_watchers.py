"""Watchers of assets over the real scheduler and store: who runs them, and what events become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.actions.pause import pause
from tradewind.model.schedule import AssetLeaf, AssetTriggered
from tradewind.model.watcher import WatcherSpec
from tradewind.scheduler.triggers import Watcher
from tradewind.scheduler.watchers import RESTS_S, watcher_id
from tradewind.store import tables
from tradewind.wire.messages import (
    Beat,
    CancelAttempt,
    Claim,
    GetVariable,
    Hello,
    Launch,
    Reply,
    Request,
    RunningAttempt,
    SetXCom,
    ToServer,
    ToWorker,
    TriggerFinish,
    WatcherEvent,
)

WATCHER = WatcherSpec(
    name="w", asset="orders", uri="s3://orders", classpath="my.Watch", kwargs='{"n":1}'
)
SPEC = dag(
    scripted(),
    schedule=AssetTriggered(AssetLeaf(name="orders", uri="s3://orders")),
    watchers=(WATCHER,),
)


def without_triggerer(found: Found) -> Town:
    town = found(SPEC)
    town.cluster.hosts["triggerer"].leave()
    town.after(3)
    return town


class Triggerer:
    """A triggerer that the test plays."""

    def __init__(self, town: Town, name: str) -> None:
        self.town, self.name = town, name
        self.heard: list[ToWorker] = []
        self._seq = 0
        town.cluster.net.far[name] = self.heard.append

    def tell(self, message: ToServer) -> None:
        listener = self.town.cluster.net.listener
        assert listener is not None
        listener.arrive(None, self.name, message)
        self.town.after(0.1)

    def connect(self, *running: RunningAttempt) -> None:
        hello = Hello(kind="triggerer", peer_id=self.name, host="h", pid=1, running=running)
        self.tell(hello)

    def ask(self, make: Callable[[int], ToServer]) -> Reply:
        self._seq += 1
        self.tell(make(self._seq))
        return next(m for m in reversed(self.heard) if isinstance(m, Reply) and m.seq == self._seq)

    def launches(self) -> list[Launch]:
        return [m for m in self.heard if isinstance(m, Launch)]

    def claim(self, nonce: str = "n") -> Launch:
        launch = self.launches()[-1]
        reply = self.ask(
            lambda seq: Claim(
                seq=seq,
                attempt_id=launch.attempt_id,
                nonce=nonce,
                claim_token=launch.claim_token,
                worker=self.name,
            )
        )
        assert reply.error is None
        return launch

    def event(self, launch: Launch, number: int, nonce: str = "n") -> str | None:
        extra = {"from_trigger": True, "payload": number}
        return self.ask(
            lambda seq: WatcherEvent(
                seq=seq,
                attempt_id=launch.attempt_id,
                nonce=nonce,
                number=number,
                extra=extra,
            )
        ).error

    def finish(self, launch: Launch, nonce: str = "n", **result: Any) -> None:
        self.ask(
            lambda seq: TriggerFinish(seq=seq, attempt_id=launch.attempt_id, nonce=nonce, **result)
        )


def connected(town: Town, name: str = "t1") -> Triggerer:
    triggerer = Triggerer(town, name)
    triggerer.connect()
    return triggerer


def events(town: Town) -> list[Any]:
    event, asset = tables.asset_event, tables.asset
    with town.db.read() as conn:
        rows = conn.execute(
            select(event.c.extra, asset.c.name, asset.c.uri)
            .join(asset, asset.c.asset_id == event.c.asset_id)
            .order_by(event.c.event_id)
        )
        return [(row.name, row.uri, row.extra["payload"]) for row in rows]


def runs(town: Town) -> int:
    with town.db.read() as conn:
        return len(conn.execute(select(tables.dag_run.c.run_pk)).all())


def test_each_event_is_an_asset_event_that_starts_a_run(found: Found) -> None:
    town = without_triggerer(found)
    triggerer = connected(town)
    launch = triggerer.claim()
    assert launch.assignment.kind == "watcher"
    call = launch.assignment.trigger
    assert call is not None
    assert (call.classpath, call.kwargs) == ("my.Watch", b'{"n":1}')
    assert triggerer.event(launch, 1) is None
    assert events(town) == [("orders", "s3://orders", 1)]
    assert triggerer.event(launch, 2) is None
    assert len(events(town)) == 2
    assert runs(town) == 2


def test_an_event_that_is_told_again_is_kept_once_though_the_leader_died(found: Found) -> None:
    town = without_triggerer(found)
    triggerer = connected(town)
    launch = triggerer.claim()
    triggerer.event(launch, 1)
    assert triggerer.event(launch, 1) is None
    town.fail_over()
    triggerer.connect(RunningAttempt(launch.attempt_id, "n"))
    assert triggerer.event(launch, 1) is None
    assert triggerer.event(launch, 2) is None
    assert [payload for *_, payload in events(town)] == [1, 2]
    assert len(triggerer.launches()) == 1  # it went on; nobody started another


def test_a_lost_triggerers_watcher_goes_to_another_and_its_late_events_are_refused(
    found: Found,
) -> None:
    town = without_triggerer(found)
    first = connected(town)
    launch = first.claim()
    second = connected(town, "t2")
    assert second.launches() == []  # one at a time
    for _ in range(5):
        town.after(5)  # the first says nothing
        second.ask(lambda seq: Beat(seq=seq, attempts=()))
    again = second.claim("m")
    assert again.attempt_id == launch.attempt_id
    assert first.event(launch, 1) == "fenced"
    assert second.event(again, 1, "m") is None
    assert len(events(town)) == 1


def test_a_watcher_runs_only_while_a_dag_waits_for_its_asset(found: Found) -> None:
    town = without_triggerer(found)
    triggerer = connected(town)
    launch = triggerer.claim()
    pause(town.db, town.cluster.signal, town.cluster.clock, "d", paused=True)
    town.after(1)
    assert [m.attempt_id for m in triggerer.heard if isinstance(m, CancelAttempt)] == [
        launch.attempt_id
    ]
    assert triggerer.event(launch, 1) == "fenced"
    pause(town.db, town.cluster.signal, town.cluster.clock, "d", paused=False)
    town.after(1)
    assert triggerer.event(triggerer.claim("m"), 1, "m") is None


def test_a_watcher_that_ends_is_started_again(
    found: Found, caplog: pytest.LogCaptureFixture
) -> None:
    town = without_triggerer(found)
    triggerer = connected(town)
    triggerer.finish(triggerer.claim(), payload=b"null")
    assert len(triggerer.launches()) == 2  # it had events: at once
    triggerer.finish(triggerer.claim("m"), "m", error="Traceback …\nValueError: no broker")
    assert "watcher 'w' of asset 'orders' failed" in caplog.text
    assert "ValueError: no broker" in caplog.text
    assert len(triggerer.launches()) == 2
    town.after(RESTS_S - 5)
    triggerer.ask(lambda seq: Beat(seq=seq, attempts=()))
    assert len(triggerer.launches()) == 2
    town.after(6)
    triggerer.ask(lambda seq: Beat(seq=seq, attempts=()))
    town.after(6)
    assert len(triggerer.launches()) == 3


def test_its_code_may_read_variables_but_is_no_task(found: Found) -> None:
    town = without_triggerer(found)
    triggerer = connected(town)
    launch = triggerer.claim()

    def ask(call: GetVariable | SetXCom) -> str | None:
        return triggerer.ask(
            lambda seq: Request(seq=seq, attempt_id=launch.attempt_id, nonce="n", call=call)
        ).error

    assert ask(GetVariable("none")) == "not_found"
    assert ask(SetXCom(key="k", value=b"1")) == "invalid"


def test_dags_share_a_watcher_and_new_code_starts_it_anew() -> None:
    one = Watcher(spec=WATCHER, dag_id="a", dag_file="a.py", source_hash="s", tree_hash="")
    other = Watcher(spec=WATCHER, dag_id="b", dag_file="a.py", source_hash="s", tree_hash="")
    edited = Watcher(spec=WATCHER, dag_id="a", dag_file="a.py", source_hash="t", tree_hash="")
    assert watcher_id(one) == watcher_id(other) != watcher_id(edited)
