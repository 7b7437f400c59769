"""What pods look like, as the configuration says; needs no Kubernetes client."""

from __future__ import annotations

from pathlib import Path

from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.executors.kubernetes.podspec import Shape
from tradewind.executors.kubernetes.policy import Allowed
from tradewind.executors.kubernetes.template import built_in, load

_STATE = "/tmp/tradewind"  # noqa: S108  in the container, which is the attempt's alone


def shape_of(config: Config) -> Shape:
    """Return what all pods have in common.

    Raises:
        ConfigError: the template is not right, or pods would not know where the API server is.
    """
    settings = config.kubernetes
    server = settings.server_url or config.api.base_url
    if not server:
        raise ConfigError(
            "kubernetes_executor.server_url: pods must know where an API server is; "
            "set it (or api.base_url) to a URL that the pods reach"
        )
    template = settings.pod_template_file
    image = settings.image_repository
    namespaces = dict.fromkeys((settings.namespace, *settings.namespaces))
    return Shape(
        template=load(Path(template)) if template else built_in(),
        group=settings.group,
        namespace=settings.namespace,
        allowed=Allowed(tuple(namespaces), settings.service_accounts),
        image=f"{image}:{settings.image_tag}" if image else None,
        command=_command(config, server),
    )


def _command(config: Config, server: str) -> tuple[str, ...]:
    timing = {
        "--lease-s": config.scheduler.attempt_lease_s,
        "--heartbeat-s": config.scheduler.attempt_heartbeat_s,
        "--kill-grace-s": config.worker.kill_grace_s,
    }
    return (
        *("python", "-m", "tradewind.worker", "--server", server, "--ticket", "{ticket}"),
        *("--dags-folder", str(config.kubernetes.dags_folder)),
        *("--log-folder", f"{_STATE}/logs", "--state-dir", f"{_STATE}/state"),
        *(part for name, value in timing.items() for part in (name, f"{value:g}")),
    )
