"""The way to a Kubernetes cluster: from a connection, from arguments, or from where we run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowConfigException

if TYPE_CHECKING:
    from tradewind.kube.api import KubeApi


def connect(
    *,
    conn_id: str | None = None,
    in_cluster: bool | None = None,
    config_file: str | None = None,
    cluster_context: str | None = None,
) -> KubeApi:
    """Return requests to a cluster. Arguments win over the connection.

    Args:
        conn_id: a connection of type kubernetes; its extra has Airflow's keys (in_cluster,
            kube_config_path, kube_config, cluster_context).
        in_cluster: use the service account of the pod that this runs in; None: if there is one
            and nothing else is named.
        config_file: a kubeconfig.
        cluster_context: of the kubeconfig.

    Raises:
        AirflowConfigException: the client is not installed.
        ConfigError: the kubeconfig is not right, or there is none.
    """
    try:
        # Not at the top: whoever only reads the DAG file does without the client.
        from tradewind.kube.api import Access, KubeApi  # noqa: PLC0415
    except ImportError as error:
        raise AirflowConfigException(
            f"the worker needs the Kubernetes client ({error}): pip install 'tradewind[kubernetes]'"
        ) from error
    extra = Connection.get(conn_id).extra_dejson if conn_id else {}
    file = config_file or _of(extra, "kube_config_path")
    content = None if config_file else _of(extra, "kube_config")
    inside = in_cluster if in_cluster is not None else _of(extra, "in_cluster")
    if inside is None:
        inside = not (file or content) and bool(os.environ.get("KUBERNETES_SERVICE_HOST"))
    return KubeApi(
        Access(
            in_cluster=bool(inside),
            config_file=Path(file) if file else None,
            config=json.loads(content) if isinstance(content, str) else content,
            context=cluster_context or _of(extra, "cluster_context"),
            connections=2,
            whose=f"connection {conn_id!r}: " if conn_id else "",
        )
    )


def namespace_of(conn_id: str | None) -> str | None:
    """Return the namespace that a connection names."""
    return _of(Connection.get(conn_id).extra_dejson, "namespace") if conn_id else None


def _of(extra: dict[str, Any], key: str) -> Any:
    """Return a value of a connection's extra; older connections have a prefix in their keys."""
    found = extra.get(key, extra.get(f"extra__kubernetes__{key}"))
    return None if found == "" else found
