"""What every endpoint stands on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property

from tradewind.actions.sign_in import Limits
from tradewind.clock import Clock
from tradewind.config import Config
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.sealing import Box
from tradewind.store.secrets import Secrets, configured_keys, open_secrets
from tradewind.store.signal import Signal
from tradewind.web.metrics.tally import Tally
from tradewind.wire.log_archive import LogArchive, open_archive


class Site:
    """The database, the settings and the clock of one server."""

    def __init__(
        self,
        config: Config,
        db: Database,
        signal: Signal,
        clock: Clock,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.config = config
        self.db = db
        self.signal = signal
        self.clock = clock
        self.env = os.environ if env is None else env

    @cached_property
    def box(self) -> Box:
        """Return what seals and opens what is kept for one caller."""
        return Box(configured_keys(self.config))

    @cached_property
    def secrets(self) -> Secrets:
        """Return variables and connections."""
        return open_secrets(self.db, configured_keys(self.config), self.env)

    @cached_property
    def log_archive(self) -> LogArchive | None:
        """Return the object storage of logs; None when there is none."""
        return open_archive(self.config, self.clock)

    @cached_property
    def limits(self) -> Limits:
        """Return how long sessions last, and how many guesses there are."""
        auth = self.config.api_auth
        return Limits(
            session_lifetime=timedelta(seconds=auth.session_lifetime_s),
            session_idle=timedelta(seconds=auth.session_idle_s),
            failures=auth.failures_per_window,
            window=timedelta(seconds=auth.failure_window_s),
        )

    @cached_property
    def tally(self) -> Tally:
        """Return what this server has counted for whoever fetches it."""
        return Tally(self.db, self._operator_of)

    def new_tally(self) -> Tally:
        """Return a count that begins now, with single values, for those to whom it is sent."""
        return Tally(self.db, self._operator_of, keep_values=True)

    def _operator_of(self, version_id: int, task_id: str) -> str:
        found = self.db.memo(
            ("operators", version_id),
            lambda: {
                t.task_id: t.operator for t in scheduling.version(self.db, version_id).spec.tasks
            },
        )
        return found.get(task_id, "")

    @property
    def is_secure(self) -> bool:
        """Tell whether browsers reach the server over TLS."""
        return self.config.api.base_url.startswith("https://")
