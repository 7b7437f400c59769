"""Triggers: small async programs that wait for something in the triggerer.

A trigger is written down as its class path and keyword arguments (`serialize`) and made again
from them in the triggerer, maybe more than once: it may run twice, so it should only look.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from tradewind.sdk import runtime
from tradewind.sdk.hooks.base import LoggingMixin
from tradewind.wire.messages import Call


class TriggerEvent:
    """What a trigger waited for has happened.

    Args:
        payload: given to the task as `event`; must be serialisable.
    """

    def __init__(self, payload: Any = None) -> None:
        self.payload = payload

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TriggerEvent) and self.payload == other.payload

    def __hash__(self) -> int:
        return hash(repr(self.payload))

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.payload!r}>"


class BaseTaskEndEvent(TriggerEvent):
    """An event that ends the task without going on in one of its methods.

    Args:
        xcoms: pushed by the task, by key.
    """

    state = "success"

    def __init__(self, *, xcoms: Mapping[str, Any] | None = None, **_compatible: Any) -> None:
        super().__init__()
        self.xcoms = dict(xcoms or {})
        # The event itself is what travels; the attempt that goes on knows what it means.
        self.payload = TaskEnd(self.state, self.xcoms)


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task succeeded."""


class TaskFailedEvent(BaseTaskEndEvent):
    """The task failed."""

    state = "failed"


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    state = "skipped"


@dataclass(frozen=True)
class TaskEnd:
    """How a trigger ended its task."""

    state: str
    xcoms: dict[str, Any] = field(default_factory=dict)


@dataclass
class StartTriggerArgs:
    """How an operator would start in its trigger. Accepted; it starts in `execute` all the same."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None


class BaseTrigger(LoggingMixin):
    """Derive from it; write `serialize` and `run`.

    Example:
        class FlagTrigger(BaseTrigger):
            def __init__(self, name: str):
                super().__init__()
                self.name = name

            def serialize(self):
                return "my_triggers.FlagTrigger", {"name": self.name}

            async def run(self):
                while not await flag_is_up(self.name):
                    await asyncio.sleep(1)
                yield TriggerEvent(self.name)
    """

    supports_triggerer_queue = True

    def __init__(self, **kwargs: Any) -> None:
        del kwargs  # accepted, so that subclasses may pass on what they were given
        self.task_instance: Any = None
        self.trigger_id: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the keyword arguments that make this trigger again."""
        raise NotImplementedError(f"{type(self).__name__} has no serialize()")

    def run(self) -> AsyncIterator[TriggerEvent]:
        """Wait, and yield one event; an async generator."""
        raise NotImplementedError(f"{type(self).__name__} has no run()")

    async def cleanup(self) -> None:
        """Give back what `run` took; called when the trigger ended or moves elsewhere."""

    async def on_kill(self) -> None:
        """Stop what runs outside; called when the waiting task is cleared or marked."""

    def __repr__(self) -> str:
        try:
            classpath, kwargs = self.serialize()
        except NotImplementedError:
            return f"<{type(self).__name__}>"
        return f"<{classpath} {', '.join(f'{k}={v!r}' for k, v in kwargs.items())}>"


class BaseEventTrigger(BaseTrigger):
    """A trigger that watches for events of an asset; it may yield many.

    It goes on after a `yield` when the event is in the database: what it does then (acknowledge
    a message, remove a file) is done for an event that is not lost. When it ends it is started
    again.
    """

    supports_triggerer_queue = False
    asset_state_store: Any = None
    """Airflow keeps values of the asset here; Tradewind has them for tasks only."""

    def shared_stream_key(self) -> Any:
        """Return what triggers have in common that could share a stream. Accepted; none do."""
        return None


async def ask(call: Call) -> dict[str, Any]:
    """Ask the server from a trigger, without holding up the other triggers."""
    return await asyncio.to_thread(runtime.call, call)
