"""BaseNotifier: tell people about a task or a run; an instance of it is a callback."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Generator, Sequence
from typing import Any

from tradewind.sdk.hooks.base import LoggingMixin
from tradewind.sdk.templates import Renderer


class BaseNotifier(LoggingMixin):
    """Derive from it and write `notify`; give an instance as a callback.

    The fields that `template_fields` names are rendered each time, with the context of the task
    or run that it is about.

    Example:
        class Shout(BaseNotifier):
            template_fields = ("text",)

            def __init__(self, text):
                super().__init__()
                self.text = text

            def notify(self, context):
                print(self.text.upper())


        DAG("d", on_failure_callback=Shout("{{ dag.dag_id }} failed"))
    """

    template_fields: Sequence[str] = ()
    template_ext: Sequence[str] = ()

    def __init__(self, context: Any = None, **kwargs: Any) -> None:
        """Take what subclasses pass on.

        Args:
            context: for `await Notifier(context=…)`.
            kwargs: accepted and ignored.
        """
        del kwargs
        self.context = context if context is not None else {}

    def notify(self, context: Any) -> None:
        """Tell people. Notifiers write this, or `async_notify`."""
        if type(self).async_notify is BaseNotifier.async_notify:
            raise NotImplementedError(f"{type(self).__name__} has no notify(self, context)")
        asyncio.run(self.async_notify(context))

    async def async_notify(self, context: Any) -> None:
        """Tell people, in async code."""
        raise NotImplementedError(f"{type(self).__name__} has no async_notify(self, context)")

    def __call__(self, context: Any) -> None:
        """Render the template fields and tell people."""
        self.rendered(context).notify(context)

    def __await__(self) -> Generator[Any, None, None]:
        """Render the template fields and tell people, about the context that was given."""
        return self.rendered(self.context).async_notify(self.context).__await__()

    def rendered(self, context: Any) -> BaseNotifier:
        """Return a copy with the template fields rendered."""
        twin = copy.copy(self)
        owner = _Owner(context.get("dag"), self)
        Renderer(owner, context).fields(twin, self.template_fields)
        return twin


class _Owner:
    """What the renderer asks about where templates come from."""

    def __init__(self, dag: Any, notifier: BaseNotifier) -> None:
        self.dag = dag
        self.template_ext = notifier.template_ext
        self.task_id = type(notifier).__name__
