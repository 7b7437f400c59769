"""Each guard of the scheduler matters: without it, a scenario or a seed goes wrong.

A guard is a piece of source text. The function that holds it is compiled anew without it, and
what shows that the guard is needed must then fail.
"""

from __future__ import annotations
import __future__

import inspect
import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.sim import test_scheduler as sim
from tests.unit.scheduler import test_deadlines as in_time
from tests.unit.scheduler import test_deferrals as deferring
from tests.unit.scheduler import test_fences as fences
from tests.unit.scheduler import test_repeated as repeated
from tests.unit.scheduler import test_replay as replays
from tests.unit.scheduler import test_states as keeping
from tests.unit.scheduler import test_stopping as stopping
from tests.unit.scheduler import test_waiting as waiting
from tests.unit.scheduler import test_watchers as watching
from tests.unit.scheduler.town import Found
from tradewind.actions import user_calls
from tradewind.engine import events, runs, step
from tradewind.model.spec import DagSpec
from tradewind.scheduler import (
    after,
    calls,
    deadlines,
    decide,
    dispatch,
    intake,
    loop,
    reconcile,
    replay,
    watchers,
    work,
)
from tradewind.scheduler import deferral as deferrals
from tradewind.scheduler import runs as scheduler_runs
from tradewind.scheduler import stopping as stoppings
from tradewind.store import apply

SEEDS = 8


class Guard(NamedTuple):
    """A function by owner and name, the text that guards it, and what takes its place."""

    owner: Any
    name: str
    text: str
    instead: str
    shown_by: Callable[..., None]
    spec: DagSpec | None = None


def fence(owner: Any, name: str, text: str, instead: str, shown_by: Callable[..., None]) -> Guard:
    return Guard(owner, name, text, instead, shown_by, fences.SPEC)


def stop(owner: Any, name: str, text: str, instead: str, shown_by: Callable[..., None]) -> Guard:
    return Guard(owner, name, text, instead, shown_by, stopping.SPEC)


def once(owner: Any, name: str, text: str, instead: str, shown_by: Callable[..., None]) -> Guard:
    return Guard(owner, name, text, instead, shown_by, replays.SPEC)


def some_seed(_found: Found, template: Path) -> None:
    for seed in range(SEEDS):
        sim.play(seed, template)


gives_its_place = waiting.test_a_run_that_waits_for_an_earlier_one_gives_its_place_to_it
starts_anew = partial(
    stopping.test_it_starts_anew_when_the_old_attempt_has_ended, stop="a task is marked"
)
taken_over = partial(stopping.test_whoever_takes_over_waits_for_it_too, cleared="after")
refused_once = fences.test_no_answer_goes_out_before_its_turn_is_committed

