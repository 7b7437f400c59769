"""What tasks ask people: list the questions, look at one, answer it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.actions.respond import respond
from tradewind.errors import Conflict, NotFound
from tradewind.store.read import history, hitl, task_list
from tradewind.store.read.hitl import Asked, AskedFilter
from tradewind.store.read.task_list import TaskRow
from tradewind.web.access import Access
from tradewind.web.api.dag_runs import RUN, dags_of, the_run
from tradewind.web.api.task_instances import MAPPED, the_task
from tradewind.web.api.task_shapes import (
    TaskInstanceHistoryResponse,
    TaskInstanceResponse,
    task_shapes,
    try_shape,
)
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Body, Shape, slice_of

routes = Routes("Task Instance")
_DETAILS = f"{MAPPED}/hitlDetails"
_ALL = "~"


class HITLUser(Shape):
    """A person."""

    id: str
    name: str


class _Question(Shape):
    """A question and its answer."""

    subject: str
    body: str | None
    options: list[str]
    defaults: list[str] | None
    multiple: bool
    params: dict[str, Any]
    assigned_users: list[HITLUser]
    created_at: datetime
    responded_by_user: HITLUser | None
    responded_at: datetime | None
    chosen_options: list[str] | None
    params_input: dict[str, Any]
    response_received: bool


class HITLDetail(_Question):
    """What a task asks, and the answer."""

    task_instance: TaskInstanceResponse


class HITLDetailHistory(_Question):
    """What a try of a task asked, and the answer."""

    task_instance: TaskInstanceHistoryResponse


class HITLDetailCollection(Shape):
    """Questions."""

    hitl_details: list[HITLDetail]
    total_entries: int


class HITLDetailResponse(Shape):
    """An answer that was taken."""

    responded_by: HITLUser
    responded_at: datetime
    chosen_options: list[str]
    params_input: dict[str, Any]


class UpdateHITLDetailPayload(Body):
    """An answer."""

    chosen_options: Annotated[list[str], Meta(min_length=1, max_length=1_000)]
    params_input: dict[str, Any] = msgspec.field(default_factory=dict)


@routes.get(f"{RUN}/hitlDetails", Access.DAG_READ)
def get_hitl_details(call: Call[AskedFilter, None]) -> HITLDetailCollection:
    """List the questions of a run, or of all runs (~)."""
    site, run_id = call.site, call.path["dag_run_id"]
    if run_id != _ALL and call.path["dag_id"] != _ALL:
        the_run(call)
    found, total = hitl.find(
        site.db,
        call.query,
        slice_of(site.config, call.query, "ti_id"),
        call.caller.readable,
        dag_ids=dags_of(call),
        run_id=None if run_id == _ALL else run_id,
    )
    return HITLDetailCollection(hitl_details=_shapes(call, found), total_entries=total)


@routes.get(_DETAILS, Access.DAG_READ)
def get_hitl_detail(call: Call[None, None]) -> HITLDetail:
    """Return what a task instance asked last."""
    return _shapes(call, [_the_question(call)[1]])[0]


@routes.get(f"{_DETAILS}/tries/{{try_number}}", Access.DAG_READ)
def get_hitl_detail_try_detail(call: Call[None, None]) -> HITLDetailHistory:
    """Return what the latest try of a task instance asked; older questions are not kept."""
    row, asked = _the_question(call)
    number = call.number("try_number")
    for tried in history.tries(call.site.db, row.ti.key):
        if tried.try_number == number and any(a.fence == asked.fence for a in tried.attempts):
            return HITLDetailHistory(
                task_instance=try_shape(call.site, row, tried), **_question(asked)
            )
    raise NotFound(f"no question of try {number} of task {row.ti.task_id!r} is kept")


@routes.patch(_DETAILS, Access.DAG_EDIT)
def update_hitl_detail(call: Call[None, UpdateHITLDetailPayload]) -> HITLDetailResponse:
    """Answer a task that waits for a person: the first answer counts."""
    site, body = call.site, call.body
    row, asked = _the_question(call)
    name = call.caller.name
    taken = respond(
        site.db,
        site.signal,
        site.clock,
        row.ti.key,
        body.chosen_options,
        body.params_input,
        user_id=name,
        user_name=name,
    )
    call.audit(after={"chosen_options": body.chosen_options})
    kept = hitl.asked(site.db, row.ti.key) if taken else None
    if kept is None or kept.responded_at is None or kept.fence != asked.fence:
        # No scheduler leads now: the answer is kept, and taken by the next one.
        return HITLDetailResponse(
            responded_by=HITLUser(id=name, name=name),
            responded_at=site.clock.now(),
            chosen_options=body.chosen_options,
            params_input=body.params_input,
        )
    by = _person(kept.responded_by or {})
    if by.id != name:
        raise Conflict(f"{kept.dag_id}.{row.ti.task_id} was answered by {by.name} already")
    return HITLDetailResponse(
        responded_by=by,
        responded_at=kept.responded_at,
        chosen_options=list(kept.chosen_options or ()),
        params_input=kept.params_input,
    )


def _the_question(call: Call[Any, Any]) -> tuple[TaskRow, Asked]:
    row = the_task(call, call.number("map_index"))
    asked = hitl.asked(call.site.db, row.ti.key)
    if asked is None:
        raise NotFound(f"task {row.ti.task_id!r} of run {row.run.run_id!r} asks nothing")
    return row, asked


def _shapes(call: Call[Any, Any], found: Sequence[Asked]) -> list[HITLDetail]:
    by_key = task_list.by_keys(call.site.db, [asked.ti for asked in found])
    # A run may have been removed between the two looks.
    there = [asked for asked in found if asked.ti in by_key]
    shown = task_shapes(call.site, [by_key[asked.ti] for asked in there])
    return [
        HITLDetail(task_instance=ti, **_question(asked))
        for ti, asked in zip(shown, there, strict=True)
    ]


def _question(asked: Asked) -> dict[str, Any]:
    question = asked.question
    return {
        "subject": question.subject,
        "body": question.body,
        "options": list(question.options),
        "defaults": None if question.defaults is None else list(question.defaults),
        "multiple": question.multiple,
        "params": question.params,
        "assigned_users": [_person(user) for user in question.assigned_users],
        "created_at": asked.created_at,
        "responded_by_user": _person(asked.responded_by) if asked.responded_by else None,
        "responded_at": asked.responded_at,
        "chosen_options": None if asked.chosen_options is None else list(asked.chosen_options),
        "params_input": asked.params_input,
        "response_received": asked.responded_at is not None,
    }


def _person(user: dict[str, Any]) -> HITLUser:
    known = str(user.get("id") or user.get("name") or "")
    return HITLUser(id=known, name=str(user.get("name") or known))
