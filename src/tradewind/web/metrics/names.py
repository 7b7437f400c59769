"""What families are called by StatsD and OpenTelemetry: Airflow's names.

Prometheus has one name with labels. Airflow's StatsD names have the labels in them, in a place of
their own for each; where tags are sent, the name is without them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec

_ODD = re.compile(r"[^A-Za-z0-9_.~:+-]")
"""What a part of a StatsD name must not have: separators of its lines, among others."""


class Name(msgspec.Struct, frozen=True):
    """A metric's name. flat: with its labels in it, where they do not simply follow it."""

    base: str
    flat: str | None = None


_NAMES = {
    "airflow_scheduler_heartbeat": Name("scheduler_heartbeat", "scheduler_heartbeat"),
    "airflow_dag_processor_heartbeat": Name("dag_processor_heartbeat", "dag_processor_heartbeat"),
    "airflow_triggerer_heartbeat": Name("triggerer_heartbeat", "triggerer_heartbeat"),
    "airflow_ti_start": Name("ti.start"),
    "airflow_ti_finish": Name("ti.finish"),
    "airflow_ti_scheduled": Name("ti.scheduled"),
    "airflow_ti_queued": Name("ti.queued"),
    "airflow_ti_running": Name("ti.running"),
    "airflow_ti_deferred": Name("ti.deferred"),
    "airflow_operator_successes": Name("operator_successes", "operator_successes_{operator}"),
    "airflow_operator_failures": Name("operator_failures", "operator_failures_{operator}"),
    "airflow_task_duration": Name("task.duration", "dag.{dag_id}.{task_id}.duration"),
    "airflow_task_queued_duration": Name(
        "task.queued_duration", "dag.{dag_id}.{task_id}.queued_duration"
    ),
    "airflow_dagrun_duration": Name("dagrun.duration.success"),
    "airflow_dagrun_failed": Name("dagrun.duration.failed"),
    "airflow_dagrun_schedule_delay": Name("dagrun.schedule_delay"),
    "airflow_scheduler_dagruns_running": Name("scheduler.dagruns.running"),
    "airflow_triggers_running": Name("triggers.running"),
    "airflow_triggerer_capacity_left": Name("triggerer.capacity_left"),
    "airflow_dag_processing_import_errors": Name("dag_processing.import_errors"),
    "airflow_dag_processing_total_parse_time": Name("dag_processing.total_parse_time"),
    "airflow_dag_processing_last_runtime": Name("dag_processing.last_duration"),
    "airflow_dag_processing_last_run_seconds_ago": Name("dag_processing.last_run.seconds_ago"),
    **{
        f"airflow_pool_{what}": Name(f"pool.{what}")
        for what in (
            *("open_slots", "used_slots", "queued_slots", "running_slots", "deferred_slots"),
            *("scheduled_slots", "starving_tasks"),
        )
    },
    **{
        f"airflow_executor_{what}": Name(f"executor.{what}")
        for what in ("open_slots", "queued_tasks", "running_tasks")
    },
}


def name_of(family: str) -> Name:
    """Return what a family is called; one that Airflow has not, by its own name."""
    found = _NAMES.get(family)
    return found if found is not None else Name(family.removeprefix("airflow_"))


def flat(name: Name, labels: Mapping[str, str]) -> str:
    """Return a name with its labels in it."""
    parts = {label: _ODD.sub("_", value) for label, value in labels.items()}
    if name.flat is not None:
        return name.flat.format(**parts)
    return ".".join([name.base, *parts.values()])


class Choice:
    """Which names are sent."""

    def __init__(self, allow: str, block: str) -> None:
        self._allow, self._block = _patterns(allow), _patterns(block)

    def takes(self, name: str) -> bool:
        """Tell whether a name is allowed, and not blocked."""
        allowed = not self._allow or any(p.match(name) for p in self._allow)
        return allowed and not any(p.match(name) for p in self._block)


def _patterns(text: str) -> Sequence[re.Pattern[str]]:
    return [re.compile(part.strip()) for part in text.split(",") if part.strip()]
