"""Seeded worlds around the engine; a failing seed is replayed with `play(seed)`."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tradewind.testing.simulation.acts import act
from tradewind.testing.simulation.dags import FEATURES, random_dag
from tradewind.testing.simulation.world import World

SEEDS = 500
BATCH = 100
ACTS = 70

SOMETIMES = (
    "late message",
    "reload",
    "Cleared",
    "Marked",
    "RunMarked",
    "TriggerReported",
    "restarting",
    "removed",
    "deferred",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
)
"""What must have happened in every batch: a path that no seed takes proves nothing."""


def play(seed: int) -> tuple[World, frozenset[str]]:
    rng = Random(seed)
    spec, features = random_dag(rng)
    world = World(spec, rng)
    for _ in range(ACTS):
        act(world)
    world.heal()
    return world, features


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "first" in metafunc.fixturenames:
        seeds = metafunc.config.getoption("--seeds") or SEEDS
        metafunc.parametrize("first", range(0, seeds, BATCH))


def test_nothing_breaks(first: int) -> None:
    reached: Counter[str] = Counter()
    for seed in range(first, first + BATCH):
        try:
            world, features = play(seed)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        reached.update(world.counts)
        reached.update(features)
    assert [path for path in (*SOMETIMES, *FEATURES) if not reached[path]] == []


@pytest.mark.parametrize(
    "seed",
    [
        10_162,  # one inner index was cleared alone and expanded over its own row
        50_952,  # fail_fast stopped an expansion half-way; a clear numbered over ended rows
        51_343,  # a stub without a row kept a decision whose branch had been cleared
    ],
)
def test_a_seed_that_once_failed(seed: int) -> None:
    play(seed)
