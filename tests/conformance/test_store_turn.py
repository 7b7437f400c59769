"""A turn is written whole or not at all, by the leader only, from the states it expects."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from sqlalchemy import select, text

from tests.conformance.store_world import (
    NOW,
    Leader,
    a_run,
    at,
    attempt_of,
    claim_of,
    end_of,
    moved,
)
from tradewind.errors import Bug, Fenced
from tradewind.model.event import RunChange, TaskChange
from tradewind.model.ids import AttemptId, TiKey
from tradewind.model.run import TaskInstance
from tradewind.model.state import AttemptState, RunState, TaskState
from tradewind.store import attempts, leases, tables
from tradewind.store.apply import TurnConflict
from tradewind.store.connect import Database
from tradewind.store.read import scheduling
from tradewind.store.turn import (
    CallbackWrite,
    NewRun,
    RenderedWrite,
    ScheduleAdvance,
    TriggerResult,
    TriggerWrite,
    XComWrite,
)


@pytest.fixture
def leader(db: Database) -> Leader:
    return Leader(db)


def instances(db: Database, run_pk: int) -> dict[tuple[str, int], TaskInstance]:
    found = scheduling.run_rows(db, run_pk)
    assert found is not None
    return {(ti.task_id, ti.map_index): ti for ti in found.instances}


def events(db: Database, subject: str) -> list[tuple[Any, ...]]:
    table = tables.ti_event
    with db.read() as conn:
        found = conn.execute(
            select(table.c.task_id, table.c.fence, table.c.from_state, table.c.to_state)
            .where(table.c.subject == subject)
            .order_by(table.c.seq)
        )
        return [tuple(row) for row in found]


def xcoms(db: Database) -> dict[str, bytes]:
    with db.read() as conn:
        found = conn.execute(select(tables.xcom.c.key, tables.xcom.c.value))
        return {row.key: bytes(row.value) for row in found}


# ---- what is written ----------------------------------------------------------------------


def test_a_run_comes_back_as_it_was_given(db: Database, leader: Leader) -> None:
    run = a_run(
        logical_date=at(-60),
        interval_start=at(-60),
        interval_end=at(0),
        conf={"a": [1, {"b": None}], "ü": "\N{SNOWMAN}"},
        note="n",
        triggering_user="u",
        source_hash="s",
        tree_hash="t",
        backfill_id=3,
    )
    created = leader.apply(new_runs=[NewRun(run=run)]).created_runs[0]
    assert created is not None
    assert created.run_pk > 0
    assert msgspec.structs.replace(created, run_pk=0) == run
    assert scheduling.run(db, created.run_pk) == created
    assert events(db, "run") == [(None, None, None, "queued")]


def test_a_task_instance_comes_back_as_it_was_given(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    ti = TaskInstance(
        run_pk=run.run_pk,
        task_id="group.tâche",
        map_index=7,
        state=TaskState.UP_FOR_RETRY,
        try_number=2,
        max_tries=3,
        fence=5,
        attempt_id=AttemptId("f" * 32),
        due_at=at(1),
        queued_at=at(2),
        started_at=at(3),
        ended_at=at(4),
        first_started_at=at(5),
        reschedule_count=6,
        mapped_length=0,
        returned=True,
        infra_losses=1,
        map_path=(2, 7),
        skips=("a,b", "*"),
        reason="why \N{SNOWMAN}",
    )
    leader.apply(created=[ti])
    assert instances(db, run.run_pk)["group.tâche", 7] == ti


def test_text_that_postgresql_refuses_is_made_acceptable(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    ti = leader.claim(leader.queue(leader.create(run)))
    failed = moved(ti, TaskState.FAILED, reason="ValueError: \x00")
    leader.apply(
        ends=[end_of(ti, reason="\x00")], changes=[TaskChange(ti, failed, "bad \x00 byte")]
    )
    assert instances(db, run.run_pk)["a", -1].reason == "ValueError: \N{REPLACEMENT CHARACTER}"


def test_several_moves_of_one_task_are_one_row_and_one_event_each(
    db: Database, leader: Leader
) -> None:
    run = leader.start_run()
    ti = leader.create(run)
    queued = leader.queue(ti)
    assert instances(db, run.run_pk)["a", -1] == queued
    assert events(db, "task") == [("a", 0, "none", "scheduled"), ("a", 1, "scheduled", "queued")]
    assert events(db, "attempt") == [("a", 1, None, "queued")]


def test_a_task_born_in_the_turn_is_inserted_in_its_last_state(
    db: Database, leader: Leader
) -> None:
    run = leader.start_run()
    ti = TaskInstance(run_pk=run.run_pk, task_id="a")
    queued, changes = leader.to_queued(ti)
    leader.apply(created=[ti], changes=changes, attempts=[attempt_of(queued)])
    assert instances(db, run.run_pk)["a", -1] == queued
    assert len(events(db, "task")) == 2


def test_an_attempt_goes_from_queued_to_done(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    queued = leader.queue(leader.create(run))
    assert queued.attempt_id is not None
    running = leader.claim(queued)
    leader.apply(beats=[queued.attempt_id])
    claimed = attempts.get(db, queued.attempt_id)
    assert claimed is not None
    assert (claimed.state, claimed.nonce, claimed.worker) == (AttemptState.RUNNING, "n", "host:1")
    assert (claimed.hb_counter, claimed.claimed_at) == (2, NOW)
    leader.finish(running)
    done = attempts.get(db, queued.attempt_id)
    assert done is not None
    assert (done.state, done.exit_code, done.ended_at) == (AttemptState.DONE, 0, NOW)
    assert events(db, "attempt") == [
        ("a", 1, None, "queued"),
        ("a", 1, "queued", "running"),
        ("a", 1, "running", "done"),
    ]


def test_a_large_turn_is_written_whole(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    tis = [TaskInstance(run_pk=run.run_pk, task_id="a", map_index=i) for i in range(500)]
    leader.apply(created=tis)
    moves = [leader.to_queued(ti) for ti in tis]
    leader.apply(
        changes=[change for _, changes in moves for change in changes],
        attempts=[attempt_of(queued) for queued, _ in moves],
    )
    assert {ti.state for ti in instances(db, run.run_pk).values()} == {TaskState.QUEUED}
    assert len(events(db, "task")) == 1000


def test_replaying_the_events_gives_the_table(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    leader.run_once(run, "a")
    retried = leader.claim(leader.queue(leader.create(run, "b")))
    waiting = leader.finish(retried, TaskState.UP_FOR_RETRY)
    leader.finish(leader.claim(leader.queue(waiting)), TaskState.FAILED)
    leader.queue(leader.create(run, "c"))
    states: dict[str, str] = {}
    for task_id, _, before, after in events(db, "task"):
        assert states.get(task_id, "none") == before
        states[task_id] = after
    assert states == {key[0]: ti.state.value for key, ti in instances(db, run.run_pk).items()}


# ---- what is refused ----------------------------------------------------------------------


def test_a_scheduler_that_lost_the_lease_writes_nothing(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    ti = leader.create(run)
    other = Leader(db)
    assert other.epoch == leader.epoch + 1
    with pytest.raises(Fenced):
        leader.apply(new_runs=[NewRun(run=a_run("late"))])
    with pytest.raises(Fenced):
        leader.queue(ti)
    assert instances(db, run.run_pk)["a", -1] == ti
    assert [r.run_id for r in scheduling.active_runs(db)] == ["r1"]


def test_a_scheduler_that_gave_the_lease_up_writes_nothing(db: Database, leader: Leader) -> None:
    leases.release(db, leases.SCHEDULER, leader.epoch)
    with pytest.raises(Fenced):
        leader.apply(new_runs=[NewRun(run=a_run())])


@pytest.mark.parametrize("what", ["state", "fence", "gone"])
def test_a_task_that_is_not_as_expected_refuses_the_turn(
    db: Database, leader: Leader, what: str
) -> None:
    run, other = leader.start_run(), leader.start_run(a_run("r2"))
    ti, fine = leader.create(run), leader.create(other)
    stale = {
        "state": moved(ti, TaskState.SCHEDULED),
        "fence": moved(ti, TaskState.NONE, fence=4),
        "gone": msgspec.structs.replace(ti, task_id="nobody"),
    }[what]
    change = TaskChange(stale, moved(stale, TaskState.SKIPPED))
    before = events(db, "task")
    with pytest.raises(TurnConflict) as caught:
        leader.apply(changes=[TaskChange(fine, moved(fine, TaskState.SKIPPED)), change])
    assert caught.value.run_pks == (run.run_pk,)
    assert instances(db, other.run_pk)["a", -1] == fine
    assert events(db, "task") == before


def test_a_run_that_is_not_as_expected_refuses_the_turn(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    queued = msgspec.structs.replace(run, state=RunState.QUEUED)
    with pytest.raises(TurnConflict) as caught:
        leader.apply(run_changes=[RunChange(queued, run)])
    assert caught.value.run_pks == (run.run_pk,)


def test_an_attempt_is_claimed_once(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    queued = leader.queue(leader.create(run))
    leader.claim(queued)
    with pytest.raises(TurnConflict) as caught:
        leader.apply(claims=[claim_of(queued, "other")])
    assert caught.value.run_pks == (run.run_pk,)


def test_an_end_under_another_nonce_is_refused(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    running = leader.claim(leader.queue(leader.create(run)))
    with pytest.raises(TurnConflict) as caught:
        leader.apply(ends=[end_of(running, nonce="other")])
    assert caught.value.run_pks == (run.run_pk,)
    leader.apply(ends=[end_of(running, nonce=None, after=AttemptState.SUPERSEDED)])


def test_a_second_live_attempt_of_a_task_is_refused(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    queued = leader.queue(leader.create(run))
    second = attempt_of(queued, attempt_id=AttemptId("e" * 32), fence=9)
    with pytest.raises(TurnConflict) as caught:
        leader.apply(attempts=[second])
    assert caught.value.run_pks == (run.run_pk,)


def test_a_fence_is_used_once(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    running = leader.claim(leader.queue(leader.create(run)))
    leader.finish(running)
    with pytest.raises(TurnConflict):
        leader.apply(attempts=[attempt_of(running, attempt_id=AttemptId("e" * 32))])


def test_a_task_instance_is_created_once(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    ti = leader.create(run)
    with pytest.raises(TurnConflict) as caught:
        leader.apply(created=[ti])
    assert caught.value.run_pks == (run.run_pk,)


def test_changes_that_do_not_follow_each_other_are_a_bug(db: Database, leader: Leader) -> None:
    ti = leader.create(leader.start_run())
    running = moved(ti, TaskState.RUNNING)
    with pytest.raises(Bug):
        leader.apply(
            changes=[
                TaskChange(ti, moved(ti, TaskState.SCHEDULED)),
                TaskChange(running, moved(ti, TaskState.SUCCESS)),
            ]
        )


def test_the_database_knows_the_legal_states(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    leader.create(run)
    with pytest.raises(Exception, match=r"(?i)check constraint|refused"), db.write() as conn:
        conn.execute(text("UPDATE task_instance SET state = 'nonsense'"))


# ---- runs ---------------------------------------------------------------------------------


def test_a_run_exists_once_by_id_and_by_logical_date(db: Database, leader: Leader) -> None:
    first = a_run("r1", logical_date=at(0))
    same_id = a_run("r1")
    same_date = a_run("r2", logical_date=at(0))
    other_dag = a_run("r1", dag_id="other", logical_date=at(0))
    undated = a_run("r3")
    created = leader.apply(
        new_runs=[NewRun(run=r) for r in (first, same_id, same_date, other_dag, undated)]
    ).created_runs
    assert [r.run_id if r else None for r in created] == ["r1", None, None, "r1", "r3"]
    assert len(events(db, "run")) == 3


# ---- values -------------------------------------------------------------------------------


def xcom(ti: TaskInstance, key: str, value: bytes = b"1") -> XComWrite:
    assert ti.attempt_id is not None
    return XComWrite(ti=ti.key, attempt_id=ti.attempt_id, key=key, value=value)


def test_xcoms_are_replaced_and_deleted(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    leader.apply(xcoms=[xcom(running, "x"), xcom(running, "y"), xcom(running, "x", b"2")])
    assert xcoms(db) == {"x": b"2", "y": b"1"}
    leader.apply(xcoms_gone=[(running.key, "y"), (running.key, "nothing")])
    assert xcoms(db) == {"x": b"2"}


def test_a_retry_starts_without_the_xcoms_of_the_try_before(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    leader.apply(xcoms=[xcom(running, "early")])
    waiting = moved(running, TaskState.UP_FOR_RETRY)
    queued, changes = leader.to_queued(waiting)
    # The failed try's last values and the next attempt may come in the same turn.
    leader.apply(
        ends=[end_of(running)],
        xcoms=[xcom(running, "late")],
        changes=[TaskChange(running, waiting), *changes],
        attempts=[attempt_of(queued)],
    )
    assert xcoms(db) == {}


def test_a_lost_attempt_of_the_same_try_leaves_no_xcom(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    leader.apply(xcoms=[xcom(running, "x")])
    again = moved(
        running, TaskState.QUEUED, fence=2, attempt_id=AttemptId("a" * 32), infra_losses=1
    )
    leader.apply(
        ends=[end_of(running, after=AttemptState.LOST, nonce=None)],
        changes=[TaskChange(running, again)],
        attempts=[attempt_of(again)],
    )
    assert xcoms(db) == {}


def test_a_task_that_goes_on_after_a_deferral_keeps_its_xcoms(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    deferred = leader.finish(running, TaskState.DEFERRED, xcoms=[xcom(running, "x")])
    again = moved(deferred, TaskState.QUEUED, fence=2, attempt_id=AttemptId("a" * 32))
    leader.apply(changes=[TaskChange(deferred, again)], attempts=[attempt_of(again)])
    assert xcoms(db) == {"x": b"1"}


def test_rendered_fields_are_replaced(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    assert running.attempt_id is not None
    for fields in (b'{"a":1}', b'{"a":2}'):
        write = RenderedWrite(ti=running.key, attempt_id=running.attempt_id, fields=fields)
        leader.apply(rendered=[write])
    with db.read() as conn:
        assert [bytes(v) for v in conn.execute(select(tables.rendered.c.fields)).scalars()] == [
            b'{"a":2}'
        ]


# ---- deferrals ----------------------------------------------------------------------------


def defer(ti: TaskInstance) -> TriggerWrite:
    return TriggerWrite(
        ti=ti.key,
        fence=ti.fence,
        classpath="m.Trigger",
        kwargs=b'{"moment":1}',
        next_method="execute_complete",
        next_kwargs=b"{}",
        timeout_at=at(60),
    )


def test_a_deferral_waits_gets_its_result_and_ends_with_its_try(
    db: Database, leader: Leader
) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    deferred = leader.finish(running, TaskState.DEFERRED, triggers=[defer(running)])
    found = scheduling.deferral(db, deferred.key)
    assert found is not None
    assert (found.fence, found.has_result, found.timeout_at) == (1, False, at(60))
    assert bytes(found.kwargs) == b'{"moment":1}'

    scheduled = moved(deferred, TaskState.SCHEDULED)
    leader.apply(
        trigger_results=[TriggerResult(ti=deferred.key, fence=1, payload=b'"done"')],
        changes=[TaskChange(deferred, scheduled)],
    )
    found = scheduling.deferral(db, deferred.key)
    assert found is not None
    assert found.has_result
    assert found.payload == b'"done"'

    again = leader.claim(leader.queue(scheduled))
    assert len(scheduling.deferrals(db)) == 1
    leader.finish(again)
    assert scheduling.deferrals(db) == []


def test_a_second_deferral_replaces_the_first(db: Database, leader: Leader) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    deferred = leader.finish(running, TaskState.DEFERRED, triggers=[defer(running)])
    again = leader.claim(leader.queue(moved_to_scheduled(leader, deferred)))
    leader.finish(again, TaskState.DEFERRED, triggers=[defer(again)])
    assert [d.fence for d in scheduling.deferrals(db)] == [2]


def moved_to_scheduled(leader: Leader, ti: TaskInstance) -> TaskInstance:
    scheduled = moved(ti, TaskState.SCHEDULED)
    leader.apply(changes=[TaskChange(ti, scheduled)])
    return scheduled


def test_a_deferral_that_fails_or_is_cleared_is_forgotten(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    for task_id, after in (("a", TaskState.FAILED), ("b", TaskState.NONE)):
        running = leader.claim(leader.queue(leader.create(run, task_id)))
        deferred = leader.finish(running, TaskState.DEFERRED, triggers=[defer(running)])
        leader.apply(changes=[TaskChange(deferred, moved(deferred, after))])
    assert scheduling.deferrals(db) == []


def test_nothing_is_left_of_a_deferral_when_its_task_does_not_go_on_after_all(
    db: Database, leader: Leader
) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    deferred = leader.finish(running, TaskState.DEFERRED, triggers=[defer(running)])
    scheduled = moved_to_scheduled(leader, deferred)
    leader.apply(changes=[TaskChange(scheduled, moved(scheduled, TaskState.SKIPPED))])
    assert scheduling.deferrals(db) == []


def test_nothing_is_left_of_a_deferral_whose_task_was_ended_in_the_same_turn(
    db: Database, leader: Leader
) -> None:
    running = leader.claim(leader.queue(leader.create(leader.start_run())))
    leader.finish(running, TaskState.FAILED, triggers=[defer(running)])
    assert scheduling.deferrals(db) == []


# ---- bookkeeping --------------------------------------------------------------------------


def test_a_callback_is_owed_once(db: Database, leader: Leader) -> None:
    run = leader.start_run()
    owed = CallbackWrite(dedup="1:a:failure:1:0", run_pk=run.run_pk, kind="failure", task_id="a")
    leader.apply(callbacks=[owed, owed])
    leader.apply(callbacks=[owed])
    found = scheduling.owed_callbacks(db, 10)
    assert [c.dedup for c in found] == ["1:a:failure:1:0"]
    leader.apply(callbacks_done=[(found[0].callback_id, "it raised")])
    assert scheduling.owed_callbacks(db, 10) == []


def test_a_calendar_moves_from_where_it_is_expected(db: Database, leader: Leader) -> None:
    with db.write() as conn:
        conn.execute(
            tables.dag.insert(),
            {
                "dag_id": "d",
                "dag_file": "d.py",
                "active": True,
                "paused": False,
                "version_id": 1,
                "version_number": 1,
                "source_hash": "",
                "tree_hash": "",
                "schedule": '{"type":"once"}',
                "timezone": "UTC",
                "catchup": False,
                "max_active_runs": 16,
                "max_active_tasks": 16,
                "owners": "",
            },
        )
    leader.apply(
        advances=[
            ScheduleAdvance(
                dag_id="d",
                before_due=None,
                next_due=at(60),
                last_logical=at(0),
                last_run_after=at(0),
            )
        ]
    )
    leader.apply(advances=[ScheduleAdvance(dag_id="d", before_due=at(60), next_due=at(120))])
    calendar = scheduling.calendar(db, "d")
    assert calendar is not None
    assert (calendar.next_due, calendar.last_logical) == (at(120), at(0))
    assert calendar.last_run_after == at(0)
    with pytest.raises(TurnConflict) as caught:
        leader.apply(advances=[ScheduleAdvance(dag_id="d", before_due=at(60), next_due=None)])
    assert caught.value.run_pks == ()


def test_task_keys_may_hold_any_text(db: Database, leader: Leader) -> None:
    run = leader.start_run(a_run("scheduled__2026-03-01T00:00:00+00:00 100% :x %(y)s"))
    ti = leader.run_once(run, "a%s:b%(c)s?")
    assert ti.key == TiKey(run.run_pk, "a%s:b%(c)s?", -1)
    assert instances(db, run.run_pk)["a%s:b%(c)s?", -1].state is TaskState.SUCCESS
