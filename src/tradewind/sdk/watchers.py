"""The watchers of the assets that a DAG is scheduled on, as data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tradewind.errors import DagError
from tradewind.model.watcher import WatcherSpec
from tradewind.sdk import serde
from tradewind.sdk.assets import Asset, AssetWatcher, assets_in
from tradewind.sdk.schedules import timetable_of
from tradewind.sdk.timetables import AssetOrTimeSchedule, AssetTriggeredTimetable

if TYPE_CHECKING:
    from tradewind.model.defaults import DagDefaults
    from tradewind.sdk.dag_definition import DAG


def watchers_of(dag: DAG, defaults: DagDefaults) -> tuple[WatcherSpec, ...]:
    """Return a DAG's watchers, each once.

    Raises:
        DagError: a trigger cannot be written down; names the asset and the watcher.
    """
    timetable = timetable_of(dag, defaults)
    if not isinstance(timetable, AssetTriggeredTimetable | AssetOrTimeSchedule):
        return ()
    found = {
        spec.key: spec
        for asset in assets_in(timetable.asset_condition)
        if isinstance(asset, Asset)
        for spec in (_spec(dag, asset, watcher) for watcher in asset.watchers)
    }
    return tuple(found.values())


def _spec(dag: DAG, asset: Asset, watcher: AssetWatcher) -> WatcherSpec:
    where = f"DAG {dag.dag_id!r}: watcher {watcher.name!r} of asset {asset.name!r}"
    try:
        classpath, kwargs = watcher.trigger.serialize()
        text = serde.dumps(kwargs, where).decode()
    except Exception as error:
        raise DagError(
            f"{where}: its trigger cannot be written down: {type(error).__name__}: {error}"
        ) from error
    return WatcherSpec(
        name=watcher.name, asset=asset.name, uri=asset.uri, classpath=classpath, kwargs=text
    )
