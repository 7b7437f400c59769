"""Watchers of assets as authors write them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tradewind.errors import DagError
from tradewind.sdk import (
    DAG,
    Asset,
    AssetOrTimeSchedule,
    AssetWatcher,
    BaseEventTrigger,
    BaseTrigger,
    CronTriggerTimetable,
    TriggerEvent,
)
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.build import to_spec


class Watch(BaseEventTrigger):
    def __init__(self, queue: Any) -> None:
        super().__init__()
        self.queue = queue

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "mine.Watch", {"queue": self.queue}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(self.queue)


class Once(BaseTrigger):
    """No event trigger."""


def watched(name: str, queue: Any = "q") -> Asset:
    return Asset(name, uri=f"s3://{name}", watchers=[AssetWatcher(f"of {name}", Watch(queue))])


def test_the_watchers_of_what_a_dag_waits_for_are_in_its_specification() -> None:
    dag = DAG("d", schedule=watched("a") & (watched("b", {"n": 1}) | Asset("c")))
    found = [(w.name, w.asset, w.uri, w.classpath, w.kwargs) for w in to_spec(dag).watchers]
    assert found == [
        ("of a", "a", "s3://a", "mine.Watch", '{"queue":"q"}'),
        ("of b", "b", "s3://b", "mine.Watch", '{"queue":{"n":1}}'),
    ]


def test_a_list_and_a_timetable_with_assets_count_too() -> None:
    listed = DAG("d", schedule=[watched("a"), watched("a")])
    both = AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 0 * * *", timezone="UTC"), assets=[watched("a")]
    )
    assert len(to_spec(listed).watchers) == 1
    assert to_spec(DAG("d", schedule=both)).watchers == to_spec(listed).watchers
    assert to_spec(DAG("d", schedule="@daily")).watchers == ()


def test_what_is_no_watcher_is_refused() -> None:
    with pytest.raises(ArgumentError, match="asset 'a': watchers: must be AssetWatcher"):
        Asset("a", watchers=[Watch("q")])  # type: ignore[list-item]
    with pytest.raises(ArgumentError, match="watcher 'w': the trigger must be derived from BaseEv"):
        Asset("a", watchers=[AssetWatcher("w", Once())])


def test_a_trigger_that_cannot_be_written_down_is_named() -> None:
    dag = DAG("d", schedule=watched("a", object()))
    with pytest.raises(DagError, match="watcher 'of a' of asset 'a': its trigger cannot be writt"):
        to_spec(dag)
