"""Assets: names for data that tasks make and other DAGs wait for.

A task that has an asset among its `outlets` emits an event for it when it succeeds; a DAG whose
`schedule` is an asset (or several, joined with `&` and `|`) runs when the events are there.
Assets are values: two with the same name and URI are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from tradewind.errors import DagError
from tradewind.model.schedule import AliasLeaf, AllOf, AnyOf, AssetCondition, AssetLeaf
from tradewind.model.spec import AssetRef as AssetRefSpec
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.triggers.base import BaseEventTrigger

_MAX_LENGTH = 1500
_RESERVED_SCHEME = "airflow"


class BaseAsset:
    """What a DAG can be scheduled on: an asset, an alias, or several."""

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        raise NotImplementedError

    def __and__(self, other: BaseAsset) -> AssetAll:
        return AssetAll(self, other)

    def __or__(self, other: BaseAsset) -> AssetAny:
        return AssetAny(self, other)


class AssetAccessControl(NamedTuple):
    """Which teams may emit and consume an asset's events."""

    producer_teams: Sequence[str] = ()
    consumer_teams: Sequence[str] = ()
    allow_global: bool = True


class AssetWatcher(NamedTuple):
    """A trigger whose events are events of an asset.

    It runs in the triggerer while a DAG that is scheduled on the asset is there and not paused.

    name: the watcher's; trigger: a `BaseEventTrigger`.
    """

    name: str
    trigger: Any


class Asset(BaseAsset):
    """A piece of data, by a name, a URI or both.

    Args:
        name: unique among assets; by default the URI.
        uri: where it is; by default the name. The scheme `airflow` is reserved.
        group: a kind, for people.
        extra: anything that can be written as JSON.
        watchers: triggers whose events are events of the asset.
        access_control: which teams may emit and consume its events.

    Raises:
        DagError: there is neither a name nor a URI, or one that cannot be.
    """

    asset_type: ClassVar[str] = "asset"

    def __init__(
        self,
        name: str | None = None,
        uri: str | None = None,
        *,
        group: str | None = None,
        extra: Mapping[str, Any] | None = None,
        watchers: Sequence[AssetWatcher] = (),
        access_control: AssetAccessControl | None = None,
    ) -> None:
        if uri is not None:
            uri = uri.__fspath__() if hasattr(uri, "__fspath__") else uri
        if not name and not uri:
            raise ArgumentError("Asset needs a name or a uri")
        self.name = _checked("name", name or uri)
        self.uri = _normalised(_checked("uri", uri or name))
        self.group = group or self.asset_type
        self.extra = dict(extra or {})
        self.watchers = [_watcher(self.name, one) for one in watchers]
        self.access_control = access_control

    @staticmethod
    def ref(*, name: str = "", uri: str = "") -> AssetRef:
        """Refer to an asset that is defined elsewhere, by its name or its URI."""
        if bool(name) == bool(uri):
            raise ArgumentError("Asset.ref() takes either name= or uri=")
        return AssetNameRef(name) if name else AssetUriRef(uri)

    @property
    def normalized_uri(self) -> str | None:
        """The URI if it has a scheme."""
        return self.uri if urlsplit(self.uri).scheme else None

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        return AssetLeaf(name=self.name, uri=self.uri)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Asset):
            return NotImplemented
        return (self.name, self.uri) == (other.name, other.uri)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(name={self.name!r}, uri={self.uri!r})"


class Dataset(Asset):
    """An asset that is a set of data."""

    asset_type: ClassVar[str] = "dataset"


class Model(Asset):
    """An asset that is a trained model."""

    asset_type: ClassVar[str] = "model"


class AssetRef(BaseAsset):
    """A reference to an asset that is defined elsewhere."""

    name: str = ""
    uri: str = ""

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        return AssetLeaf(name=self.name, uri=self.uri)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AssetRef):
            return NotImplemented
        return (self.name, self.uri) == (other.name, other.uri)

    def __hash__(self) -> int:
        return hash((self.name, self.uri))

    def __repr__(self) -> str:
        return f"Asset.ref({f'name={self.name!r}' if self.name else f'uri={self.uri!r}'})"


class AssetNameRef(AssetRef):
    """A reference by name."""

    def __init__(self, name: str) -> None:
        self.name = _checked("name", name)


class AssetUriRef(AssetRef):
    """A reference by URI."""

    def __init__(self, uri: str) -> None:
        self.uri = _normalised(_checked("uri", uri))


class AssetAlias(BaseAsset):
    """A name through which a task emits events of assets that it decides on while it runs.

    Args:
        name: the alias's.
        group: a kind, for people.
    """

    def __init__(self, name: str, group: str | None = None) -> None:
        self.name = _checked("name", name)
        self.group = group or "asset"

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        return AliasLeaf(name=self.name)

    def __eq__(self, other: object) -> bool:
        return self.name == other.name if isinstance(other, AssetAlias) else NotImplemented

    def __hash__(self) -> int:
        return hash(("alias", self.name))

    def __repr__(self) -> str:
        return f"AssetAlias({self.name!r})"


