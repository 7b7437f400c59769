"""What a person would answer a task that asks, given beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tradewind.errors import UserError
from tradewind.model.outcome import Question, TriggerFired
from tradewind.sdk import serde


def answered(answer: Any, question: Question, now: datetime) -> TriggerFired:
    """Return the answer as the task is given it.

    Args:
        answer: an option, a list of options, or {"chosen_options": …, "params_input": {…}}.
        question: what the task asks.
        now: when it is answered.

    Raises:
        UserError: it is none of the options.
    """
    given = answer if isinstance(answer, Mapping) else {"chosen_options": answer}
    chosen = given.get("chosen_options", list(question.options[:1]))
    chosen = [chosen] if isinstance(chosen, str) else list(chosen)
    unknown = [one for one in chosen if one not in question.options]
    if unknown:
        raise UserError(
            f"answers: {unknown[0]!r} is no option of {question.subject!r}; there are: "
            f"{', '.join(question.options)}"
        )
    form = {name: field.get("value") for name, field in question.params.items()}
    told = {
        "chosen_options": chosen,
        "params_input": {**form, **given.get("params_input", {})},
        "responded_at": now.isoformat(),
        "responded_by_user": {"id": "test", "name": "test"},
        "timedout": False,
    }
    return TriggerFired(payload=serde.dumps(told))
