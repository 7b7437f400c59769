"""Human in the loop: a task that asks a person, and goes on with the answer.

The task asks and ends its process; it waits in the state `awaiting_input`, which takes no slot.
The answer, or the end of `response_timeout`, starts it again in the same try.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from tradewind.errors import DagError
from tradewind.model.outcome import Question
from tradewind.sdk.exceptions import (
    AirflowFailException,
    TaskAwaitingInput,
    TaskDeferralTimeout,
)
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.skipping import BranchMixIn, SkipMixin, stop_here
from tradewind.sdk.params import NOT_GIVEN, ParamsDict

APPROVE = "Approve"
REJECT = "Reject"


class HITLTimeoutError(AirflowFailException):
    """Nobody answered in time, and there are no defaults."""


class HITLRejectException(AirflowFailException):
    """A person said no."""


class HITLOperator(BaseOperator):
    """Ask a person to choose, and to fill in a form.

    Args:
        subject: the question, one line; templated.
        options: what can be chosen; templated.
        body: more about it, in Markdown; templated.
        defaults: chosen when nobody answers within `response_timeout`.
        multiple: whether several options can be chosen.
        params: the form: `Param`s or plain defaults by name.
        notifiers: called when the question is asked.
        assigned_users: who may answer: ids, or {"id": …, "name": …}; by default whoever may.
        response_timeout: how long to wait; by default for ever.

    Returns:
        {"chosen_options": [...], "params_input": {...}, "responded_at": ..., ...}
    """

    template_fields: Sequence[str] = ("subject", "body", "options", "defaults")
    ui_color = "#b3cde3"

    def __init__(
        self,
        *,
        subject: str,
        options: list[str],
        body: str | None = None,
        defaults: str | list[str] | None = None,
        multiple: bool = False,
        params: ParamsDict | Mapping[str, Any] | None = None,
        notifiers: Any = None,
        assigned_users: Any = None,
        response_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.subject = subject
        self.options = options
        self.body = body
        self.defaults = [defaults] if isinstance(defaults, str) else defaults
        self.multiple = multiple
        self.form = params if isinstance(params, ParamsDict) else ParamsDict(params or {})
        self.notifiers = _listed(notifiers)
        self.assigned_users = [_user(user) for user in _listed(assigned_users)]
        self.response_timeout = response_timeout
        self._check()

    def _check(self) -> None:
        if not self.options:
            raise DagError(f"{self.described}: options: give at least one option to choose")
        if len(set(self.options)) < len(self.options):
            raise DagError(f"{self.described}: options: each can be there once only")
        chosen = self.defaults or []
        if len(chosen) > 1 and not self.multiple:
            raise DagError(f"{self.described}: defaults: several need multiple=True")
        unknown = [one for one in chosen if one not in self.options]
        if unknown:
            raise DagError(
                f"{self.described}: defaults: {unknown[0]!r} is not among the options "
                f"{', '.join(map(str, self.options))}"
            )

    def execute(self, context: Any) -> Any:
        """Ask, and end the process.

        Raises:
            TaskAwaitingInput: always.
        """
        for notifier in self.notifiers:
            notifier(context)
        raise TaskAwaitingInput(
            question=Question(
                subject=str(self.subject),
                body=self.body,
                options=tuple(map(str, self.options)),
                defaults=None if self.defaults is None else tuple(self.defaults),
                multiple=self.multiple,
                params={name: _field(self.form.get_param(name)) for name in self.form},
                assigned_users=tuple(self.assigned_users),
            ),
            method_name="execute_complete",
            timeout=self.response_timeout,
        )

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Go on with the answer."""
        del context
        self.log.info("answered: %s", ", ".join(event["chosen_options"]))
        return dict(event)

    @staticmethod
    def generate_link_to_ui(
        *, task_instance: Any, base_url: str | None = None, options: Any = None
    ) -> str:
        """Return the address of the page on which a person answers.

        Args:
            task_instance: the task instance that asks.
            base_url: the address of the web server.
            options: options that are chosen on the page from the start.
        """
        ti = task_instance
        parts = ["dags", ti.dag_id, "runs", ti.run_id, "tasks", ti.task_id]
        if ti.map_index >= 0:
            parts += ["mapped", str(ti.map_index)]
        path = "/".join(quote(part, safe="") for part in parts)
        query = "".join(f"&_options={quote(str(one))}" for one in _listed(options))
        return f"{(base_url or '').rstrip('/')}/{path}{query.replace('&', '?', 1)}"

    @classmethod
    def generate_link_to_ui_from_context(cls, *, context: Any, **kwargs: Any) -> str:
        """Return the address of the page on which a person answers; see `generate_link_to_ui`."""
        return cls.generate_link_to_ui(task_instance=context["ti"], **kwargs)

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Go on with the answer; without one in time, with the defaults.

        Raises:
            HITLTimeoutError: nobody answered in time, and there are no defaults.
        """
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            pass
        if self.defaults is None:
            raise HITLTimeoutError(
                f"nobody answered {self.subject!r} within {self.response_timeout}; give defaults "
                "to go on without an answer"
            )
        event = {
            "chosen_options": list(self.defaults),
            "params_input": dict(self.form),
            "responded_at": None,
            "responded_by_user": None,
            "timedout": True,
        }
        return self.execute_complete(context, event)


class ApprovalOperator(HITLOperator, SkipMixin):
    """Ask a person to approve; what is below runs only then.

    Args:
        ignore_downstream_trigger_rules: after a no, skip everything below; else only the tasks
            directly below.
        fail_on_reject: fail after a no instead of skipping what is below.
        kwargs: as of HITLOperator, without options and multiple.
    """

    def __init__(
        self,
        *,
        ignore_downstream_trigger_rules: bool = False,
        fail_on_reject: bool = False,
        **kwargs: Any,
    ) -> None:
        for name in ("options", "multiple"):
            if name in kwargs:
                raise DagError(
                    f"ApprovalOperator {kwargs.get('task_id')!r}: {name}: an approval has its own; "
                    "use HITLOperator"
                )
        super().__init__(options=[APPROVE, REJECT], **kwargs)
        self.ignore_downstream_trigger_rules = ignore_downstream_trigger_rules
        self.fail_on_reject = fail_on_reject

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Go on, or stop here.

        Raises:
            HITLRejectException: a person said no, and `fail_on_reject` is set.
            DownstreamTasksSkipped: a person said no.
        """
        answer = super().execute_complete(context, event)
        if event["chosen_options"][:1] != [APPROVE]:
            if self.fail_on_reject:
                raise HITLRejectException(f"rejected: {self.subject}")
            ignore = self.ignore_downstream_trigger_rules
            stop_here(self, result=answer, ignore_trigger_rules=ignore)
        return answer


