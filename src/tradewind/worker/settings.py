"""What a supervisor needs to know."""

from __future__ import annotations

from pathlib import Path

import msgspec


class SupervisorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor needs to know.

    socket_path: of the scheduler; None on a machine of workers.
    server: URL of an API server, on a machine of workers.
    one_ticket: end when the first ticket is done, not when told to.
    dags_folder, log_folder, state_dir: state_dir is the supervisor's own.
    lease_s: the lease of an attempt; without the scheduler for this long less the grace, the
        attempts are killed.
    heartbeat_s: how often it says that its attempts are alive.
    kill_grace_s: from SIGTERM to SIGKILL.
    drain_s: how long attempts may go on after a SIGTERM to the supervisor.
    import_timeout_s: how long a DAG file may take to be imported.
    idle_hosts, idle_host_s: how many DAG files stay imported without an attempt, how long.
    log_limit_bytes: so much of what an attempt prints is kept; 0: all of it.
    userland: the module that loads DAG files and runs tasks.
    """

    socket_path: Path | None = None
    server: str = ""
    one_ticket: bool = False
    dags_folder: Path
    log_folder: Path
    state_dir: Path
    lease_s: float = 60.0
    heartbeat_s: float = 5.0
    kill_grace_s: float = 10.0
    drain_s: float = 30.0
    import_timeout_s: float = 60.0
    idle_hosts: int = 16
    idle_host_s: float = 900.0
    log_limit_bytes: int = 0
    userland: str = "tradewind.worker.usercode"
    host: str = ""
