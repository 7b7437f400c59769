"""What an attempt came to: facts from the edge. Only the engine turns them into states."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Succeeded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="succeeded"):
    """The user's code returned.

    skip: direct downstream task ids that a branch did not choose.
    skip_all_downstream: a short-circuit that ignores downstream trigger rules.
    """

    skip: tuple[str, ...] = ()
    skip_all_downstream: bool = False


class Failed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="failed"):
    """The user's code raised. retryable: False for AirflowFailException and a sensor's timeout.

    retry_delay_s: set when a retry policy or the exception asked for a delay of its own.
    """

    error: str
    retryable: bool = True
    retry_delay_s: float | None = None


class SkippedBy(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="skipped"):
    """The user's code asked to be skipped."""

    reason: str = ""


class Question(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a task asks a person.

    options: what can be chosen; several with `multiple`. defaults: chosen when nobody answers
    in time. params: a form to fill in, by name: {"value", "schema", "description"}.
    assigned_users: ids or names of those who may answer; nobody named: whoever may run the DAG.
    """

    subject: str
    options: tuple[str, ...]
    body: str | None = None
    defaults: tuple[str, ...] | None = None
    multiple: bool = False
    params: dict[str, Any] = {}
    assigned_users: tuple[dict[str, str], ...] = ()


class Deferred(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="deferred"):
    """The user's code handed over to a trigger.

    trigger: class path; kwargs, next_kwargs: typed JSON (`sdk.serde`), opaque to servers.
    question: a person is asked, and no trigger runs: trigger is "".
    """

    trigger: str
    kwargs: bytes
    next_method: str
    next_kwargs: bytes
    timeout_s: float | None = None
    question: Question | None = None


class Rescheduled(msgspec.Struct, frozen=True, kw_only=True, tag="rescheduled"):
    """A sensor asked to be started again at a time."""

    at: datetime


class Vanished(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="vanished"):
    """The process ended without a report.

    before_start: user code had not begun, so that no retry is consumed.
    reason: for people: "killed by SIGKILL (out of memory?)", "worker host lost", …
    """

    reason: str
    before_start: bool = False
    exit_code: int | None = None
    exit_signal: int | None = None


class TriggerFired(msgspec.Struct, frozen=True, kw_only=True, tag="fired"):
    """A deferred task's trigger yielded its event; payload: typed JSON."""

    payload: bytes


class TriggerFailed(msgspec.Struct, frozen=True, kw_only=True, tag="trigger_failed"):
    """A deferred task's trigger raised, or ended without an event."""

    error: str


Outcome = Succeeded | Failed | SkippedBy | Deferred | Rescheduled | Vanished
