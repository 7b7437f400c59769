from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance
PROGRAM = Path(__file__).with_name("launcher_program.py")


class Running:
    def __init__(self, process: subprocess.Popen[str], bell: Path) -> None:
        self.process = process
        self.bell = bell
        self._passed: list[str] = []

    def until(self, beginning: str) -> str:
        """Find a line that begins so, said already or yet to come, and return its rest."""
        assert self.process.stdout is not None
        for line in self._passed:
            if line.startswith(beginning):
                self._passed.remove(line)
                return line.removeprefix(beginning).strip()
        for line in self.process.stdout:
            if line.startswith(beginning):
                return line.removeprefix(beginning).strip()
            self._passed.append(line)
        raise AssertionError(f"the launcher ended without saying {beginning!r}")

    def rest(self) -> list[str]:
        assert self.process.stdout is not None
        return self.process.stdout.read().splitlines()


@contextmanager
def launched(folder: Path, *parts: str) -> Iterator[Running]:
    bell = folder / "bell"
    command = [sys.executable, str(PROGRAM), str(bell), *parts]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Running(process, bell)
        finally:
            process.kill()


def test_parts_are_stopped_in_phases(tmp_path: Path) -> None:
    with launched(tmp_path, "last", "first") as running:
        running.until("started last")
        running.until("started first")
        running.process.send_signal(signal.SIGTERM)
        lines = [line for line in running.rest() if line.startswith(("ended", "launcher"))]
        assert lines == ["ended first", "ended last", "launcher ended"]
        assert running.process.wait() == 0


def test_a_part_that_dies_is_started_again(tmp_path: Path) -> None:
    with launched(tmp_path, "first") as running:
        pid = int(running.until("started first"))
        os.kill(pid, signal.SIGKILL)
        assert "was killed by SIGKILL" in running.until("the first")
        assert int(running.until("started first")) != pid


def test_a_part_that_fails_says_why_and_is_tried_with_growing_pauses(tmp_path: Path) -> None:
    with launched(tmp_path, "broken") as running:
        assert running.until("the setting x") == "is not right"
        assert "ended with exit code 1; starting it again in 0.2 s" in running.until("the broken")
        assert "again in 0.4 s" in running.until("the broken")
        assert "again in 0.8 s" in running.until("the broken")
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait() == 0


def test_the_bell_starts_what_waits_for_it(tmp_path: Path) -> None:
    with launched(tmp_path, "late", "first") as running:
        running.until("started first")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ringer:
            ringer.sendto(b"nonsense", str(running.bell))
            ringer.sendto(b"late", str(running.bell))
        running.until("started late")


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    with launched(tmp_path, "stubborn", "last") as running:
        running.until("started stubborn")
        running.until("started last")
        running.process.send_signal(signal.SIGINT)
        running.until("stopping")
        running.process.send_signal(signal.SIGINT)
        running.until("launcher ended")
        assert running.process.wait() == 0


def test_parts_do_not_outlive_a_killed_launcher(tmp_path: Path) -> None:
    with launched(tmp_path, "first", "last") as running:
        running.until("started first")
        running.until("started last")
        running.process.kill()
        assert sorted(running.rest()) == ["ended first", "ended last"]


def test_a_program_gets_its_own_environment(tmp_path: Path) -> None:
    with launched(tmp_path, "program") as running:
        assert running.until("started program") == "me"
        running.process.send_signal(signal.SIGTERM)
        running.until("launcher ended")
