"""A launcher with parts that only say that they are there; run by test_launcher.py."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tradewind.cli.launcher import Launcher, Part, executed, forked, open_bell
from tradewind.clock import SystemClock
from tradewind.errors import ConfigError


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def steady(name: str) -> Callable[[], None]:
    def run() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        say(f"started {name} {os.getpid()}")
        signal.sigwait({signal.SIGTERM})
        say(f"ended {name}")

    return run


def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say(f"started stubborn {os.getpid()}")
    signal.pause()


def broken() -> None:
    raise ConfigError("the setting x is not right")


PARTS = {
    "first": Part(name="first", start=forked(steady("first"))),
    "last": Part(name="last", start=forked(steady("last")), phase=1),
    "late": Part(name="late", start=forked(steady("late")), on_bell=True),
    "stubborn": Part(name="stubborn", start=forked(stubborn)),
    "broken": Part(name="broken", start=forked(broken)),
    "program": Part(
        name="program",
        start=executed(["/bin/sh", "-c", 'echo "started program $WHO"; sleep 60'], {"WHO": "me"}),
    ),
}

if __name__ == "__main__":
    import logging

    logging.basicConfig(stream=sys.stdout, format="%(message)s", level="INFO")
    launcher = Launcher(open_bell(Path(sys.argv[1])), SystemClock())
    launcher.add([PARTS[name] for name in sys.argv[2:]])
    launcher.run()
    say("launcher ended")
