"""The executor as the configuration says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tradewind.clock import SystemClock
from tradewind.config import Config
from tradewind.executors.base import Wake
from tradewind.executors.kubernetes.executor import KubernetesExecutor, Pace
from tradewind.executors.kubernetes.ledger import Keep
from tradewind.executors.kubernetes.naming import PREFIX
from tradewind.executors.kubernetes.shaping import shape_of, warm_pool_of
from tradewind.executors.local import Supervisors
from tradewind.kube.api import Access, KubeApi
from tradewind.wire import logs


def build(config: Config, _supervisors: Supervisors, wake: Wake) -> KubernetesExecutor:
    """Return the executor of a configuration; nothing is asked of Kubernetes yet.

    Raises:
        ConfigError: a setting is not right.
    """
    settings = config.kubernetes
    clock = SystemClock()
    folder = config.logging.base_log_folder

    def task_log(annotations: Mapping[str, str], fence: int, lines: Sequence[str]) -> None:
        path = _log_path(folder, annotations, fence)
        if path is None:
            return
        for line in lines:
            logs.append(folder, path, line, clock.now(), "warning")

    shape = shape_of(config)
    return KubernetesExecutor(
        KubeApi(access_of(config)),
        shape,
        Keep(
            succeeded=not settings.delete_succeeded,
            failed=not settings.delete_failed,
            pending_timeout_s=settings.pending_timeout_s,
        ),
        wake,
        clock,
        task_log,
        Pace(
            rate=settings.requests_per_second,
            burst=settings.batch_size,
            threads=settings.batch_size,
            relist_s=settings.relist_s,
        ),
        warm_pool_of(config, shape),
    )


def access_of(config: Config) -> Access:
    """Return how to reach the API server."""
    settings = config.kubernetes
    return Access(
        in_cluster=settings.in_cluster,
        config_file=Path(settings.config_file) if settings.config_file else None,
        context=settings.cluster_context or None,
        verify_ssl=settings.verify_ssl,
        connections=settings.batch_size + 4,
    )


def _log_path(folder: Path, annotations: Mapping[str, str], fence: int) -> Path | None:
    """Return an attempt's log; None for a callback, which has its end told by the scheduler."""
    task_id = annotations[f"{PREFIX}/task-id"]
    if not fence:
        return None
    instance = logs.instance_folder(
        folder,
        annotations[f"{PREFIX}/dag-id"],
        annotations[f"{PREFIX}/run-id"],
        task_id,
        int(annotations[f"{PREFIX}/map-index"]),
    )
    return logs.segment_path(instance, int(annotations[f"{PREFIX}/try-number"]), fence)
