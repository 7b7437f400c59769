"""The sections of what runs tasks: workers, and the CeleryExecutor."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from tradewind.config.notation import SECRET, UNIT_S, Seconds


class Worker(Struct, frozen=True, kw_only=True):
    """The worker: the processes that run tasks on this machine."""

    server: Annotated[
        str,
        Meta(
            description="Where workers on other machines reach an API server.",
            pattern="^https?://[^/?#]+/?$",
        ),
    ] = "http://127.0.0.1:8080"
    kill_grace_s: Annotated[
        Seconds,
        Meta(
            description="From SIGTERM to SIGKILL when a task is stopped.",
            ge=0,
            extra=UNIT_S,
        ),
    ] = 10.0
    drain_s: Annotated[
        Seconds,
        Meta(
            description="How long running tasks may go on after SIGTERM.",
            ge=0,
            extra=UNIT_S,
        ),
    ] = 30.0


class Celery(Struct, frozen=True, kw_only=True):
    """The CeleryExecutor: a message broker between the scheduler and workers elsewhere."""

    broker_url: Annotated[
        str,
        Meta(description="URL of Redis or RabbitMQ: redis://… or amqp://….", extra=SECRET),
    ] = "redis://localhost:6379/0"
    result_backend: Annotated[
        str,
        Meta(
            description=(
                "Where Celery keeps results: empty means the metadata database (on SQLite: "
                "nowhere), none means nowhere, else a URL that Celery understands."
            ),
            extra=SECRET,
        ),
    ] = ""
    default_queue: Annotated[
        str, Meta(description="The queue of tasks that name none.", min_length=1)
    ] = "default"
    worker_concurrency: Annotated[
        int, Meta(description="Most tasks that one worker runs at the same time.", gt=0)
    ] = 16
    worker_autoscale: Annotated[
        str,
        Meta(
            description=(
                "Most and fewest tasks that one worker runs at the same time, as MAX,MIN; "
                "instead of worker_concurrency."
            ),
            pattern=r"^(|\d+,\d+)$",
        ),
    ] = ""
    operation_timeout_s: Annotated[
        Seconds,
        Meta(description="How long the broker may take to answer.", gt=0, extra=UNIT_S),
    ] = field(default=5.0, name="operation_timeout")
    result_expires_s: Annotated[
        Seconds,
        Meta(description="How long results in a database are kept.", gt=0, extra=UNIT_S),
    ] = field(default=86_400.0, name="result_expires")
    stall_s: Annotated[
        Seconds,
        Meta(
            description=(
                "A worker to which the broker has delivered nothing of what it took from it for "
                "this long connects anew, and ends when that does not help."
            ),
            gt=0,
            extra=UNIT_S,
        ),
    ] = 60.0
