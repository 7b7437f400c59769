"""`python -m tradewind.triggerer`: run triggers until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
from pathlib import Path

from tradewind.clock import SystemClock
from tradewind.compat import airflow
from tradewind.log import add_options, set_up_as_told
from tradewind.sdk import defaults
from tradewind.triggerer.loop import Triggerer
from tradewind.triggerer.settings import TriggererSettings
from tradewind.triggerer.tasklog import TaskLogHandler, of_the_triggerer


def main() -> None:
    """Run the triggerer."""
    parser = argparse.ArgumentParser(prog="python -m tradewind.triggerer", description=__doc__)
    parser.add_argument("--socket", type=Path, required=True, help="the scheduler's socket")
    parser.add_argument("--dags-folder", type=Path, required=True)
    parser.add_argument("--log-folder", type=Path, required=True)
    parser.add_argument("--capacity", type=int, default=10_000)
    parser.add_argument("--heartbeat-s", type=float, default=2.0)
    parser.add_argument("--blocked-s", type=float, default=5.0)
    add_options(parser)
    options = parser.parse_args()
    set_up_as_told("triggerer", options)
    defaults.install_from(os.environ)
    airflow.install()
    root = logging.getLogger()
    for handler in root.handlers:
        handler.addFilter(of_the_triggerer)
    task_logs = TaskLogHandler(options.log_folder)
    root.addHandler(task_logs)
    settings = TriggererSettings(
        socket_path=options.socket,
        dags_folder=options.dags_folder,
        log_folder=options.log_folder,
        host=socket.gethostname(),
        capacity=options.capacity,
        heartbeat_s=options.heartbeat_s,
        blocked_s=options.blocked_s,
    )
    try:
        asyncio.run(Triggerer(settings, SystemClock()).run())
    finally:
        task_logs.close()


if __name__ == "__main__":
    main()
