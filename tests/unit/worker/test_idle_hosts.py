from __future__ import annotations

import socket

import pytest

from tradewind.testing.clock import FakeClock
from tradewind.worker.code import Place
from tradewind.worker.hosts import Host, HostKey, IdleHosts
from tradewind.worker.timers import Timers

MOST, LONGEST_S = 2, 900.0


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.timers = Timers(self.clock)
        self.hosts: list[Host] = []
        self.idle = IdleHosts(self.timers, self.clock, MOST, LONGEST_S, self.hosts.remove)

    def used(self, count: int) -> None:
        """Have so many hosts, each just idle now."""
        for number in range(count):
            key = HostKey(Place("", f"{len(self.hosts)}_{number}.py"), "", "")
            with socket.socket() as sock:
                host = Host(number, key, sock, self.clock.monotonic())
            host.ready = True
            self.hosts.append(host)
        self.idle.watch(self.hosts)

    def after(self, seconds: float) -> int:
        """Let time pass, and return how many hosts there are then."""
        end = self.clock.monotonic() + seconds
        while (wait_s := self.timers.wait_s()) is not None:
            if self.clock.monotonic() + wait_s > end:
                break
            self.clock.wait(wait_s)
            self.timers.run()
        self.clock.wait(max(0.0, end - self.clock.monotonic()))
        return len(self.hosts)


@pytest.fixture
def world() -> World:
    return World()


def test_more_than_the_limit_are_kept_while_they_are_in_use(world: World) -> None:
    world.used(10)
    assert world.after(20) == 10


def test_what_is_beyond_the_limit_goes_when_it_was_idle_for_a_while(world: World) -> None:
    world.used(10)
    assert world.after(60) == MOST
    assert world.after(LONGEST_S / 2) == MOST


def test_one_that_is_idle_for_long_goes(world: World) -> None:
    world.used(1)
    assert world.after(LONGEST_S - 60) == 1
    assert world.after(120) == 0


def test_however_busy_there_is_a_limit(world: World) -> None:
    world.used(50)
    assert world.after(0) == 8 * MOST
