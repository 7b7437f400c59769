"""What tasks keep while they run: through the real scheduler and store."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from tests.unit.scheduler.town import Found, Town, dag, scripted
from tradewind.model.outcome import Failed
from tradewind.store import state_tables, tables
from tradewind.wire.messages import (
    Call,
    DropState,
    Finish,
    GetState,
    Launch,
    Reply,
    Request,
    SetState,
)

SPEC = dag(scripted(retries=1, retry_delay_s=1))


@pytest.fixture
def town(found: Found) -> Town:
    return found(SPEC)


def started(town: Town) -> Launch:
    launch = town.executor.launches[-1]
    town.claim(launch)
    return launch


def ask(town: Town, launch: Launch, call: Call) -> Reply:
    return town.say(Request(seq=5, attempt_id=launch.attempt_id, nonce="n", call=call))


def value(reply: Reply) -> Any:
    return reply.body["value"] if reply.error is None else reply.error


def test_the_next_try_finds_what_the_first_kept(town: Town) -> None:
    town.trigger()
    town.after(1)
    first = started(town)
    assert value(ask(town, first, GetState(key="job"))) == "not_found"
    assert ask(town, first, SetState(key="job", value={"id": 7})).error is None
    assert ask(town, first, SetState(key="other", value=1)).error is None
    failed = Finish(
        seq=6, attempt_id=first.attempt_id, nonce="n", outcome=Failed(error="x", retryable=True)
    )
    town.say(failed)
    town.after(3)
    second = started(town)
    assert second.assignment.try_number == 2
    assert value(ask(town, second, GetState(key="job"))) == {"id": 7}
    # The first try is over: it changes nothing any more.
    assert ask(town, first, SetState(key="job", value="late")).error == "fenced"
    assert ask(town, second, DropState(key="job")).error is None
    assert value(ask(town, second, GetState(key="job"))) == "not_found"
    assert value(ask(town, second, GetState(key="other"))) == 1
    assert ask(town, second, DropState()).error is None
    assert value(ask(town, second, GetState(key="other"))) == "not_found"


def test_a_value_ends_when_its_time_is_up(town: Town) -> None:
    town.trigger()
    town.after(1)
    launch = started(town)
    end = town.cluster.clock.now() + timedelta(seconds=20)
    ask(town, launch, SetState(key="k", value=1, expires_at=end))
    assert value(ask(town, launch, GetState(key="k"))) == 1
    town.after(25)
    assert value(ask(town, launch, GetState(key="k"))) == "not_found"


def test_a_value_of_an_asset_is_everybodys_and_says_who_kept_it(town: Town) -> None:
    run = town.trigger()
    town.after(1)
    launch = started(town)
    orders: dict[str, Any] = {"asset_name": "orders", "asset_uri": "s3://orders"}
    assert value(ask(town, launch, GetState(key="w", **orders))) == "not_found"
    assert ask(town, launch, SetState(key="w", value="x", asset_name="orders")).error == "not_found"
    assert ask(town, launch, SetState(key="w", value="x", **orders)).error is None
    assert value(ask(town, launch, GetState(key="w", asset_uri="s3://orders"))) == "x"
    assert value(ask(town, launch, GetState(key="w"))) == "not_found"  # not the task's own
    with town.db.read() as conn:
        kept = conn.execute(select(state_tables.asset_state.c.updated_by)).scalar_one()
    assert kept == {
        "kind": "task",
        "dag_id": "d",
        "run_id": run.run_id,
        "task_id": "a",
        "map_index": -1,
    }


def test_an_attempt_that_another_has_claimed_in_the_database_keeps_nothing(town: Town) -> None:
    town.trigger()
    town.after(1)
    launch = started(town)
    with town.db.write() as conn:
        conn.execute(tables.attempt.update().values(nonce="m"))
    assert ask(town, launch, SetState(key="k", value=1)).error == "fenced"
