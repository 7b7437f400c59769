"""The trigger that waits for a pod's end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import msgspec

from tradewind.kube.pods import Pod, Stage, judge
from tradewind.sdk import current
from tradewind.sdk.hooks.kubernetes import connect
from tradewind.sdk.triggers.base import BaseTrigger, TriggerEvent


class KubernetesPodTrigger(BaseTrigger):
    """Fire when a pod has ended, is gone, or has not started in time.

    Args:
        pod_name: the pod.
        pod_namespace: its namespace.
        kubernetes_conn_id, in_cluster, config_file, cluster_context: the way to the cluster, see
            `tradewind.sdk.hooks.kubernetes.connect`.
        startup_timeout: seconds that the pod may wait, from its creation.
        poll_interval: seconds between two looks.
    """

    def __init__(
        self,
        pod_name: str,
        pod_namespace: str,
        kubernetes_conn_id: str | None = None,
        in_cluster: bool | None = None,
        config_file: str | None = None,
        cluster_context: str | None = None,
        startup_timeout: float = 120.0,
        poll_interval: float = 2.0,
    ) -> None:
        super().__init__()
        self.pod_name = pod_name
        self.pod_namespace = pod_namespace
        self.kubernetes_conn_id = kubernetes_conn_id
        self.in_cluster = in_cluster
        self.config_file = config_file
        self.cluster_context = cluster_context
        self.startup_timeout = startup_timeout
        self.poll_interval = poll_interval
        self._api: Any = None

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        return (
            "tradewind.sdk.triggers.kubernetes.KubernetesPodTrigger",
            {
                "pod_name": self.pod_name,
                "pod_namespace": self.pod_namespace,
                "kubernetes_conn_id": self.kubernetes_conn_id,
                "in_cluster": self.in_cluster,
                "config_file": self.config_file,
                "cluster_context": self.cluster_context,
                "startup_timeout": self.startup_timeout,
                "poll_interval": self.poll_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until there is something to tell; the event names the pod and its status."""
        # In threads: the client waits for its answers, which would hold up other triggers.
        self._api = await asyncio.to_thread(self._connected)
        self.log.info("waiting for pod %s", self.pod_name)
        while (status := await asyncio.to_thread(self._look)) is None:
            await current.waiter().pause(self.poll_interval)
        yield TriggerEvent(
            {"name": self.pod_name, "namespace": self.pod_namespace, "status": status}
        )

    async def on_kill(self) -> None:
        """Delete the pod: its task was cleared or marked."""
        api = self._api or await asyncio.to_thread(self._connected)
        await asyncio.to_thread(api.delete, "pods", self.pod_namespace, self.pod_name)

    async def cleanup(self) -> None:
        """Close the connection."""
        if self._api is not None:
            self._api.close()

    def _connected(self) -> Any:
        return connect(
            conn_id=self.kubernetes_conn_id,
            in_cluster=self.in_cluster,
            config_file=self.config_file,
            cluster_context=self.cluster_context,
        )

    def _look(self) -> str | None:
        """Return what there is to tell; an API server that is away is asked again later."""
        reply = self._api.read("pods", self.pod_namespace, self.pod_name)
        if reply.status == 404:
            return "gone"
        if reply.status != 200:
            self.log.warning("looking at pod %s is answered %s", self.pod_name, reply.status)
            return None
        pod = msgspec.json.decode(reply.body, type=Pod)
        stage, created = judge(pod).stage, pod.metadata.creation_timestamp
        if stage is Stage.ENDED:
            return "ended"
        if stage is Stage.WAITS and created is not None:
            late = created + timedelta(seconds=self.startup_timeout)
            return "late" if current.waiter().now() >= late else None
        return None
