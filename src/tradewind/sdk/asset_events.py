"""Asset events in a task: those that it emits, those of its inlets, those that triggered it.

Assets are recognised by their attributes (`name`, `uri`; an alias has no `uri`), so that this
module does without the authoring side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from tradewind.sdk import runtime, xcom
from tradewind.sdk.moments import moment
from tradewind.wire.messages import AssetEventInfo, AssetEventOut, GetAssetEvents

if TYPE_CHECKING:
    from pendulum import DateTime


class AssetName(NamedTuple):
    """What an asset is called."""

    name: str
    uri: str


def is_alias(thing: Any) -> bool:
    """Tell whether this is an asset alias."""
    return not hasattr(thing, "uri")


def _key(thing: Any) -> tuple[str, str]:
    """Return what identifies an asset, an alias or a reference to an asset."""
    if isinstance(thing, str):
        return ("asset", thing)
    if is_alias(thing):
        return ("alias", thing.name)
    return ("asset", getattr(thing, "name", None) or getattr(thing, "uri", None) or "")


# ---- events that the task emits ---------------------------------------------------------


class AliasEvent(NamedTuple):
    """An event to be emitted through an alias."""

    asset: Any
    extra: dict[str, Any]


class OutletEvents:
    """What is said about one outlet: `outlet_events[asset]`.

    extra: attached to the asset's event. asset_alias_events: for an alias, the events to emit.
    """

    def __init__(self, key: Any) -> None:
        self.key = key
        self.extra: dict[str, Any] = {}
        self.asset_alias_events: list[AliasEvent] = []

    def add(self, asset: Any, extra: dict[str, Any] | None = None) -> None:
        """Emit an event for an asset through this alias; for an asset, add to its extra.

        Args:
            asset: the asset (for an alias).
            extra: attached to the event.
        """
        if is_alias(self.key):
            event = AliasEvent(asset, dict(extra or {}))
            if event not in self.asset_alias_events:
                self.asset_alias_events.append(event)
        else:
            self.extra.update(extra or {})


class OutletEventAccessors(Mapping[Any, OutletEvents]):
    """`outlet_events`: by outlet, what its event is to say."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, str], OutletEvents] = {}

    def __getitem__(self, key: Any) -> OutletEvents:
        found = self._made.get(_key(key))
        if found is None:
            found = self._made[_key(key)] = OutletEvents(key)
        return found

    def __iter__(self) -> Iterator[Any]:
        return (events.key for events in self._made.values())

    def __len__(self) -> int:
        return len(self._made)

    def take(self, metadata: Any) -> None:
        """Take in a `Metadata` that the task yielded."""
        alias = getattr(metadata, "alias", None)
        if alias is not None:
            self[alias].add(metadata.asset, metadata.extra)
        else:
            self[metadata.asset].extra.update(metadata.extra or {})


def emitted(outlets: Sequence[Any], events: OutletEventAccessors) -> tuple[AssetEventOut, ...]:
    """Return the events of a task that succeeded: one an outlet, and those of its aliases."""
    found: list[AssetEventOut] = []
    for outlet in outlets:
        said = events[outlet]
        if is_alias(outlet):
            found += [
                AssetEventOut(**_names(event.asset), extra=event.extra, alias=outlet.name)
                for event in said.asset_alias_events
            ]
        else:
            found.append(AssetEventOut(**_names(outlet), extra=said.extra))
    return tuple(found)


def _names(asset: Any) -> dict[str, str]:
    return {"name": getattr(asset, "name", None) or "", "uri": getattr(asset, "uri", None) or ""}


# ---- events that the task reads ---------------------------------------------------------


class SourceTaskInstance(NamedTuple):
    """The task instance that an event came from."""

    dag_id: str
    task_id: str
    run_id: str
    map_index: int

    def xcom_pull(self, *, key: str = xcom.XCOM_RETURN_KEY, default: Any = None) -> Any:
        """Return what that task instance pushed, or the default."""
        found = xcom.BaseXCom.get_one(
            key=key,
            task_id=self.task_id,
            dag_id=self.dag_id,
            run_id=self.run_id,
            map_index=self.map_index,
        )
        return default if found is None else found


