from __future__ import annotations

from random import Random  # noqa: TID251 (seeded by hypothesis)

from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.engine.graph import Graph
from tradewind.engine.live import LiveRun
from tradewind.model.event import Claimed, Reported
from tradewind.model.spec import decode_spec, encode_spec
from tradewind.testing.simulation.acts import act
from tradewind.testing.simulation.dags import random_dag
from tradewind.testing.simulation.world import World

SEEDS = st.integers(min_value=0, max_value=2**32)


def world_of(seed: int, acts: int) -> World:
    rng = Random(seed)
    world = World(random_dag(rng)[0], rng)
    for _ in range(acts):
        act(world)
    return world


@given(SEEDS, st.integers(min_value=0, max_value=60))
@settings(max_examples=60, deadline=None)
def test_a_fresh_load_counts_what_memory_counts(seed: int, acts: int) -> None:
    live = world_of(seed, acts).live
    fresh = LiveRun.load(live.graph, live.run, list(live.instances()))
    assert fresh.unfinished == live.unfinished
    for place, gate in fresh.gate_at.items():
        known = live.gate_at.get(place)
        if known is not None and known.members:
            assert known.counts[:5] == gate.counts[:5], (place, gate.spec.rule)


@given(SEEDS, st.integers(min_value=1, max_value=60))
@settings(max_examples=60, deadline=None)
def test_a_repeated_event_changes_nothing(seed: int, acts: int) -> None:
    world = world_of(seed, acts)
    for event in [e for e in world.old if isinstance(e, Claimed | Reported)][-5:]:
        current = {ti.attempt_id for ti in world.ledger.rows.values()}
        if event.attempt_id not in current:
            moved = {change.after.in_run for change in world.tell(event).changes}
            assert event.key not in moved


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_a_spec_that_went_through_json_makes_the_same_graph(seed: int) -> None:
    spec, _ = random_dag(Random(seed))
    one, other = Graph.build(spec), Graph.build(decode_spec(encode_spec(spec)))
    assert (one.weights, one.leaves, one.watchers) == (other.weights, other.leaves, other.watchers)
