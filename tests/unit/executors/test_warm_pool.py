"""What a warm pool decides, without a cluster and without connections."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tradewind.executors.base import Gone
from tradewind.executors.kubernetes.ledger import Keep, Ledger
from tradewind.executors.kubernetes.naming import ATTEMPT, WARM, pod_name
from tradewind.executors.kubernetes.outbox import Doing, Order, Outbox, Place
from tradewind.executors.kubernetes.podspec import Rejected, Shape
from tradewind.executors.kubernetes.policy import Allowed
from tradewind.executors.kubernetes.warm.leasing import Leasing
from tradewind.executors.kubernetes.warm.orders import Call, HangUp, Make, MakeSecret, Say
from tradewind.executors.kubernetes.warm.pods import ADDRESS, WarmPods
from tradewind.executors.kubernetes.warm.stock import Stock, Warmth
from tradewind.executors.kubernetes.warm.waiting import Waiting
from tradewind.kube.pods import Pod
from tradewind.kube.template import built_in
from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Assignment, CancelAttempt, Launch, RunInfo
from tradewind.wire.remote import NOT_OURS, Ticket, TicketDone
from tradewind.wire.warm import Hold, Standing, TurnedDown

SHAPE = Shape(
    template=built_in(),
    group="test",
    namespace="tasks",
    allowed=Allowed(namespaces=("tasks", "more")),
    image="tradewind:1",
    command=("work", "{ticket}"),
    warm_command=("door", f"$({ADDRESS})", "{key}"),
)
SECRET = b"s" * 32


def _launch(name: str, dag_file: str = "a.py", priority: int = 1) -> Launch:
    run = RunInfo(
        dag_id="a", run_id="r", run_type="manual", run_after=datetime(2026, 1, 1, tzinfo=UTC)
    )
    attempt_id = AttemptId(name)
    assignment = Assignment(
        attempt_id=attempt_id,
        fence=3,
        try_number=1,
        max_tries=0,
        dag_file=dag_file,
        source_hash="0",
        task_id="t",
        run=run,
    )
    return Launch(
        attempt_id=attempt_id,
        claim_token=f"token-{name}",
        assignment=assignment,
        executor="KubernetesExecutor",
        priority=priority,
    )


class World:
    """A pool whose pods and connections are played by the test."""

    def __init__(self, size: int = 2, keep: Keep | None = None, **warmth: Any) -> None:
        numbers = itertools.count(1)
        self.outbox = Outbox()
        self.warmth = Warmth(size=size, **warmth)
        self.stock = Stock(
            self.warmth,
            keep or Keep(failed=False),
            "tasks",
            "now",
            lambda: f"warm-{next(numbers)}",
            self.outbox,
        )
        self.waiting = Waiting(self.warmth.wait_s)
        self.leasing = Leasing(self.stock, self.waiting, self.outbox)

    def look(self, now: float = 0.0, *believed: str) -> None:
        self.leasing.believe({AttemptId(name) for name in believed})
        self.stock.look(now)

    def orders(self) -> list[Any]:
        found, self.stock.orders = self.stock.orders, []
        return found

    def pod(self, name: str, phase: str = "Running", print_: str = "now", **more: Any) -> Pod:
        document = {
            "metadata": {
                "name": name,
                "namespace": "tasks",
                "uid": f"uid-{name}",
                "labels": {WARM: print_},
            },
            "status": {"phase": phase, "podIP": "10.0.0.1", **more},
        }
        return msgspec.convert(document, Pod)

    def runs(self, name: str, now: float = 0.0, **standing: Any) -> None:
        self.stock.seen(self.pod(name), now)
        self.stands(name, now, **standing)

    def stands(self, name: str, now: float = 0.0, **standing: Any) -> None:
        told = {"running": None, "served": 0, "age_s": 0.0, **standing}
        self.leasing.heard(name, Standing(**told), now)

    def ended(self, name: str, code: int, reason: str = "Error", now: float = 1.0) -> None:
        phase = "Succeeded" if code == 0 else "Failed"
        state = {"terminated": {"exitCode": code, "reason": reason}}
        statuses = [{"name": "base", "state": state}]
        self.stock.seen(self.pod(name, phase, containerStatuses=statuses), now)

    def tickets(self) -> dict[str, str]:
        """Return who was told to run what, among the orders that are taken now."""
        return {
            order.name: order.message.attempt_id
            for order in self.orders()
            if isinstance(order, Say) and isinstance(order.message, Ticket)
        }

    def deleted(self) -> list[str]:
        orders = self.outbox.take_orders()
        return [order.place.name for order in orders if order.doing is Doing.DELETE]


def _ready(size: int = 2, **warmth: Any) -> World:
    world = World(size, **warmth)
    world.look()
    for name in [order.name for order in world.orders()]:
        world.runs(name)
    world.orders()
    return world


# ---- pods -----------------------------------------------------------------------------------


def test_so_many_pods_are_made_as_are_wanted_and_called_when_they_run() -> None:
    world = World(2)
    world.look()
    world.look()
    assert world.orders() == [Make("warm-1"), Make("warm-2")]
    world.stock.seen(world.pod("warm-1", "Pending"), 0.0)
    assert world.orders() == []
    world.stock.seen(world.pod("warm-1"), 0.0)
    assert world.orders() == [Call("warm-1", "10.0.0.1")]


def test_no_pods_are_made_or_replaced_by_whoever_has_not_looked_for_long() -> None:
    world = _ready(1)
    world.stands("warm-1", 100.0, served=100)
    assert world.deleted() == []
    world.stock.removed(world.pod("warm-1"), 100.0)
    assert world.orders() == [HangUp("warm-1")]
    world.look(100.0)
    assert world.orders() == [Make("warm-2")]


def test_whoever_takes_over_uses_the_pods_that_are_there() -> None:
    world = World(2)
    world.stock.listed("tasks", [world.pod("warm-x"), world.pod("warm-y")], 0, 0.0)
    orders = world.orders()
    assert MakeSecret("warm-x", "uid-warm-x") in orders, "the other may have died before it did"
    assert Call("warm-y", "10.0.0.1") in orders
    world.stands("warm-x", running=AttemptId("one"))
    world.stands("warm-y")
    world.look(0.0, "one")
    assert world.orders() == [], "there are two, so none is made"
    world.leasing.want(_launch("one"), 0.0)
    assert world.tickets() == {}, "it is in warm-x already"
    world.ended("warm-x", 137)
    (explain,) = world.outbox.take_orders()
    assert (explain.doing, explain.attempt_id) == (Doing.EXPLAIN, "one")


@pytest.mark.parametrize(
    "standing", [{"served": 100}, {"age_s": 3600.0}], ids=["so many tasks", "so old"]
)
def test_a_worn_pod_is_replaced_when_it_is_free(standing: dict[str, Any]) -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    world.stands("warm-1", running=AttemptId("one"), **standing)
    assert world.deleted() == []
    world.orders()
    world.leasing.heard("warm-1", TicketDone(attempt_id=AttemptId("one"), how=""), 1.0)
    assert world.deleted() == ["warm-1"]
    assert world.orders() == [Make("warm-2")]


def test_pods_of_other_settings_and_pods_too_many_go_when_they_are_free() -> None:
    world = World(1)
    old = world.pod("warm-old", print_="before")
    world.stock.listed("tasks", [old, world.pod("warm-a"), world.pod("warm-b")], 0, 0.0)
    world.look()
    world.stands("warm-old", running=AttemptId("one"))
    world.stands("warm-a")
    assert world.deleted() == ["warm-a"], "one is enough"
    world.stands("warm-b")
    world.leasing.heard("warm-old", TicketDone(attempt_id=AttemptId("one"), how=""), 1.0)
    assert world.deleted() == ["warm-old"]


def test_pods_that_cannot_be_used_are_made_again_at_growing_intervals_and_it_is_told() -> None:
    world = World(1)
    world.look(0.0)
    (made,) = world.orders()
    pauses = []
    now = 0.0
    for _ in range(4):
        world.stock.seen(world.pod(made.name), now)
        world.ended(made.name, 1, now=now)
        assert "ended before it was used" in world.stock.trouble
        failed_at = now
        while not (orders := [o for o in world.orders() if isinstance(o, Make)]):
            now += 1.0
            world.look(now)
        (made,) = orders
        pauses.append(now - failed_at)
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]
    world.runs(made.name, now)
    assert world.stock.trouble == ""


def test_a_pod_that_does_not_start_is_given_up() -> None:
    world = World(1, Keep(pending_timeout_s=10))
    world.look(0.0)
    waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}
    statuses = [{"name": "base", "state": waiting}]
    world.stock.seen(world.pod("warm-1", "Pending", containerStatuses=statuses), 0.0)
    world.look(9.0)
    assert world.deleted() == []
    world.look(10.0)
    assert world.deleted() == ["warm-1"]
    assert "no such image" in world.stock.trouble


def test_a_list_from_before_a_pod_was_made_says_nothing_of_it() -> None:
    world = World(1)
    world.look()
    world.stock.created("warm-1", "uid-warm-1", 5)
    world.stock.listed("tasks", [], 4, 0.0)
    assert "warm-1" in world.stock.members
    world.stock.listed("more", [], 6, 0.0)
    assert "warm-1" in world.stock.members
    world.stock.listed("tasks", [], 5, 0.0)
    assert "warm-1" not in world.stock.members


# ---- attempts -------------------------------------------------------------------------------


def test_an_attempt_gets_a_free_pod_and_the_next_waits_by_priority() -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    assert world.tickets() == {"warm-1": "one"}
    world.leasing.want(_launch("later"), 0.0)
    world.leasing.want(_launch("urgent", priority=9), 0.0)
    world.leasing.want(_launch("urgent", priority=9), 0.0)
    assert world.tickets() == {}
    given: list[str] = []
    for done in ("one", "urgent"):
        message = TicketDone(attempt_id=AttemptId(done), how="")
        world.leasing.heard("warm-1", message, 1.0)
        given += world.tickets().values()
    assert given == ["urgent", "later"]


def test_a_pod_that_has_imported_the_file_is_preferred() -> None:
    world = _ready(2)
    world.leasing.want(_launch("one", "a.py"), 0.0)
    ((first, _),) = world.tickets().items()
    world.leasing.heard(first, TicketDone(attempt_id=AttemptId("one"), how=""), 0.0)
    for name in ("two", "three"):
        world.leasing.want(_launch(name, "a.py"), 0.0)
        ((pod, _),) = world.tickets().items()
        assert pod == first
        world.leasing.heard(pod, TicketDone(attempt_id=AttemptId(name), how=""), 0.0)


def test_who_has_waited_long_enough_is_let_go_and_gets_a_pod_of_its_own() -> None:
    world = _ready(1, wait_s=5.0)
    for number, name in enumerate(("one", "two", "three")):
        world.leasing.want(_launch(name), float(number))
    assert world.waiting.next_due() == 6.0
    assert [launch.attempt_id for launch in world.waiting.overdue(6.0)] == ["two"]
    assert AttemptId("two") not in world.leasing
    assert world.waiting.next_due() == 7.0


def test_a_ticket_that_was_lost_on_its_way_is_given_again() -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    assert world.tickets() == {"warm-1": "one"}
    world.leasing.cut_off("warm-1")
    world.leasing.want(_launch("one"), 1.0)
    world.leasing.want(_launch("two"), 1.0)
    assert world.tickets() == {}, "a broken connection is no evidence"
    world.stands("warm-1", 2.0)
    assert world.tickets() == {"warm-1": "one"}
    world.leasing.cut_off("warm-1")
    world.stands("warm-1", 3.0, running=AttemptId("one"))
    assert world.tickets() == {}, "it arrived"


def test_a_ticket_that_is_turned_down_goes_elsewhere_once_the_pod_has_said_how_it_stands() -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    world.orders()
    message = TurnedDown(attempt_id=AttemptId("one"), why="the pod is busy")
    world.leasing.heard("warm-1", message, 1.0)
    assert world.orders() == [Say("warm-1", Hold())], "not asked again and again"
    world.stands("warm-1", 1.0, running=AttemptId("another"))
    assert world.tickets() == {}
    world.leasing.heard("warm-1", TicketDone(attempt_id=AttemptId("another"), how=""), 2.0)
    assert world.tickets() == {"warm-1": "one"}


def test_a_pod_that_ends_takes_nothing() -> None:
    world = _ready(1)
    world.stands("warm-1", ending=True)
    world.leasing.want(_launch("one"), 0.0)
    assert world.tickets() == {}


@pytest.mark.parametrize("how", ["ended", "removed", "not listed"])
def test_an_attempt_is_gone_with_its_pod(how: str) -> None:
    world = _ready(1)
    launch = _launch("one")
    world.leasing.want(launch, 0.0)
    if how == "ended":
        world.ended("warm-1", 137, "OOMKilled")
        (order,) = world.outbox.take_orders()
        assert order.launch == launch, "its log is told, which the pod does not name"
        assert isinstance(order, Order)
        assert "OOMKilled" in (order.verdict.reason if order.verdict else "")
        return
    if how == "removed":
        world.stock.removed(world.pod("warm-1"), 1.0)
    else:
        world.stock.listed("tasks", [], 99, 1.0)
    (gone,) = world.outbox.take_facts()
    assert isinstance(gone, Gone)
    assert (gone.attempt_id, gone.before_start) == ("one", False)
    assert "node was lost" in gone.reason


def test_who_is_cancelled_is_dropped_or_stopped_and_told_once_it_is_over() -> None:
    world = _ready(1)
    for name in ("one", "two"):
        world.leasing.want(_launch(name), 0.0)
    world.orders()
    world.leasing.cancel(AttemptId("two"))
    (gone,) = world.outbox.take_facts()
    assert gone.attempt_id == "two"
    world.leasing.cancel(AttemptId("one"))
    (say,) = world.orders()
    assert isinstance(say.message, CancelAttempt)
    assert world.outbox.take_facts() == []
    world.leasing.heard("warm-1", TicketDone(attempt_id=AttemptId("one"), how=""), 1.0)
    (gone,) = world.outbox.take_facts()
    assert gone.attempt_id == "one"


def test_a_pod_that_cannot_be_told_to_stop_is_deleted() -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    world.leasing.cut_off("warm-1")
    world.leasing.cancel(AttemptId("one"))
    assert world.deleted() == ["warm-1"]


def test_an_attempt_that_nobody_believes_in_is_stopped_then_its_pod_is_deleted() -> None:
    world = _ready(1)
    world.leasing.want(_launch("one"), 0.0)
    world.leasing.want(_launch("waits"), 0.0)
    world.orders()
    world.look(1.0)
    assert AttemptId("waits") not in world.leasing
    assert world.orders() == []
    world.look(2.0)
    (say,) = world.orders()
    assert isinstance(say.message, CancelAttempt)
    for now in range(3, 20):
        world.look(float(now))
    assert world.deleted() == ["warm-1"]


def test_the_end_of_a_worker_that_was_refused_the_attempt_is_not_the_attempts() -> None:
    ledger = Ledger(Keep())
    attempt_id = AttemptId("one")
    place = Place("tasks", pod_name(attempt_id))
    ledger.want(attempt_id, place)
    ledger.created(attempt_id, place, "u1", 0.0)
    state = {"terminated": {"exitCode": NOT_OURS, "reason": "Error"}}
    document = {
        "metadata": {
            "name": place.name,
            "namespace": "tasks",
            "uid": "u1",
            "annotations": {ATTEMPT: "one"},
        },
        "status": {"phase": "Failed", "containerStatuses": [{"name": "base", "state": state}]},
    }
    ledger.seen(msgspec.convert(document, Pod), 1.0)
    assert ledger.outbox.take_facts() == []
    assert [order.doing for order in ledger.outbox.take_orders()] == [Doing.DELETE]


# ---- what pods are like -----------------------------------------------------------------------


def test_an_attempt_matches_when_its_pod_would_be_the_same() -> None:
    pods = WarmPods(SHAPE, SECRET)
    assert pods.match(None)
    assert pods.match({"metadata": {"namespace": "tasks"}})
    assert not pods.match({"metadata": {"labels": {"team": "a"}}})
    assert not pods.match({"metadata": {"namespace": "more"}})
    assert not pods.match({"spec": {"containers": [{"name": "base", "image": "other"}]}})
    with pytest.raises(Rejected, match="hostNetwork"):
        pods.match({"spec": {"hostNetwork": True}})


def test_a_warm_pods_key_is_in_its_secret_alone_and_its_own() -> None:
    pods = WarmPods(SHAPE, SECRET)
    pod = pods.make("warm-1")
    secret = pods.make_secret(pod, "u1")
    assert secret["data"]["key"] not in str(pod)
    assert secret["metadata"]["ownerReferences"][0]["uid"] == "u1"
    assert pods.key("warm-1") != pods.key("warm-2")
    assert pods.key("warm-1") != WarmPods(SHAPE, b"x" * 32).key("warm-1")
    assert ATTEMPT not in pod["metadata"]["labels"]


def test_pods_of_other_settings_or_under_another_secret_are_told_apart() -> None:
    found = {
        WarmPods(shape, secret).fingerprint
        for shape, secret in (
            (SHAPE, SECRET),
            (SHAPE, b"x" * 32),
            (msgspec.structs.replace(SHAPE, image="tradewind:2"), SECRET),
            (msgspec.structs.replace(SHAPE, env={"A": "b"}), SECRET),
        )
    }
    assert len(found) == 4
    assert WarmPods(SHAPE, SECRET).fingerprint in found
