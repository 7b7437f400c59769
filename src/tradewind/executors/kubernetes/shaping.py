"""What pods look like, as the configuration says; needs no Kubernetes client."""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec.structs import replace

from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.executors.kubernetes.podspec import Rejected, Shape
from tradewind.executors.kubernetes.policy import Allowed
from tradewind.executors.kubernetes.warm.pods import ADDRESS, WarmPods
from tradewind.executors.kubernetes.warm.pool import Pool
from tradewind.executors.kubernetes.warm.stock import Warmth
from tradewind.kube.template import built_in, load
from tradewind.model.defaults import VARIABLE
from tradewind.store.secrets import configured_keys
from tradewind.wire.dag_defaults import dag_defaults

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
        warm_command=_warm_command(config, server),
        env={VARIABLE: _defaults(config)},
    )


def warm_pool_of(config: Config, shape: Shape) -> Pool:
    """Return what the warm pool should be.

    Raises:
        ConfigError: there should be one, and no image is named.
    """
    settings = config.kubernetes
    keys = configured_keys(config)
    pods = WarmPods(shape, keys[0].encode())
    if settings.warm_pool_size:
        try:
            pods.make("warm")
        except Rejected as error:
            raise ConfigError(f"kubernetes_executor.warm_pool_size: {error}") from error
    return Pool(
        warmth=Warmth(
            size=settings.warm_pool_size,
            max_tasks=settings.warm_pool_max_tasks,
            max_age_s=settings.warm_pool_max_age_s,
            wait_s=settings.warm_pool_wait_s,
        ),
        pods=pods,
        port=settings.warm_pool_port,
    )


def _defaults(config: Config) -> str:
    """Return what an author sees of the settings: a file means the same in a pod.

    Not what is of this machine alone, and nothing that may be secret: a pod's environment is
    read by whoever may read pods. The template may say another value.
    """
    here = dag_defaults(config)
    there = replace(here, plugins_folder="", secrets_backend="", secrets_backend_kwargs="")
    return msgspec.json.encode(there).decode()


def _command(config: Config, server: str) -> tuple[str, ...]:
    own = ("--ticket", "{ticket}")
    return ("python", "-m", "tradewind.worker", *own, *_worker_options(config, server))


def _warm_command(config: Config, server: str) -> tuple[str, ...]:
    door = ("--listen-host", f"$({ADDRESS})", "--key-file", "{key}")
    port = ("--listen-port", str(config.kubernetes.warm_pool_port))
    options = _worker_options(config, server)
    return ("python", "-m", "tradewind.worker.warm", *door, *port, "--", *options)


def _worker_options(config: Config, server: str) -> tuple[str, ...]:
    timing = {
        "--lease-s": config.scheduler.attempt_lease_s,
        "--heartbeat-s": config.scheduler.attempt_heartbeat_s,
        "--kill-grace-s": config.worker.kill_grace_s,
    }
    return (
        *("--server", server, "--dags-folder", str(config.kubernetes.dags_folder)),
        *("--log-folder", f"{_STATE}/logs", "--state-dir", f"{_STATE}/state"),
        *(part for name, value in timing.items() for part in (name, f"{value:g}")),
    )