class _Combination(BaseAsset):
    def __init__(self, *objects: BaseAsset) -> None:
        for one in objects:
            if not isinstance(one, BaseAsset):
                raise ArgumentError(
                    f"{type(self).__name__} takes assets, not {type(one).__name__} ({one!r:.60})"
                )
        self.objects = list(objects)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.objects == self.objects

    def __hash__(self) -> int:
        return hash((type(self), tuple(self.objects)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.objects))})"


class AssetAll(_Combination):
    """All of these must have new events; the same as `a & b`."""

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        return AllOf(of=tuple(one.condition() for one in self.objects))

    def __and__(self, other: BaseAsset) -> AssetAll:
        return AssetAll(*self.objects, other)


class AssetAny(_Combination):
    """One of these must have a new event; the same as `a | b`."""

    def condition(self) -> AssetCondition:
        """Return the condition as data."""
        return AnyOf(of=tuple(one.condition() for one in self.objects))

    def __or__(self, other: BaseAsset) -> AssetAny:
        return AssetAny(*self.objects, other)


class Metadata:
    """What a task says about an event: yield it, or return it beside other values.

    Args:
        asset: the outlet.
        extra: anything that can be written as JSON.
        alias: the alias to emit the event through.
    """

    def __init__(
        self,
        asset: Asset | AssetRef,
        extra: Mapping[str, Any] | None = None,
        alias: AssetAlias | None = None,
    ) -> None:
        self.asset = asset
        self.extra = dict(extra or {})
        self.alias = alias

    def __repr__(self) -> str:
        return f"Metadata({self.asset!r}, {self.extra!r})"


def assets_in(value: Any) -> Iterator[BaseAsset]:
    """Yield the assets, references and aliases in a combination."""
    if isinstance(value, _Combination):
        for one in value.objects:
            yield from assets_in(one)
    elif isinstance(value, BaseAsset):
        yield value


def combined(assets: Iterable[Any]) -> AssetAll:
    """Return the condition that a list of assets means as a schedule: all of them."""
    return AssetAll(*assets)


def as_refs(where: str, argument: str, things: Iterable[Any]) -> tuple[AssetRefSpec, ...]:
    """Return a task's inlets or outlets as data; what is no asset (other lineage) is left out.

    Raises:
        ArgumentError: a combination of assets is given.
    """
    found: list[AssetRefSpec] = []
    for thing in things:
        if isinstance(thing, _Combination):
            raise ArgumentError(
                f"{where}: {argument}: {thing!r} is a condition; list the assets instead"
            )
        if isinstance(thing, AssetAlias):
            found.append(AssetRefSpec(name=thing.name, group=thing.group, alias=True))
        elif isinstance(thing, Asset):
            found.append(
                AssetRefSpec(name=thing.name, uri=thing.uri, group=thing.group, extra=thing.extra)
            )
        elif isinstance(thing, AssetRef):
            found.append(AssetRefSpec(name=thing.name, uri=thing.uri))
    return tuple(found)


def _watcher(asset: str, watcher: Any) -> AssetWatcher:
    if not isinstance(watcher, AssetWatcher):
        raise ArgumentError(
            f"asset {asset!r}: watchers: must be AssetWatcher(name=…, trigger=…), not "
            f"{type(watcher).__name__}"
        )
    if not isinstance(watcher.trigger, BaseEventTrigger):
        raise ArgumentError(
            f"asset {asset!r}: watcher {watcher.name!r}: the trigger must be derived from "
            f"BaseEventTrigger, unlike {type(watcher.trigger).__name__}: other triggers wait for "
            "one thing and would fire again at once"
        )
    return watcher


def _checked(what: str, value: Any) -> str:
    if not isinstance(value, str):
        raise ArgumentError(f"an asset's {what} must be a string, not {type(value).__name__}")
    if not value.strip():
        raise DagError(f"an asset's {what} must not be empty")
    if len(value) > _MAX_LENGTH:
        raise DagError(f"an asset's {what} has {len(value)} characters; at most {_MAX_LENGTH}")
    if not value.isascii():
        raise DagError(f"an asset's {what} must be ASCII, unlike {value!r:.80}")
    return value


def _normalised(uri: str) -> str:
    parts = urlsplit(uri)
    if not parts.scheme or (not parts.netloc and not parts.path):
        return uri
    if parts.scheme == _RESERVED_SCHEME:
        raise DagError(f"asset {uri!r}: the scheme {_RESERVED_SCHEME!r} is reserved")
    if "@" in parts.netloc:
        # A password would end up in every event.
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    return urlunsplit(parts) if "://" in uri else uri
