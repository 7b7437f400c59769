"""The triggerer's numbers; `tradewind.config` has their descriptions and defaults."""

from __future__ import annotations

from pathlib import Path

import msgspec


class TriggererSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the triggerer is told.

    capacity: most triggers that run at once; the rest wait unclaimed.
    blocked_s: a trigger that does not let others run for this long is interrupted and fails.
    """

    socket_path: Path
    dags_folder: Path
    log_folder: Path
    host: str
    capacity: int = 10_000
    heartbeat_s: float = 2.0
    blocked_s: float = 5.0
    drain_s: float = 5.0