class AssetEvent:
    """An event of an asset, as a task reads it."""

    def __init__(self, info: AssetEventInfo) -> None:
        self._at = info.at
        self.asset = AssetName(info.asset_name, info.asset_uri)
        self.uri = info.asset_uri
        self.extra: dict[str, Any] = info.extra
        self.source_dag_id = info.source_dag_id
        self.source_task_id = info.source_task_id
        self.source_run_id = info.source_run_id
        self.source_map_index = info.source_map_index

    @property
    def timestamp(self) -> DateTime:
        """Return when it happened."""
        return moment(self._at)

    @property
    def source_task_instance(self) -> SourceTaskInstance | None:
        """Return the task instance that emitted it; None when it came from outside."""
        dag_id, task_id, run_id = self.source_dag_id, self.source_task_id, self.source_run_id
        if dag_id is None or task_id is None or run_id is None:
            return None
        return SourceTaskInstance(dag_id, task_id, run_id, self.source_map_index)

    def __repr__(self) -> str:
        return f"<AssetEvent {self.asset.name or self.uri} {self._at.isoformat()}>"


class InletEvents(Sequence[AssetEvent]):
    """Events of one inlet, read when they are first looked at.

    Each of `after`, `before`, `ascending` and `limit` gives a narrower view.
    """

    def __init__(self, query: dict[str, Any]) -> None:
        self._query = query
        self._found: list[AssetEvent] | None = None

    def after(self, after: str | datetime) -> InletEvents:
        """Return the events from this time on."""
        return InletEvents({**self._query, "after": _time(after)})

    def before(self, before: str | datetime) -> InletEvents:
        """Return the events up to this time."""
        return InletEvents({**self._query, "before": _time(before)})

    def ascending(self, ascending: bool = True) -> InletEvents:
        """Return the events oldest first, or newest first."""
        return InletEvents({**self._query, "ascending": ascending})

    def limit(self, limit: int) -> InletEvents:
        """Return at most this many events."""
        return InletEvents({**self._query, "limit": limit})

    def _events(self) -> list[AssetEvent]:
        if self._found is None:
            events = runtime.call(GetAssetEvents(**self._query))["events"]
            self._found = [AssetEvent(as_info(event)) for event in events]
        return self._found

    def __getitem__(self, index: Any) -> Any:
        return self._events()[index]

    def __len__(self) -> int:
        return len(self._events())


def as_info(event: Any) -> AssetEventInfo:
    """Return an event that came over the wire, where it may be a map."""
    if isinstance(event, AssetEventInfo):
        return event
    at = event["at"]
    fields = {**event, "at": datetime.fromisoformat(at) if isinstance(at, str) else at}
    return AssetEventInfo(**fields)


def _time(value: str | datetime) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


class InletEventAccessors(Mapping[Any, InletEvents]):
    """`inlet_events`: by inlet (or its position), the events so far."""

    def __init__(self, inlets: Sequence[Any]) -> None:
        self._inlets = list(inlets)

    def __getitem__(self, key: Any) -> InletEvents:
        if isinstance(key, int):
            key = self._inlets[key]
        known = {_key(inlet) for inlet in self._inlets}
        if _key(key) not in known:
            raise KeyError(f"{key!r} is not among the task's inlets")
        if is_alias(key):
            return InletEvents({"alias": key.name})
        return InletEvents({k: v for k, v in _names(key).items() if v})

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> InletEvents:
        """Return the events of an inlet by its name or URI."""
        for inlet in self._inlets:
            if not is_alias(inlet) and _matches(inlet, name, uri):
                return self[inlet]
        raise KeyError(f"no inlet has the name {name!r} or URI {uri!r}")

    def for_asset_alias(self, *, name: str) -> InletEvents:
        """Return the events of an alias among the inlets."""
        for inlet in self._inlets:
            if is_alias(inlet) and inlet.name == name:
                return self[inlet]
        raise KeyError(f"no inlet is an alias of the name {name!r}")


def _matches(asset: Any, name: str | None, uri: str | None) -> bool:
    by_name = name is None or getattr(asset, "name", None) == name
    by_uri = uri is None or getattr(asset, "uri", None) == uri
    return by_name and by_uri


class TriggeringAssetEvents(Mapping[Any, list[AssetEvent]]):
    """`triggering_asset_events`: by asset, the events that triggered the run."""

    def __init__(self, events: Sequence[AssetEventInfo]) -> None:
        self._by_asset: dict[AssetName, list[AssetEvent]] = {}
        for info in events:
            event = AssetEvent(info)
            self._by_asset.setdefault(event.asset, []).append(event)

    def __getitem__(self, key: Any) -> list[AssetEvent]:
        if isinstance(key, str):
            name, uri = key, key
        else:
            name, uri = getattr(key, "name", None) or "", getattr(key, "uri", None) or ""
        for asset, events in self._by_asset.items():
            if (name and asset.name == name) or (uri and asset.uri == uri):
                return events
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._by_asset)

    def __len__(self) -> int:
        return len(self._by_asset)

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> list[AssetEvent]:
        """Return the events of an asset by its name or URI."""
        for asset, events in self._by_asset.items():
            if _matches(asset, name, uri):
                return events
        raise KeyError(name or uri)
