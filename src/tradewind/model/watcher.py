"""Watchers of assets: triggers whose events are events of an asset."""

from __future__ import annotations

import hashlib

import msgspec


class WatcherSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A watcher of an asset that a DAG is scheduled on.

    classpath, kwargs: of its trigger; kwargs is typed JSON.
    """

    name: str
    asset: str
    uri: str
    classpath: str
    kwargs: str

    @property
    def key(self) -> str:
        """Return what is the same for all DAGs that watch this asset by this trigger."""
        parts = (self.asset, self.uri, self.classpath, self.kwargs)
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
