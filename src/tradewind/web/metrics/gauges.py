"""What there is now, as families for Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import inf

from tradewind.store.components import Component
from tradewind.store.read.figures import Figures
from tradewind.store.read.occupancy import PoolUse
from tradewind.web.metrics.exposition import Family, Sample

_WAITING = ("scheduled", "queued", "running", "deferred")


def gauge(name: str, text: str, samples: Iterable[tuple[dict[str, str], float]]) -> Family:
    """Return a family of gauges."""
    return Family(name, "gauge", text, tuple(Sample(v, labels) for labels, v in samples))


def number(name: str, text: str, value: float) -> Family:
    """Return a family of one gauge without labels."""
    return gauge(name, text, [({}, value)])


def pool_families(uses: Sequence[PoolUse]) -> list[Family]:
    """Return the slots of pools. starving: what waits for a pool that is full."""

    def of(name: str, text: str, values: Iterable[float]) -> Family:
        pairs = zip(uses, values, strict=True)
        return gauge(f"airflow_pool_{name}", text, [({"pool": u.pool.name}, v) for u, v in pairs])

    return [
        of("open_slots", "Slots that are left.", [inf if u.open is None else u.open for u in uses]),
        of("used_slots", "Slots that are taken.", [u.occupied for u in uses]),
        of("queued_slots", "Slots of queued tasks.", [u.queued for u in uses]),
        of("running_slots", "Slots of running tasks.", [u.running for u in uses]),
        of("deferred_slots", "Slots of deferred tasks.", [u.deferred for u in uses]),
        of("scheduled_slots", "Slots that scheduled tasks want.", [u.scheduled for u in uses]),
        of(
            "starving_tasks",
            "Slots that scheduled tasks want of a pool that is full.",
            [u.scheduled if u.open == 0 else 0 for u in uses],
        ),
    ]


def executor_families(
    slots: Mapping[str, int | None], parallelism: int, found: Figures
) -> list[Family]:
    """Return the slots of executors.

    Args:
        slots: by executor how many tasks it takes at once; None: `parallelism`.
        parallelism: most tasks of one executor.
        found: what there is now.
    """
    names = sorted({*slots, *(executor for executor, _ in found.attempts)})

    def of(name: str, text: str, values: Mapping[str, float]) -> Family:
        return gauge(
            f"airflow_executor_{name}", text, [({"executor": n}, values[n]) for n in names]
        )

    running = {n: found.attempts.get((n, "running"), 0) for n in names}
    queued = {n: found.attempts.get((n, "queued"), 0) for n in names}
    size = {n: min(slots.get(n) or parallelism, parallelism) for n in names}
    free = {n: max(0, size[n] - running[n] - queued[n]) for n in names}
    return [
        of("open_slots", "Tasks that an executor could take more.", free),
        of("queued_tasks", "Tasks that no worker has taken yet.", queued),
        of("running_tasks", "Tasks that run.", running),
    ]


def work_families(found: Figures) -> list[Family]:
    """Return live runs and their tasks."""
    states: Counter[str] = Counter()
    for (_, state), count in found.tasks.items():
        states[state] += count
    running = sum(n for (_, state), n in found.runs.items() if state == "running")
    return [
        number("airflow_scheduler_dagruns_running", "Runs that run.", running),
        gauge(
            "tradewind_dagruns_live",
            "Queued and running runs.",
            [({"dag_id": d, "state": s}, n) for (d, s), n in sorted(found.runs.items())],
        ),
        gauge(
            "tradewind_task_instances_live",
            "Task instances of live runs, by state.",
            [({"state": state}, n) for state, n in sorted(states.items())],
        ),
        *(
            gauge(
                f"airflow_ti_{wanted}",
                f"Task instances that are {wanted}.",
                [({"dag_id": d}, n) for (d, s), n in sorted(found.tasks.items()) if s == wanted],
            )
            for wanted in _WAITING
        ),
        number("airflow_triggers_running", "Tasks that wait in a triggerer.", states["deferred"]),
        number("tradewind_inbox_events", "Orders that the scheduler has yet to take.",
               found.waiting_events),
    ]  # fmt: skip


def file_families(found: Figures, now: datetime) -> list[Family]:
    """Return DAGs, and the parsing of their files."""
    return [
        number("airflow_dagbag_size", "DAGs that files define.", found.dags),
        number("tradewind_paused_dags", "DAGs that are paused.", found.paused_dags),
        number(
            "airflow_dag_processing_import_errors",
            "Files that cannot be imported.",
            found.broken_files,
        ),
        number(
            "airflow_dag_processing_total_parse_time",
            "Seconds that parsing every file once takes.",
            sum(f.duration_s for f in found.files),
        ),
        gauge(
            "airflow_dag_processing_last_runtime",
            "Seconds that parsing a file took last.",
            [({"dag_file": f.path}, f.duration_s) for f in found.files],
        ),
        gauge(
            "airflow_dag_processing_last_run_seconds_ago",
            "Seconds since a file was parsed last.",
            [({"dag_file": f.path}, (now - f.parsed_at).total_seconds()) for f in found.files],
        ),
    ]


def part_families(
    parts: Sequence[Component], limits_s: Mapping[str, float], now: datetime
) -> list[Family]:
    """Return which parts are alive. limits_s: by part how long it may be silent."""
    ages = {p.kind: (now - p.beat_at).total_seconds() for p in parts}
    alive = {p.kind: p.stopped_at is None and ages[p.kind] <= limits_s[p.kind] for p in parts}
    return [
        gauge(
            "tradewind_component_up",
            "Whether a part is alive.",
            [({"component": kind}, float(up)) for kind, up in sorted(alive.items())],
        ),
        gauge(
            "tradewind_heartbeat_age_seconds",
            "Seconds since a part's latest sign of life.",
            [({"component": kind}, age) for kind, age in sorted(ages.items())],
        ),
    ]