GUARDS: dict[str, Guard] = {
    "a claim names the launch": fence(
        intake.Intake,
        "claim",
        " or live.claim_token != message.claim_token",
        "",
        fences.test_only_who_was_given_an_attempt_may_claim_it,
    ),
    "a claim is made once": fence(
        intake.Intake,
        "claim",
        "elif nonce != message.nonce:",
        "elif False:",
        fences.test_a_second_claim_is_refused_and_a_repeated_one_is_the_same,
    ),
    "a claim counts within its turn": fence(
        work.Work,
        "nonce_of",
        "live.nonce or next((n for a, n, _ in self.claims if a == live.attempt_id), None)",
        "live.nonce",
        fences.test_two_claims_in_one_turn_start_it_once,
    ),
    "an outcome names its claim": fence(
        intake.Intake,
        "finish",
        "(nonce != message.nonce and not unclaimed)",
        "False",
        fences.test_an_outcome_under_another_claim_changes_nothing,
    ),
    "an attempt has one outcome": fence(
        intake.Intake,
        "finish",
        "if message.attempt_id not in work.ended:",
        "if True:",
        fences.test_the_first_outcome_counts,
    ),
    "a call names its claim": fence(
        calls.Calls,
        "_caller",
        "live.nonce == nonce and ",
        "",
        fences.test_a_call_under_another_claim_is_refused,
    ),
    "what nobody claims is submitted again": fence(
        dispatch.Dispatch,
        "resubmit_due",
        "if late:",
        "if False:",
        fences.test_what_nobody_claims_is_handed_over_again,
    ),
    "silence is a loss": fence(
        reconcile.Reconcile,
        "full",
        "> self._lease_s",
        "> 1e9",
        fences.test_who_is_silent_for_the_lease_is_lost_and_its_outcome_refused,
    ),
    "only its own beat keeps an attempt": fence(
        intake.Intake,
        "beat",
        " and live.nonce == running.nonce",
        "",
        fences.test_a_beat_under_another_claim_keeps_nothing_alive,
    ),
    "what is not current is told to stop": fence(
        intake.Intake,
        "beat",
        "fenced.append(running.attempt_id)",
        "pass",
        fences.test_who_beats_is_not_lost_and_is_told_what_to_stop,
    ),
    "a claim outweighs old news": fence(
        reconcile,
        "lose",
        " or any(a == live.attempt_id for a, _, _ in work.claims)",
        "",
        fences.test_a_claim_and_news_of_its_end_in_one_turn_leave_it_running,
    ),
    "a loss before the claim costs no try": fence(
        reconcile.Reconcile,
        "_apply",
        " or live.nonce is None",
        "",
        fences.test_a_loss_before_user_code_costs_no_try,
    ),
    "a turn holds the lease": fence(
        apply,
        "_must_hold",
        "if not held:",
        "if False:",
        fences.test_a_leader_that_lost_the_lease_writes_nothing,
    ),
    "a task's row is as expected": fence(
        apply,
        "_add_instances",
        "_UPDATE_TI, updates, expect=len(updates)",
        "_UPDATE_TI, updates",
        refused_once,
    ),
    "a claimed row is queued": fence(
        apply,
        "_add_attempts",
        "CLAIM, claims, expect=len(claims)",
        "CLAIM, claims",
        fences.test_a_claim_of_what_has_ended_in_the_database_is_refused,
    ),
    "an ended row is as expected": fence(
        apply,
        "_add_attempts",
        "_END, ends, expect=len(ends)",
        "_END, ends",
        fences.test_an_outcome_of_what_another_has_claimed_in_the_database_is_refused,
    ),
    "what was refused is read again": fence(
        loop.Scheduler, "_undo", "self._reload |= touched", "pass", refused_once
    ),
    "a trigger names its deferral": fence(
        deferrals.Deferrals,
        "current",
        " and trigger.nonce == nonce",
        "",
        fences.test_a_trigger_of_an_earlier_deferral_wakes_nobody,
    ),
    "a deadline that passes is missed": Guard(
        deadlines.Deadlines,
        "note",
        "work.turn.deadlines_missed.append(deadline.deadline_id)",
        "pass",
        in_time.test_a_missed_deadline_is_seen_once_and_its_callback_is_made,
    ),
    "a deadline that was met is forgotten": Guard(
        decide.Decider,
        "_collect",
        "follow_run(work, entry.version.spec.deadlines, decided.run_change)",
        "pass",
        in_time.test_a_run_that_succeeds_in_time_has_no_deadline_any_more,
    ),
    "an event of a watcher has a name": Guard(
        watchers.Watchers,
        "event",
        'key=f"{message.nonce}.{message.number}"',
        "key=None",
        watching.test_an_event_that_is_told_again_is_kept_once_though_the_leader_died,
    ),
    "only the current attempt keeps values": Guard(
        user_calls.UserCalls,
        "_state",
        "states.must_run(conn, request.attempt_id, request.nonce)",
        "pass",
        keeping.test_an_attempt_that_another_has_claimed_in_the_database_keeps_nothing,
        keeping.SPEC,
    ),
    "max_active_runs holds": fence(
        scheduler_runs,
        "admit_runs",
        "if counts[lane] >= limit.max_active_runs:",
        "if False:",
        fences.test_a_second_run_waits_for_its_place,
    ),
    "a run that only waits gives its place": Guard(
        runs,
        "_gives",
        "same and place(queued) < place(waiting)",
        "False",
        partial(gives_its_place, busy=False),
    ),
    "a place is given up later, too": Guard(
        scheduler_runs.Runs,
        "committed",
        "if not self._look_when_moved.isdisjoint(work.touched):",
        "if False:",
        partial(gives_its_place, busy=True),
    ),
    "what can move does before its place is given up": Guard(
        scheduler_runs,
        "_in_the_way",
        "only_past_helps(entry.live, entry.past, now)",
        "True",
        partial(gives_its_place, busy=True),
    ),
    "the next run hears of the past": Guard(
        scheduler_runs.Runs,
        "_note_past",
        "self._past_changed.add(run_pk)",
        "pass",
        partial(gives_its_place, busy=False),
    ),
    "a paused DAG starts nothing": Guard(
        scheduler_runs,
        "admit_runs",
        "limit.paused or ",
        "",
        waiting.test_nothing_of_a_paused_dag_starts,
    ),
    "the queue has an end": Guard(
        dispatch.Dispatch,
        "time_out",
        "> self._queued_timeout_s",
        "> 1e9",
        waiting.test_what_no_worker_takes_fails_after_the_queued_timeout,
    ),
    "what was stopped is awaited": stop(
        step, "visit", " and held_until(draft, ti.in_run) is None", "", starts_anew
    ),
    "what was stopped is remembered": stop(
        after.AfterCommit, "attempts", "stopping.update(", "dict(", starts_anew
    ),
    "the end of what was stopped is told": stop(
        reconcile.Reconcile, "_apply", "work.has_ended(stopped)", "pass", starts_anew
    ),
    "the end of what was stopped is heard": stop(
        events, "has_ended", "_let_go(draft, key)", "pass", starts_anew
    ),
    "what an earlier leader stopped is found": stop(
        stoppings.Stoppings, "of", "self._find(run_pk)", "pass", taken_over
    ),
    "waiting for what was stopped has an end": stop(
        step,
        "_come_due",
        "give_up_waiting(draft)",
        "pass",
        stopping.test_what_nobody_hears_of_again_counts_as_ended_after_the_lease,
    ),
    "a request is named": once(
        user_calls.UserCalls,
        "_trigger",
        'key=f"{request.attempt_id} {request.nonce} {request.seq}"',
        "key=None",
        repeated.test_a_task_starts_another_run_once,
    ),
    "a repeated outcome is known": once(
        intake.Intake,
        "_finished_before",
        "row is not None and ",
        "False and ",
        repeated.test_an_asset_event_is_written_once,
    ),
    "an order that no turn holds is set aside": once(
        replay.Replay,
        "hopeless",
        "if e.seq in self._hopeless",
        "if False",
        replays.test_an_order_that_cannot_be_done_is_answered,
    ),
    "facts outlive a refused turn": once(
        reconcile.Reconcile,
        "changes",
        "self._apply(work, self._facts)",
        "self._apply(work, self._facts); self._facts.clear()",
        replays.test_what_an_executor_said_outlives_a_refused_turn,
    ),
    "owed callbacks are looked for": Guard(
        after.AfterCommit, "rest", "self._callbacks.look_again()", "pass", some_seed
    ),
    "deferrals are launched": Guard(
        after.AfterCommit,
        "rest",
        "self._deferrals.launch()",
        "pass",
        deferring.test_a_trigger_starts_as_soon_as_its_task_has_deferred,
    ),
    "a trigger is adopted by its event": Guard(
        deferrals.Deferrals,
        "finish",
        "self._triggers.adopt(message.attempt_id, peer_id, message.nonce)",
        "pass",
        deferring.test_the_event_of_who_is_given_a_trigger_again_counts_before_it_claims,
    ),
}


