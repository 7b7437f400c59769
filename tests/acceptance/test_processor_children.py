from __future__ import annotations

import os
import selectors
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.model.defaults import DagDefaults
from tradewind.processor.children import Children
from tradewind.processor.job import Finished, Job
from tradewind.processor.protocol import Answer
from tradewind.processor.service import parsing_environment
from tradewind.testing.clock import FakeClock
from tradewind.wire.messages import Call

REST_S = 45.0
DAG = "from tradewind.sdk import DAG\nDAG('one')\n"


class World:
    """Children with a real fork server, and a clock that jumps."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.clock = FakeClock()
        self.selector = selectors.DefaultSelector()
        self.children = Children(
            self.selector, self.clock, no_answer, parsing_environment(os.environ), REST_S
        )

    def ready(self) -> None:
        while not self.children.can_start():
            self.handle()

    def handle(self) -> None:
        found = self.selector.select(20)
        assert found, "the fork server says nothing"
        for key, _ in found:
            self.children.handle(key)

    def imported(self) -> Finished:
        (self.folder / "one.py").write_text(DAG)
        self.children.start(
            self.folder, "one.py", timeout_s=20, memory_limit_mb=500, defaults=DagDefaults()
        )
        while not self.children.finished:
            self.handle()
        return self.children.finished.popleft()


def no_answer(_job: Job, _call: Call) -> Answer:
    raise AssertionError("the file asks for nothing")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    made.ready()
    yield made
    made.children.close()
    made.selector.close()


def test_a_fork_server_without_work_is_let_go_and_started_for_the_next_file(world: World) -> None:
    world.imported()
    rest_at = world.children.next_deadline()
    assert rest_at == world.clock.monotonic() + REST_S
    world.clock.wait(REST_S)
    world.children.expire()
    assert world.children.next_deadline() is None
    assert not world.selector.get_map()

    world.ready()
    result = world.imported().result
    assert result is not None
    assert [spec.dag_id for spec in result.specs] == ["one"]


def test_a_fork_server_that_works_is_kept(world: World) -> None:
    world.clock.wait(REST_S - 1)
    world.imported()
    world.clock.wait(REST_S - 1)
    world.children.expire()
    assert world.children.can_start()
