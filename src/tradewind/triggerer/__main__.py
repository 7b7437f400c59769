"""`python -m tradewind.triggerer`: run triggers until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import socket
from pathlib import Path

from tradewind.clock import SystemClock
from tradewind.log import set_up
from tradewind.triggerer.loop import Triggerer
from tradewind.triggerer.settings import TriggererSettings
from tradewind.triggerer.tasklog import TaskLogHandler


def main() -> None:
    """Run the triggerer."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.triggerer", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="the scheduler's socket")
    parser.add_argument("--dags-folder", type=Path, required=True)
    parser.add_argument("--log-folder", type=Path, required=True)
    parser.add_argument("--state-dir", type=Path, help="not used: a triggerer keeps nothing")
    parser.add_argument("--capacity", type=int, default=1000)
    parser.add_argument("--heartbeat-s", type=float, default=5.0)
    parser.add_argument("--blocked-s", type=float, default=10.0)
    options = parser.parse_args()
    set_up("triggerer")
    logging.getLogger().addHandler(TaskLogHandler(options.log_folder))
    settings = TriggererSettings(
        socket_path=options.socket,
        dags_folder=options.dags_folder,
        log_folder=options.log_folder,
        host=socket.gethostname(),
        capacity=options.capacity,
        heartbeat_s=options.heartbeat_s,
        blocked_s=options.blocked_s,
    )
    asyncio.run(Triggerer(settings, SystemClock()).run())


if __name__ == "__main__":
    main()
