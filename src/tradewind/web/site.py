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
from tradewind.store.secrets import Secrets, configured_keys, open_secrets
from tradewind.store.signal import Signal


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
        self._env = os.environ if env is None else env

    @cached_property
    def secrets(self) -> Secrets:
        """Return variables and connections."""
        return open_secrets(self.db, configured_keys(self.config), self._env)

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

    @property
    def is_secure(self) -> bool:
        """Tell whether browsers reach the server over TLS."""
        return self.config.api.base_url.startswith("https://")
