"""Hook lineage: what hooks read and wrote while a task ran, for those who ask.

Nobody asks unless a reader is registered (`register_reader`, as plugins do), and then nothing is
collected: `get_hook_lineage_collector()` returns one that forgets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tradewind.sdk.assets import Asset
from tradewind.sdk.hooks.base import LoggingMixin

MAX_COLLECTED = 100
"""Assets of one kind, and further facts, that one task collects."""


@dataclass
class AssetLineageInfo:
    """An asset that was read or written, how often, and by which hook."""

    asset: Asset
    count: int
    context: Any


@dataclass
class ExtraLineageInfo:
    """A further fact: a query that was run."""

    key: str
    value: Any
    count: int
    context: Any


@dataclass
class HookLineage:
    """What was collected."""

    inputs: list[AssetLineageInfo] = field(default_factory=list)
    outputs: list[AssetLineageInfo] = field(default_factory=list)
    extra: list[ExtraLineageInfo] = field(default_factory=list)


class HookLineageCollector(LoggingMixin):
    """Collect what hooks tell."""

    def __init__(self) -> None:
        self._inputs: dict[tuple[str, str], AssetLineageInfo] = {}
        self._outputs: dict[tuple[str, str], AssetLineageInfo] = {}
        self._extra: dict[tuple[str, str], ExtraLineageInfo] = {}

    def create_asset(
        self,
        *,
        scheme: str | None = None,
        uri: str | None = None,
        name: str | None = None,
        group: str | None = None,
        asset_kwargs: dict[str, Any] | None = None,
        asset_extra: dict[str, Any] | None = None,
    ) -> Asset | None:
        """Return the asset that is meant, or None when it cannot be made."""
        del scheme, asset_kwargs
        if not uri and not name:
            return None
        return Asset(name=name, uri=uri, group=group, extra=asset_extra)

    def add_input_asset(self, context: Any, **asset: Any) -> None:
        """Note that an asset was read; the arguments are those of `create_asset`."""
        self._note(self._inputs, context, self.create_asset(**asset))

    def add_output_asset(self, context: Any, **asset: Any) -> None:
        """Note that an asset was written; the arguments are those of `create_asset`."""
        self._note(self._outputs, context, self.create_asset(**asset))

    def add_extra(self, context: Any, key: str, value: Any) -> None:
        """Note a further fact."""
        place = (key, repr(value))
        if place in self._extra:
            self._extra[place].count += 1
        elif len(self._extra) < MAX_COLLECTED:
            self._extra[place] = ExtraLineageInfo(key, value, 1, context)

    def _note(
        self, kept: dict[tuple[str, str], AssetLineageInfo], context: Any, asset: Asset | None
    ) -> None:
        if asset is None:
            return
        place = (asset.uri, repr(asset.extra))
        if place in kept:
            kept[place].count += 1
        elif len(kept) < MAX_COLLECTED:
            kept[place] = AssetLineageInfo(asset, 1, context)

    @property
    def collected_assets(self) -> HookLineage:
        """Return what was collected."""
        return HookLineage(
            list(self._inputs.values()), list(self._outputs.values()), list(self._extra.values())
        )

    @property
    def has_collected(self) -> bool:
        """Tell whether anything was collected."""
        return bool(self._inputs or self._outputs or self._extra)


class NoOpCollector(HookLineageCollector):
    """Forget what hooks tell: nobody asks."""

    def add_input_asset(self, context: Any, **asset: Any) -> None:
        """Do nothing."""

    def add_output_asset(self, context: Any, **asset: Any) -> None:
        """Do nothing."""

    def add_extra(self, context: Any, key: str, value: Any) -> None:
        """Do nothing."""


class HookLineageReader(LoggingMixin):
    """Read what was collected; derive from it."""

    def __init__(self) -> None:
        self.lineage_collector = get_hook_lineage_collector()

    def retrieve_hook_lineage(self) -> HookLineage:
        """Return what was collected."""
        return self.lineage_collector.collected_assets


_readers: list[type[HookLineageReader]] = []


def register_reader(reader: type[HookLineageReader]) -> None:
    """Let lineage be collected from now on, for this reader."""
    _readers.append(reader)
    get_hook_lineage_collector.cache_clear()


@cache
def get_hook_lineage_collector() -> HookLineageCollector:
    """Return the collector of this process."""
    return HookLineageCollector() if _readers else NoOpCollector()
