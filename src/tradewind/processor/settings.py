"""The processor's numbers; `tradewind.config` has their descriptions and defaults."""

from __future__ import annotations

from pathlib import Path

import msgspec

from tradewind.model.defaults import DagDefaults


class ProcessorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the processor is told.

    dag_folders: the DAG folder first; files of further folders (the example DAGs) are known by
        their absolute path.
    ignore_syntax: of `.airflowignore`: "glob" or "regexp". `.tradewindignore` is always glob.
    watch_by_polling: for file systems without change events; the folder is listed every
        `poll_s` then.
    rest_s: a fork server that imported nothing for so long is let go.
    """

    dag_folders: tuple[Path, ...]
    parse_timeout_s: float = 50.0
    memory_limit_mb: int = 2048
    parallel: int = 2
    slow_round_s: float = 300.0
    rescan_s: float = 30.0
    ignore_syntax: str = "glob"
    safe_mode: bool = True
    watch_by_polling: bool = False
    poll_s: float = 1.0
    rest_s: float = 45.0
    paused_at_creation: bool = False
    defaults: DagDefaults = DagDefaults()
