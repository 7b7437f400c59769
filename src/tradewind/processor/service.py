"""Run the DAG processor as a process: build it from the configuration, heed signals."""

from __future__ import annotations

import logging
import signal as os_signal
from collections.abc import Mapping
from pathlib import Path
from types import FrameType

import tradewind
from tradewind.clock import SystemClock
from tradewind.config import Config, without_credentials
from tradewind.kernel import NUMERIC_THREADS
from tradewind.processor.loop import Processor
from tradewind.processor.settings import ProcessorSettings
from tradewind.store.connect import open_database
from tradewind.store.migrate import check
from tradewind.store.secrets import configured_keys, open_secrets
from tradewind.store.signal import Signal
from tradewind.wire.dag_defaults import dag_defaults

log = logging.getLogger(__name__)

EXAMPLES = Path(tradewind.__file__).parent / "example_dags"


def serve(config: Config, env: Mapping[str, str]) -> None:
    """Run a DAG processor until SIGTERM or SIGINT.

    Args:
        config: the configuration.
        env: the environment: variables and connections are looked up in it; what is left of it
            without credentials is what DAG files see.

    Raises:
        ConfigError: the database has no tables, or is of another version.
    """
    db = open_database(config.database.sql_alchemy_conn)
    check(db)
    keys = configured_keys(config)
    processor = Processor(
        settings_of(config),
        db,
        Signal(db),
        SystemClock(),
        open_secrets(db, keys, env),
        parsing_environment(env),
    )
    stopping = False

    def stop(_signum: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        processor.wake()

    os_signal.signal(os_signal.SIGTERM, stop)
    os_signal.signal(os_signal.SIGINT, stop)
    try:
        processor.run(lambda: stopping)
    finally:
        db.close()


def settings_of(config: Config) -> ProcessorSettings:
    """Return the processor's settings."""
    processor = config.processor
    folders = (config.core.dags_folder, EXAMPLES)
    return ProcessorSettings(
        dag_folders=folders if config.core.load_examples else folders[:1],
        parse_timeout_s=processor.parse_timeout_s,
        memory_limit_mb=processor.memory_limit_mb,
        parallel=processor.parallel,
        slow_round_s=processor.slow_round_s,
        rescan_s=processor.rescan_s,
        paused_at_creation=config.core.dags_are_paused_at_creation,
        ignore_syntax=config.core.dag_ignore_file_syntax,
        safe_mode=config.core.dag_discovery_safe_mode,
        defaults=dag_defaults(config),
    )


def parsing_environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return the environment that DAG files are imported in.

    Variables and connections are asked of the processor, which then knows who read them.
    Numeric libraries start no threads: nothing is computed at import.
    """
    return {**without_credentials(env), **dict.fromkeys(NUMERIC_THREADS, "1")}
