"""@asset: a function that is an asset, a DAG and a task at once."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.model.schedule import AssetLeaf
from tradewind.sdk import DAG, Asset, asset, scope
from tradewind.sdk.arguments import ArgumentError
from tradewind.sdk.build import to_spec
from tradewind.testing import FakeClock, MemoryStore, run_dag


@pytest.fixture(autouse=True)
def _nothing_registered() -> Any:
    scope.take_registered()
    yield
    scope.take_registered()


def registered() -> dict[str, DAG]:
    return {dag.dag_id: dag for dag in scope.take_registered()}


def test_functions_make_assets_and_read_each_other() -> None:
    seen: list[Any] = []

    @asset(uri="s3://bucket/prices", schedule="@daily", tags=["t"])
    def prices() -> int:
        """What things cost."""
        return 3

    @asset(schedule=prices)
    def report(self: Any, context: Any, prices: Any, params: Any = None) -> None:
        events = context["inlet_events"][prices]
        seen.extend([self.name, prices.uri, len(events), params])

    dags = registered()
    spec = to_spec(dags["prices"])
    assert (spec.doc_md, spec.tags) == ("What things cost.", ("t",))
    assert [(o.name, o.uri) for o in spec.tasks[0].outlets] == [("prices", "s3://bucket/prices")]
    report_spec = to_spec(dags["report"])
    assert [i.name for i in report_spec.tasks[0].inlets] == ["prices"]
    assert AssetLeaf(name="prices", uri="s3://bucket/prices") in _leaves(report_spec.schedule)
    store = MemoryStore()
    first = run_dag(dags["prices"], clock=FakeClock(), store=store)
    assert (str(first.state), first.xcom("prices")) == ("success", 3)
    assert str(run_dag(dags["report"], clock=FakeClock(), store=store).state) == "success"
    assert seen == ["report", "s3://bucket/prices", 1, {}]


def _leaves(schedule: Any) -> list[Any]:
    condition = schedule.condition
    return list(getattr(condition, "of", [condition]))


def test_one_function_makes_several() -> None:
    @asset.multi(outlets=[Asset("a"), Asset("b")], schedule=None)
    def both(self: Any, outlet_events: Any) -> None:
        outlet_events[Asset("a")].extra = {"n": len(self.outlets)}

    store = MemoryStore()
    finished = run_dag(registered()["both"], clock=FakeClock(), store=store)
    assert str(finished.state) == "success", finished.task_instances[0].reason
    emitted = {info.asset_name: info.extra for info, _ in store.asset_events}
    assert emitted == {"a": {"n": 2}, "b": {}}


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ArgumentError, match="name at least one asset"):
        asset.multi(outlets=[])
    with pytest.raises(ArgumentError, match=r"\*rest: name the assets one by one"):

        @asset(schedule=None)
        def odd(*rest: Any) -> None: ...

    @asset(schedule=None)
    def called() -> None: ...

    with pytest.raises(ArgumentError, match="'called' is not called: it is a DAG already"):
        called()