class HITLBranchOperator(HITLOperator, BranchMixIn):
    """Ask a person which of the tasks directly below to follow.

    Args:
        options_mapping: the task (or group) that an option means, where it is not its own id.
        kwargs: as of HITLOperator.
    """

    def __init__(self, *, options_mapping: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.options_mapping = dict(options_mapping or {})
        unknown = sorted(self.options_mapping.keys() - set(self.options))
        if unknown:
            raise DagError(f"{self.described}: options_mapping: {unknown[0]!r} is no option")

    def execute_complete(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Follow what was chosen."""
        super().execute_complete(context, event)
        chosen = [self.options_mapping.get(one, one) for one in event["chosen_options"]]
        return self.do_branch(context, chosen)


class HITLEntryOperator(HITLOperator):
    """Ask a person to fill in a form; the only option is OK, unless others are given."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("options", ["OK"])
        if kwargs.get("params") and kwargs["options"] == ["OK"]:
            kwargs.setdefault("defaults", None)
        super().__init__(**kwargs)


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple | set) else [value]


def _user(user: Any) -> dict[str, str]:
    if isinstance(user, Mapping):
        return {"id": str(user["id"]), "name": str(user.get("name") or user["id"])}
    return {"id": str(user), "name": str(user)}


def _field(param: Any) -> dict[str, Any]:
    return {
        "value": None if param.value is NOT_GIVEN else param.value,
        "schema": param.schema,
        "description": param.description,
    }
