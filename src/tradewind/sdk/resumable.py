"""ResumableJobMixin: submit one job to an outside system and wait for its end.

Operators of provider packages derive from it. Where the context has a `task_state_store`, the
job's id is kept there, and a later try finds the job again instead of submitting another.
"""

from __future__ import annotations

import logging
from typing import Any

log = logging.getLogger("tradewind.task")


class ResumableJobMixin:
    """Write the methods below and call `execute_resumable` in `execute`.

    Args:
        durable: look for the job of an earlier try before submitting one.
        kwargs: of the operator.
    """

    external_id_key = "remote_job_id"

    def __init__(self, *, durable: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.durable = durable

    def execute_resumable(self, context: Any) -> Any:
        """Submit the job, or find that of an earlier try; wait for it; return its result."""
        store = context.get("task_state_store") if self.durable else None
        if store is not None:
            kept = store.get(self.external_id_key)
            status = self.get_job_status(kept, context) if kept else None
            if status is not None and self.is_job_succeeded(status):
                return self.get_job_result(kept, context)
            if status is not None and self.is_job_active(status):
                log.info("goes on waiting for the job %s of an earlier try", kept)
                self.poll_until_complete(kept, context)
                return self.get_job_result(kept, context)
        job = self.submit_job(context)
        if store is not None:
            store.set(self.external_id_key, job)
        self.poll_until_complete(job, context)
        return self.get_job_result(job, context)

    def submit_job(self, context: Any) -> Any:
        """Submit the job and return its id."""
        raise NotImplementedError(f"{type(self).__name__} has no submit_job(self, context)")

    def get_job_status(self, external_id: Any, context: Any) -> str:
        """Return how the job is."""
        raise NotImplementedError(f"{type(self).__name__} has no get_job_status()")

    def is_job_active(self, status: str) -> bool:
        """Tell whether a job that is so still runs."""
        raise NotImplementedError(f"{type(self).__name__} has no is_job_active()")

    def is_job_succeeded(self, status: str) -> bool:
        """Tell whether a job that is so has succeeded."""
        raise NotImplementedError(f"{type(self).__name__} has no is_job_succeeded()")

    def poll_until_complete(self, external_id: Any, context: Any) -> Any:
        """Wait for the job's end."""
        raise NotImplementedError(f"{type(self).__name__} has no poll_until_complete()")

    def get_job_result(self, external_id: Any, context: Any) -> Any:
        """Return what the job came to."""
        del external_id, context
        return None
