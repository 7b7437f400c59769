"""Answer what a task asks a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tradewind.actions.answer import ANSWER_S, await_answer
from tradewind.clock import Clock
from tradewind.errors import Conflict, NotFound, UserError
from tradewind.model.ids import TiKey
from tradewind.model.json_schema import SchemaNotRight, violation
from tradewind.store import inbox
from tradewind.store.connect import Database
from tradewind.store.read import hitl
from tradewind.store.read.hitl import Asked
from tradewind.store.signal import Signal


class NotTheirs(UserError):
    """The question is for somebody else to answer."""


def respond(
    db: Database,
    signal: Signal,
    clock: Clock,
    ti: TiKey,
    chosen_options: Sequence[str],
    params_input: Mapping[str, Any] | None = None,
    *,
    user_id: str,
    user_name: str,
    wait_s: float = ANSWER_S,
) -> bool:
    """Answer a task that waits for a person; tell whether the leader has taken it already.

    Args:
        db: the database.
        signal: wakes the leader.
        clock: tells the time.
        ti: the task instance.
        chosen_options: of the question's options; one, or several where it says so.
        params_input: what was filled into the form, by name.
        user_id: who answers.
        user_name: their name, for people.
        wait_s: how long to wait for the leader.

    Raises:
        NotFound: the task instance asks nothing.
        Conflict: it was answered, or waits no more.
        NotTheirs: it is not this person's to give.
        UserError: the answer does not fit the question.
    """
    asked = hitl.asked(db, ti)
    if asked is None:
        raise NotFound(f"task {ti.task_id!r} of this run asks nothing")
    if not asked.waits:
        by = (asked.responded_by or {}).get("name")
        raise Conflict(
            f"{asked.dag_id}.{ti.task_id} was answered by {by} already"
            if by
            else f"{asked.dag_id}.{ti.task_id} waits for no answer any more: it is {asked.state}"
        )
    _check_person(asked, user_id, user_name)
    chosen = _checked_options(asked, chosen_options)
    filled = _checked_params(asked, params_input or {})
    payload = {
        "task_id": ti.task_id,
        "map_index": ti.map_index,
        "fence": asked.fence,
        "chosen_options": chosen,
        "params_input": filled,
        "by": {"id": user_id, "name": user_name},
    }
    with db.write() as conn:
        seq = inbox.append(conn, "answered", ti.run_pk, payload, clock.now())
    signal.ring()
    return await_answer(db, clock, seq, wait_s) is not None


def _check_person(asked: Asked, user_id: str, user_name: str) -> None:
    allowed = asked.question.assigned_users
    names = {value for user in allowed for value in (user.get("id"), user.get("name"))}
    if allowed and not names & {user_id, user_name}:
        who = ", ".join(str(user.get("name") or user.get("id")) for user in allowed)
        raise NotTheirs(f"{asked.dag_id}.{asked.ti.task_id} is for {who} to answer")


def _checked_options(asked: Asked, chosen: Sequence[str]) -> list[str]:
    question = asked.question
    unknown = [one for one in chosen if one not in question.options]
    if unknown or not chosen:
        what = f"{unknown[0]!r} is no option" if unknown else "choose an option"
        raise UserError(f"{what}; there are: {', '.join(question.options)}")
    if len(chosen) > 1 and not question.multiple:
        raise UserError(f"choose one option of: {', '.join(question.options)}")
    return list(dict.fromkeys(chosen))


def _checked_params(asked: Asked, given: Mapping[str, Any]) -> dict[str, Any]:
    form = asked.question.params
    unknown = sorted(given.keys() - form.keys())
    if unknown:
        there = ", ".join(form) or "none"
        raise UserError(f"the form has no field {unknown[0]!r}; it has: {there}")
    filled: dict[str, Any] = {}
    for name, field in form.items():
        value = given.get(name, field.get("value"))
        try:
            found = violation(field.get("schema") or {}, value)
        except SchemaNotRight as error:
            raise UserError(f"the field {name!r}: {error}") from None
        if found is not None:
            raise UserError(f"the field {name!r}{found.place}: {found.message}")
        filled[name] = value
    return filled
