"""Each guard of the engine matters: without it, some seed breaks an invariant."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.sim.test_engine import play
from tradewind.engine import admit, draft, events, expand, lanes, places, step, visit
from tradewind.errors import TradewindError
from tradewind.testing.simulation.ledger import Broken

SEEDS = 150


def _any_attempt(d: draft.Draft, key: Any, _attempt_id: Any) -> int | None:
    return d.live.key_node.get(key)


def _nothing(*_args: Any, **_fields: Any) -> None:
    return None


def _yes(*_args: Any) -> bool:
    return True


def _setups_forgotten(live: Any, node: int) -> Any:
    direct = live.graph.gate[live.task_of[node]]
    return iter([] if direct == -1 else [direct])


GUARDS: dict[str, tuple[Any, str, Callable[..., Any]]] = {
    "only a current attempt reports": (events, "_current", _any_attempt),
    "what is taken away is stopped": (draft.Draft, "release", _nothing),
    "a branch skips what it did not choose": (visit, "not_chosen_by", _nothing),
    "the previous run is asked": (visit, "past_allows", _yes),
    "a cleared upstream takes the turn back": (step, "_show", _nothing),
    "indirect setups bind": (places, "gate_numbers", _setups_forgotten),
    "a clear takes expansions back": (events, "collapse", _nothing),
    "rows come in the order of their paths": (expand, "_materialise", _nothing),
    "limits hold": (lanes.Limiter, "room_for", _yes),
    "deferred tasks keep their slots": (admit.Admission, "_count_deferred", _nothing),
    "what was stopped is awaited": (visit, "held_until", _nothing),
    "callbacks are owed": (draft.Draft, "call_back", _nothing),
    "what is due is looked at": (step, "_come_due", _nothing),
}


@pytest.mark.parametrize("guard", sorted(GUARDS))
def test_without_it_something_breaks(guard: str, monkeypatch: pytest.MonkeyPatch) -> None:
    owner, name, mutant = GUARDS[guard]
    monkeypatch.setattr(owner, name, mutant)
    for seed in range(SEEDS):
        try:
            play(seed)
        except (Broken, TradewindError, AssertionError, KeyError, IndexError):
            return
    pytest.fail(f"{SEEDS} seeds did not notice that this is gone: {guard}")
