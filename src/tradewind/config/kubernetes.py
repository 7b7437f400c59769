"""The section of the KubernetesExecutor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct, field

from tradewind.config.notation import UNIT_S, Seconds


class Kubernetes(Struct, frozen=True, kw_only=True):
    """The KubernetesExecutor: one pod for each attempt."""

    namespace: Annotated[
        str, Meta(description="Namespace of the pods, unless pod_override says another.")
    ] = "default"
    namespaces: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Further namespaces that pod_override may name, separated by commas; the Role is "
                "needed in each."
            )
        ),
    ] = field(default=(), name="multi_namespace_mode_namespace_list")
    pod_template_file: Annotated[
        str,
        Meta(
            description=(
                "YAML file with the pod that every task starts from; empty: the built-in one "
                "(not root, no privileges, no service account's token)."
            )
        ),
    ] = ""
    image_repository: Annotated[
        str, Meta(description="Image of the tasks' container, unless template or override say.")
    ] = field(default="", name="worker_container_repository")
    image_tag: Annotated[str, Meta(description="Tag of that image.")] = field(
        default="latest", name="worker_container_tag"
    )
    service_accounts: Annotated[
        tuple[str, ...],
        Meta(description="Service accounts that pod_override may name, separated by commas."),
    ] = ()
    server_url: Annotated[
        str,
        Meta(
            description="URL at which pods reach an API server; empty: api.base_url.",
            pattern="^(|https?://[^/?#]+)$",
        ),
    ] = ""
    dags_folder: Annotated[
        Path,
        Meta(description="Where the image has DAG files; what it lacks comes from the API server."),
    ] = Path("/opt/tradewind/dags")
    group: Annotated[
        str,
        Meta(
            description="Label of this installation's pods; installations that share a namespace "
            "need different ones.",
            min_length=1,
        ),
    ] = "tradewind"
    delete_succeeded: Annotated[
        bool, Meta(description="Whether pods are deleted when they ended well.")
    ] = field(default=True, name="delete_worker_pods")
    delete_failed: Annotated[
        bool, Meta(description="Whether pods are deleted when they failed.")
    ] = field(default=False, name="delete_worker_pods_on_failure")
    pending_timeout_s: Annotated[
        Seconds,
        Meta(
            description="A pod that does not start for this long is given up.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=300.0, name="worker_pods_pending_timeout")
    batch_size: Annotated[
        int, Meta(description="Most requests that are sent to Kubernetes at once.", gt=0)
    ] = field(default=16, name="worker_pods_creation_batch_size")
    requests_per_second: Annotated[
        float, Meta(description="Most requests to Kubernetes in a second.", gt=0)
    ] = 100.0
    relist_s: Annotated[
        Seconds,
        Meta(
            description="How often all pods are listed, should the watch miss something.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = 120.0
    warm_pool_size: Annotated[
        int,
        Meta(
            description="Pods kept ready for tasks without an override of their own; 0: none.",
            ge=0,
        ),
    ] = 0
    warm_pool_max_tasks: Annotated[
        int, Meta(description="A warm pod is replaced after so many tasks.", gt=0)
    ] = 100
    warm_pool_max_age_s: Annotated[
        Seconds,
        Meta(description="A warm pod is replaced when it is so old.", gt=0, extra=UNIT_S),
    ] = field(default=3600.0, name="warm_pool_max_age")
    warm_pool_wait_s: Annotated[
        Seconds,
        Meta(
            description="How long a task waits for a warm pod before it gets a pod of its own.",
            ge=0,
            le=300,
            extra=UNIT_S,
        ),
    ] = field(default=1.0, name="warm_pool_wait")
    warm_pool_port: Annotated[
        int,
        Meta(
            description="Where warm pods listen; the scheduler must reach it, nobody else need.",
            gt=0,
            lt=65536,
        ),
    ] = 8794
    in_cluster: Annotated[
        bool,
        Meta(description="Whether the scheduler runs in the cluster and uses its service account."),
    ] = True
    config_file: Annotated[
        str,
        Meta(description="kubeconfig when not in_cluster; empty: KUBECONFIG, else ~/.kube/config."),
    ] = ""
    cluster_context: Annotated[
        str, Meta(description="Context of the kubeconfig; empty: its current one.")
    ] = ""
    verify_ssl: Annotated[
        bool, Meta(description="Whether the certificate of the Kubernetes API is checked.")
    ] = True
