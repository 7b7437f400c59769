"""What tasks keep between tries and runs: `task_state_store` and `asset_state_store`.

Values are JSON. Those of a task instance are there for its next try, such as the id of a job that
runs elsewhere, and stay when it is cleared; those of an asset are there for every task that names
the asset among its inlets or outlets.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

from tradewind.errors import DagError, NotFound
from tradewind.sdk import current, runtime
from tradewind.sdk.assets import Asset, AssetRef
from tradewind.wire.messages import DropState, GetState, SetState

NEVER_EXPIRE = timedelta.max
"""A value's retention: as long as its task instance is kept."""


class StateStore:
    """Values under keys. Each method has a twin to await: `aget`, `aset`, `adelete`, `aclear`."""

    def __init__(self, asset_name: str = "", asset_uri: str = "") -> None:
        self._name, self._uri = asset_name, asset_uri

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        call = GetState(key=key, asset_name=self._name, asset_uri=self._uri)
        try:
            return runtime.call(call)["value"]
        except NotFound:
            return default

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep a value.

        Args:
            key: its name.
            value: anything that can be written as JSON, but None.
            retention: after this time the value is gone; by default it stays as long as its
                owner.

        Raises:
            DagError: the value is None, or cannot be written as JSON.
        """
        if value is None:
            raise DagError(f"the state {key!r} cannot be None; use delete()")
        expires_at = None
        if retention is not None and retention is not NEVER_EXPIRE:
            expires_at = current.waiter().now() + retention
        runtime.call(
            SetState(
                key=key,
                value=_plain(key, value),
                expires_at=expires_at,
                asset_name=self._name,
                asset_uri=self._uri,
            )
        )

    def delete(self, key: str) -> None:
        """Remove a value, if it is there."""
        runtime.call(DropState(key=key, asset_name=self._name, asset_uri=self._uri))

    def clear(self) -> None:
        """Remove all values."""
        runtime.call(DropState(asset_name=self._name, asset_uri=self._uri))

    async def aget(self, key: str, default: Any = None) -> Any:
        """Return the value of a key, or the default."""
        return await asyncio.to_thread(self.get, key, default)

    async def aset(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep a value; see `set`."""
        await asyncio.to_thread(self.set, key, value, retention=retention)

    async def adelete(self, key: str) -> None:
        """Remove a value, if it is there."""
        await asyncio.to_thread(self.delete, key)

    async def aclear(self) -> None:
        """Remove all values."""
        await asyncio.to_thread(self.clear)

    def __repr__(self) -> str:
        whose = self._name or self._uri
        return f"<state of asset {whose!r}>" if whose else "<state of the task instance>"


class AssetStateStores(StateStore):
    """The values of a task's assets: `asset_state_store[asset]`; itself for a task with one."""

    def __init__(self, inlets: Iterable[Any], outlets: Iterable[Any]) -> None:
        self._stores = dict(_stores([*inlets, *outlets]))
        names = next(iter(self._stores)) if len(self._stores) == 1 else ("", "")
        super().__init__(*names)

    def __getitem__(self, asset: Asset | AssetRef) -> StateStore:
        """Return the values of an asset.

        Raises:
            KeyError: it is not among the task's inlets and outlets.
        """
        for (name, uri), store in self._stores.items():
            if _agree(asset.name, name) and _agree(asset.uri, uri):
                return store
        raise KeyError(f"{asset!r} is not among this task's inlets and outlets")

    def _single(self) -> None:
        if len(self._stores) != 1:
            raise DagError(
                f"this task names {len(self._stores)} assets: say which one, "
                "asset_state_store[asset]"
            )

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value of the task's one asset, or the default."""
        self._single()
        return super().get(key, default)

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep a value of the task's one asset."""
        self._single()
        super().set(key, value, retention=retention)

    def delete(self, key: str) -> None:
        """Remove a value of the task's one asset."""
        self._single()
        super().delete(key)

    def clear(self) -> None:
        """Remove all values of the task's one asset."""
        self._single()
        super().clear()


def _stores(things: Iterable[Any]) -> Iterator[tuple[tuple[str, str], StateStore]]:
    for thing in things:
        if isinstance(thing, Asset | AssetRef):
            yield (thing.name, thing.uri), StateStore(thing.name, thing.uri)


def _agree(one: str, other: str) -> bool:
    return one == other or not one or not other


def _plain(key: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise DagError(
            f"the state {key!r} cannot be written as JSON: {error}; a datetime can be kept as its "
            "isoformat()"
        ) from error
