"""What an operator's pod is like: its arguments, and the pod that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tradewind.kube.template import PodJson, shape_problem
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.executor_config import plain
from tradewind.sdk.hooks.kubernetes import namespace_of
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.pod_request import (
    base_container,
    environment,
    labels_of,
    name_of,
    pod_request,
)


class PodArguments(BaseOperator):
    """Take what a pod should be like; `KubernetesPodOperator` runs it and says what they mean."""

    template_fields: Sequence[str] = (
        *("image", "cmds", "arguments", "env_vars", "annotations", "labels", "name", "namespace"),
        *("config_file", "cluster_context", "kubernetes_conn_id", "pod_template_file"),
        *("pod_template_dict", "container_resources", "volumes", "volume_mounts", "env_from"),
        "node_selector",
    )
    template_fields_renderers: Mapping[str, str] = {"env_vars": "json", "pod_template_dict": "json"}
    ui_color = "#dbe9f9"

    def __init__(
        self,
        *,
        image: str | None = None,
        cmds: Sequence[str] | None = None,
        arguments: Sequence[str] | None = None,
        env_vars: Mapping[str, str] | Sequence[Any] | None = None,
        annotations: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
        name: str | None = None,
        namespace: str | None = None,
        env_from: Sequence[Any] | None = None,
        volumes: Sequence[Any] | None = None,
        volume_mounts: Sequence[Any] | None = None,
        ports: Sequence[Any] | None = None,
        container_resources: Any = None,
        container_security_context: Any = None,
        image_pull_policy: str | None = None,
        image_pull_secrets: Sequence[Any] | None = None,
        init_containers: Sequence[Any] | None = None,
        node_selector: Mapping[str, str] | None = None,
        tolerations: Sequence[Any] | None = None,
        affinity: Any = None,
        security_context: Any = None,
        service_account_name: str | None = None,
        hostnetwork: bool = False,
        pod_template_file: str | None = None,
        pod_template_dict: PodJson | None = None,
        full_pod_spec: Any = None,
        kubernetes_conn_id: str | None = None,
        xcom_sidecar_image: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image, self.cmds, self.arguments = image, list(cmds or ()), list(arguments or ())
        self.env_vars, self.env_from = env_vars, env_from
        self.annotations, self.labels = dict(annotations or {}), dict(labels or {})
        self.name, self.namespace = name, namespace
        self.volumes, self.volume_mounts = volumes, volume_mounts
        self.container_resources, self.node_selector = container_resources, node_selector
        self.container = {
            "ports": ports,
            "securityContext": container_security_context,
            "imagePullPolicy": image_pull_policy,
        }
        self.spec = {
            "imagePullSecrets": image_pull_secrets,
            "initContainers": init_containers,
            "tolerations": tolerations,
            "affinity": affinity,
            "securityContext": security_context,
            "serviceAccountName": service_account_name,
            "hostNetwork": hostnetwork or None,
        }
        self.pod_template_file, self.pod_template_dict = pod_template_file, pod_template_dict
        self.full_pod_spec = full_pod_spec
        self.kubernetes_conn_id = kubernetes_conn_id
        self.xcom_sidecar_image = xcom_sidecar_image

    def build_pod_request_obj(self, context: Any) -> PodJson:
        """Return the pod as it is created.

        Raises:
            AirflowException: the template is no pod, or no image is named.
        """
        ti = context["ti"]
        # Plain first: the official client's models become dicts with Kubernetes' keys.
        container = plain(
            {
                **self.container,
                "image": self.image,
                "command": self.cmds,
                "args": self.arguments,
                "env": environment(self.env_vars),
                "envFrom": self.env_from,
                "volumeMounts": self.volume_mounts,
                "resources": self.container_resources,
            }
        )
        spec = {**self.spec, "volumes": self.volumes, "nodeSelector": self.node_selector}
        labels = {**self.labels, **labels_of(ti), "try_number": str(ti.try_number)}
        metadata = {
            "name": name_of(self.name or self.task_id, ti),
            "namespace": self._namespace(),
            "labels": labels,
            "annotations": self.annotations,
        }
        pod = pod_request(
            self._template(),
            metadata=metadata,
            spec=plain(spec),
            container=container,
            sidecar_image=self.xcom_sidecar_image if self.do_xcom_push else None,
        )
        if not base_container(pod).get("image"):
            raise AirflowException(
                f"{self.described}: image: neither it nor the template names one"
            )
        return pod

    def _namespace(self) -> str:
        named = (self._template().get("metadata") or {}).get("namespace")
        return self.namespace or named or namespace_of(self.kubernetes_conn_id) or "default"

    def _template(self) -> PodJson:
        found: Any = self.full_pod_spec or self.pod_template_dict
        if found is None and self.pod_template_file:
            try:
                found = yaml.safe_load(Path(self.pod_template_file).read_text(encoding="utf-8"))
            except (OSError, yaml.YAMLError) as error:
                raise AirflowException(f"pod_template_file: {error}") from error
        pod = plain(found) if found is not None else {}
        problem = shape_problem(pod)
        if problem:
            raise AirflowException(f"{self.described}: the pod's template: {problem}")
        return dict(pod)
