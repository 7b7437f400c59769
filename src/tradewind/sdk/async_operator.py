"""BaseAsyncOperator: an operator whose work is a coroutine, run in the task's own process."""

from __future__ import annotations

import asyncio
from typing import Any

from tradewind.sdk.operator import BaseOperator


class BaseAsyncOperator(BaseOperator):
    """Derive from it and write `aexecute`.

    Unlike a deferrable operator it keeps its process while it waits; many waits can go on at once
    in it. `execution_timeout` ends it as it ends any task.
    """

    @property
    def is_async(self) -> bool:
        """Tell that the work is a coroutine."""
        return True

    async def aexecute(self, context: Any) -> Any:
        """Do the work and return what the task returns. Operators write this."""
        raise NotImplementedError(f"{type(self).__name__} has no aexecute(self, context)")

    def execute(self, context: Any) -> Any:
        """Run `aexecute` to its end."""
        return asyncio.run(self.aexecute(context))
