"""KubernetesPodOperator: run a pod, with its output in the task's log."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping
from typing import Any

from tradewind.errors import DagError
from tradewind.kube.pods import Pod, Verdict
from tradewind.sdk.exceptions import AirflowException, AirflowSkipException
from tradewind.sdk.hooks.kubernetes import connect
from tradewind.sdk.operators.pod_arguments import PodArguments
from tradewind.sdk.pod_request import (
    CHECKED,
    XCOM_CONTAINER,
    labels_of,
)
from tradewind.sdk.pod_run import PodRun

_FINISH = ("delete_pod", "keep_pod", "delete_succeeded_pod")


class KubernetesPodOperator(PodArguments):
    """Run a pod and wait for its end; its output goes to the task's log as it comes.

    A try that takes over from one whose worker died finds the pod by its labels and goes on with
    it: no second pod is started. Everything about the pod may be given as the official client's
    models or as dicts with Kubernetes' own keys; the arguments are laid over the template.

    Args:
        image: of the container; templated, as the next ones up to `labels`.
        cmds: its command (entry point).
        arguments: of the command.
        env_vars: environment variables: a dict, or a list as in a pod.
        annotations: of the pod.
        labels: of the pod, beside those that say whose it is.
        name: what the pod's name begins with; the task's id by default.
        namespace: where it runs; by default the connection's, else "default".
        env_from, volumes, volume_mounts, ports, container_resources, container_security_context,
            image_pull_policy: of the container, as in a pod.
        image_pull_secrets, init_containers, node_selector, tolerations, affinity, security_context,
            service_account_name, hostnetwork: of the pod, as in a pod; what is not named here can
            stand in the template.
        pod_template_file: a YAML file with the pod to start from; on the worker.
        pod_template_dict: the same as a dict. full_pod_spec: the same as a V1Pod.
        kubernetes_conn_id: a connection of type kubernetes.
        in_cluster, config_file, cluster_context: see `tradewind.sdk.hooks.kubernetes.connect`.
        get_logs: whether its output goes to the task's log.
        do_xcom_push: push what the container writes to /airflow/xcom/return.json (JSON).
        xcom_sidecar_image: with `sh`, for the container that shows this file; by default the image.
        reattach_on_restart: whether a try goes on with the pod of an earlier one.
        startup_timeout_seconds: how long the pod may wait for its start.
        on_finish_action: "delete_pod", "keep_pod" or "delete_succeeded_pod".
        termination_grace_period: seconds from SIGTERM to SIGKILL when it is stopped.
        deferrable: wait in the triggerer; the output comes at the end.
        poll_interval: seconds between two looks at the pod.
        skip_on_exit_code: of the container; ends the task as skipped.
    """

    def __init__(
        self,
        *,
        in_cluster: bool | None = None,
        config_file: str | None = None,
        cluster_context: str | None = None,
        get_logs: bool = True,
        do_xcom_push: bool = False,
        reattach_on_restart: bool = True,
        startup_timeout_seconds: int = 120,
        on_finish_action: str = "delete_pod",
        termination_grace_period: int | None = None,
        deferrable: bool = False,
        poll_interval: float = 2.0,
        skip_on_exit_code: int | Container[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(do_xcom_push=do_xcom_push, **kwargs)
        if on_finish_action not in _FINISH:
            raise DagError(
                f"{self.described}: on_finish_action: {on_finish_action!r} is not one of "
                f"{', '.join(_FINISH)}"
            )
        self.in_cluster = in_cluster
        self.config_file, self.cluster_context = config_file, cluster_context
        self.get_logs = get_logs
        self.reattach_on_restart = reattach_on_restart
        self.startup_timeout_seconds = startup_timeout_seconds
        self.on_finish_action = on_finish_action
        self.termination_grace_period = termination_grace_period
        self.deferrable, self.poll_interval = deferrable, poll_interval
        self.skip_on_exit_code: Container[int] = (
            ()
            if skip_on_exit_code is None
            else (skip_on_exit_code,)
            if isinstance(skip_on_exit_code, int)
            else skip_on_exit_code
        )
        self._pod_name = ""
        self._run: PodRun | None = None

    def execute(self, context: Any) -> Any:
        """Run the pod.

        Raises:
            AirflowException: it cannot be created, does not start, or ends badly.
            AirflowSkipException: it ended with a code that means skipped.
            TaskDeferred: the triggerer waits for it.
        """
        run = self._pod_run()
        found = run.find(labels_of(context["ti"]), CHECKED) if self.reattach_on_restart else None
        if found is not None:
            self.log.info("going on with pod %s of an earlier try", found.metadata.name)
        pod = found or run.create(self.build_pod_request_obj(context))
        self._pod_name = pod.metadata.name
        self.log.info("pod %s in namespace %s", self._pod_name, pod.metadata.namespace)
        if self.deferrable:
            self._defer(pod)
        return self._wait(run, pod)

    def trigger_reentry(self, context: Any, event: Mapping[str, Any]) -> Any:
        """Go on once the pod has ended, or has not started in time.

        Raises:
            AirflowException: it ended badly, did not start, or is gone.
            AirflowSkipException: it ended with a code that means skipped.
        """
        del context
        run = self._pod_run()
        self._pod_name = event["name"]
        return self._wait(run, run.read(self._pod_name), start_s=0)

    def on_kill(self) -> None:
        """Delete the pod."""
        if self._run is not None and self._pod_name:
            self._run.delete(self._pod_name, self.termination_grace_period)

    # ---- steps -------------------------------------------------------------------------------

    def _wait(self, run: PodRun, pod: Pod, start_s: float | None = None) -> Any:
        name, ended = pod.metadata.name, None
        try:
            run.await_start(name, self.startup_timeout_seconds if start_s is None else start_s)
            ended = run.follow(name, show=self.get_logs)
            if ended.exit_code != 0:
                self._failed(run, run.read(name), ended)
            return self._result(run, name)
        finally:
            self._finish(run, name, ended)

    def _failed(self, run: PodRun, pod: Pod, ended: Verdict) -> None:
        name = pod.metadata.name
        if ended.exit_code in self.skip_on_exit_code:
            raise AirflowSkipException(
                f"pod {name} ended with exit code {ended.exit_code}: skipped"
            )
        run.explain(pod, ended)
        raise AirflowException(f"pod {name} failed: {ended.reason}")

    def _result(self, run: PodRun, name: str) -> Any:
        if not self.do_xcom_push:
            return None
        text = run.output(name, XCOM_CONTAINER).strip()
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise AirflowException(
                f"what pod {name} wrote to /airflow/xcom/return.json is not JSON: {error}"
            ) from error

    def _finish(self, run: PodRun, name: str, ended: Verdict | None) -> None:
        well = ended is not None and ended.exit_code == 0
        keeps = self.on_finish_action == "keep_pod" or (
            self.on_finish_action == "delete_succeeded_pod" and not well
        )
        if keeps and ended is not None:
            run.mark(name, CHECKED)
        elif not keeps:
            run.delete(name, self.termination_grace_period)

    def _defer(self, pod: Pod) -> None:
        from tradewind.sdk.triggers.kubernetes import KubernetesPodTrigger  # noqa: PLC0415  asyncio

        trigger = KubernetesPodTrigger(
            pod_name=pod.metadata.name,
            pod_namespace=pod.metadata.namespace,
            kubernetes_conn_id=self.kubernetes_conn_id,
            in_cluster=self.in_cluster,
            config_file=self.config_file,
            cluster_context=self.cluster_context,
            startup_timeout=self.startup_timeout_seconds,
            poll_interval=self.poll_interval,
        )
        self.defer(trigger=trigger, method_name="trigger_reentry")

    def _pod_run(self) -> PodRun:
        api = connect(
            conn_id=self.kubernetes_conn_id,
            in_cluster=self.in_cluster,
            config_file=self.config_file,
            cluster_context=self.cluster_context,
        )
        self._run = PodRun(api, self._namespace(), self.poll_interval)
        return self._run
