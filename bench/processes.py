"""Memory and CPU of the product's processes, from /proc."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Usage:
    """What processes use. cpu_percent: of one core."""

    processes: int
    pss_mib: float
    cpu_percent: float
    seconds: float
    by_process: dict[str, str]


def of_home(home: Path) -> list[int]:
    """Return every process that was started for this TRADEWIND_HOME, however it was forked."""
    wanted = f"TRADEWIND_HOME={home}".encode()
    found = []
    for entry in PROC.iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
        except OSError:
            continue  # it ended meanwhile, or is somebody else's
    return sorted(found)


def measure(home: Path, seconds: float) -> Usage:
    """Watch the processes of a home for some time."""
    pids = of_home(home)
    before = {pid: cpu_s(pid) for pid in pids}
    start = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - start
    memory = {pid: pss_mib(pid) for pid in pids}
    used = {pid: cpu_s(pid) - before[pid] for pid in pids}
    return Usage(
        processes=len(pids),
        pss_mib=round(sum(memory.values()), 1),
        cpu_percent=round(sum(used.values()) / took * 100, 3),
        seconds=round(took, 1),
        by_process={
            f"{pid} {command(pid)}": f"{memory[pid]:.1f} MiB, {used[pid] / took * 100:.2f} %"
            for pid in pids
        },
    )


def pss_mib(pid: int) -> float:
    """Return a process's share of memory: what it has alone, and its part of what is shared."""
    try:
        for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def cpu_s(pid: int) -> float:
    """Return the CPU time of a process and of its ended children, in seconds."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def command(pid: int) -> str:
    """Return a process's command line, shortened."""
    try:
        line = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return "?"
    return line.replace(b"\0", b" ").decode(errors="replace").strip()[:80]
