"""Seeded worlds around the engine; a failing seed is replayed with `play(seed)`."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from tests.sim.reached import Reached, chunks, first_seed
from tradewind.testing.simulation.acts import act
from tradewind.testing.simulation.dags import FEATURES, random_dag
from tradewind.testing.simulation.world import World

SEEDS = 500
CHUNK = 20
ACTS = 70

SOMETIMES = (
    "late message",
    "reload",
    "Cleared",
    "Marked",
    "RunMarked",
    "TriggerReported",
    "restarting",
    "told to stop",
    "removed",
    "deferred",
    "up_for_retry",
    "up_for_reschedule",
    "upstream_failed",
    "skipped",
)
"""What must have happened in all seeds together: a path that none takes proves nothing."""


def play(seed: int, *, stops: bool = True) -> tuple[World, frozenset[str]]:
    rng = Random(seed)
    spec, features = random_dag(rng)
    world = World(spec, rng, stops=stops)
    for _ in range(ACTS):
        act(world)
    world.heal()
    return world, features


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "chunk" in metafunc.fixturenames:
        seeds = metafunc.config.getoption("--seeds") or SEEDS
        metafunc.parametrize("chunk, batch", chunks(seeds, seeds, CHUNK), ids=first_seed)


def test_nothing_breaks(chunk: range, batch: range, reached: Reached) -> None:
    counted: Counter[str] = Counter()
    for seed in chunk:
        try:
            world, features = play(seed)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
        counted.update(world.counts)
        counted.update(features)
    reached.require((*SOMETIMES, *FEATURES), chunk, batch, counted)


@pytest.mark.parametrize(
    "seed",
    [
        10_162,  # one inner index was cleared alone and expanded over its own row
        50_952,  # fail_fast stopped an expansion half-way; a clear numbered over ended rows
        622,  # marked while it ran, then cleared: the oracle did not know that it waits
        51_343,  # a stub without a row kept a decision whose branch had been cleared
    ],
)
def test_a_seed_that_once_failed(seed: int) -> None:
    play(seed, stops=False)
