"""What tasks ask people: what waits for an answer, and what was answered."""

from __future__ import annotations

from typing import Any

from tradewind.store.read import hitl
from tradewind.store.read.paging import Slice
from tradewind.web.screens.desk import Asked, Desk, unix

_MOST = 200


def questions(desk: Desk, asked: Asked) -> dict[str, Any]:
    """Return the questions that wait, of a DAG or of all; `answered`: those that had an answer."""
    answered = asked.text("answered") == "true"
    wanted = hitl.AskedFilter(
        state=[] if answered else ["awaiting_input"],
        response_received=answered,
    )
    found, total = hitl.find(
        desk.db,
        wanted,
        Slice(limit=_MOST, order_by=("-responded_at" if answered else "created_at",)),
        asked.only,
        dag_ids=[asked.dag_id()] if asked.text("dag") else None,
    )
    return {"total": total, "questions": [question_shape(one) for one in found]}


def question_shape(asked: hitl.Asked) -> dict[str, Any]:
    """Return a question as the pages show it; its params as the trigger form has them."""
    question = asked.question
    return {
        "dag": asked.dag_id,
        "run": asked.run_id,
        "task": asked.ti.task_id,
        "map": asked.ti.map_index,
        "subject": question.subject,
        "body": question.body,
        "options": question.options,
        "defaults": question.defaults or (),
        "multiple": question.multiple,
        "params": [
            {
                "name": name,
                "default": field.get("value"),
                "required": False,
                "description": field.get("description"),
                "schema": field.get("schema") or {},
            }
            for name, field in question.params.items()
        ],
        "for": [_name(user) for user in question.assigned_users],
        "at": unix(asked.created_at),
        "until": unix(asked.timeout_at),
        "waits": asked.waits,
        "answer": {
            "at": unix(asked.responded_at),
            "by": _name(asked.responded_by or {}),
            "chosen": asked.chosen_options or (),
            "filled": asked.params_input,
        }
        if asked.responded_at
        else None,
    }


def _name(user: dict[str, str]) -> str:
    return user.get("name") or user.get("id") or ""