def remove(guard: Guard, patch: pytest.MonkeyPatch) -> None:
    """Compile the function anew without its guard, in its own module."""
    function = inspect.getattr_static(guard.owner, guard.name)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(guard.text) == 1, f"{guard.name} has no longer this guard: {guard.text}"
    file = inspect.getsourcefile(function) or ""
    flags = __future__.annotations.compiler_flag
    code = compile(source.replace(guard.text, guard.instead), file, "exec", flags)
    made: dict[str, Any] = {}
    exec(code, function.__globals__, made)  # noqa: S102  that is what a mutant is
    patch.setattr(guard.owner, guard.name, made[guard.name])


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", sorted(GUARDS))
def test_without_it_something_goes_wrong(
    name: str,
    found: Found,
    sqlite_template: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = GUARDS[name]
    remove(guard, monkeypatch)
    given = {"caplog": caplog} if "caplog" in inspect.signature(guard.shown_by).parameters else {}
    try:
        if guard.shown_by is some_seed:
            some_seed(found, sqlite_template)
        elif guard.spec is not None:
            guard.shown_by(town=found(guard.spec), **given)
        else:
            guard.shown_by(found=found, **given)
    except Exception:  # noqa: BLE001  however it shows
        return
    pytest.fail(f"nothing notices that this is gone: {name}")
