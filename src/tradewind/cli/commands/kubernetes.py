"""`tradewind kubernetes`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tradewind.cli.main import Group
from tradewind.errors import ConfigError, UserError

if TYPE_CHECKING:
    from datetime import datetime

    from tradewind.cli.shell import Shell
    from tradewind.kube.api import KubeApi
    from tradewind.kube.pods import Pod
    from tradewind.model.spec import TaskSpec
    from tradewind.store.read.scheduling import Version
    from tradewind.wire.messages import Launch

_CLEARED = 1000
"""Pods that one call looks at; more are left to the next."""


@click.group("kubernetes", cls=Group)
def kubernetes_command() -> None:
    """Look at the pods of tasks before they run, and after."""


@kubernetes_command.command("generate-dag-yaml")
@click.argument("dag_id")
@click.option(
    "--output-path",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Folder for the files.",
)
@click.pass_obj
def generate_dag_yaml(shell: Shell, dag_id: str, output_path: Path) -> None:
    """Write the pod of each of a DAG's tasks as YAML, with template and pod_override laid over."""
    import yaml

    from tradewind.executors.kubernetes.podspec import Rejected, build
    from tradewind.executors.kubernetes.shaping import shape_of

    shape, version = shape_of(shell.config), shell.version(dag_id)
    folder = output_path / "kubernetes_pod_yamls"
    folder.mkdir(parents=True, exist_ok=True)
    refused = []
    for task in version.spec.tasks:
        override = (task.executor_config or {}).get("pod_override")
        try:
            pod = build(_launch(shell.clock.now(), version, task), shape, override)
        except Rejected as error:
            refused.append(f"{task.task_id}: {error}")
            continue
        path = folder / f"{dag_id}.{task.task_id}.yaml"
        path.write_text(yaml.safe_dump(pod, sort_keys=False), encoding="utf-8")
        click.echo(str(path))
    if refused:
        raise UserError("some tasks can have no pod:\n" + "\n".join(refused))


def _launch(now: datetime, version: Version, task: TaskSpec) -> Launch:
    """Return a launch as the scheduler would make it, of an attempt that is none."""
    from tradewind.model.ids import AttemptId
    from tradewind.wire.messages import Assignment, Launch, RunInfo

    attempt_id = AttemptId(f"example-{version.dag_id}-{task.task_id}")
    run = RunInfo(
        dag_id=version.dag_id, run_id=f"manual__{now:%Y-%m-%d}", run_type="manual", run_after=now
    )
    return Launch(
        attempt_id=attempt_id,
        claim_token="",
        assignment=Assignment(
            attempt_id=attempt_id,
            fence=1,
            try_number=1,
            max_tries=task.retries,
            dag_file=version.dag_file,
            source_hash=version.source_hash,
            task_id=task.task_id,
            run=run,
        ),
        executor="KubernetesExecutor",
    )


@kubernetes_command.command("cleanup-pods")
@click.option("--namespace", help="Of the pods; else kubernetes_executor.namespace.")
@click.option(
    "--min-pending-minutes",
    type=click.IntRange(min=5),
    default=30,
    show_default=True,
    help="Pods that have waited for less are left alone.",
)
@click.pass_obj
def cleanup_pods(shell: Shell, namespace: str | None, min_pending_minutes: int) -> None:
    """Delete pods of tasks that have ended, or have waited too long to start."""
    try:
        from tradewind.executors.kubernetes.configured import access_of
        from tradewind.kube.api import KubeApi
    except ImportError as error:
        raise ConfigError("this needs the client: pip install 'tradewind[kubernetes]'") from error

    api = KubeApi(access_of(shell.config))
    settings = shell.config.kubernetes
    try:
        deleted = _clean(
            api,
            namespace or settings.namespace,
            settings.group,
            shell.clock.now() - timedelta(minutes=min_pending_minutes),
        )
    finally:
        api.close()
    click.echo(f"{deleted} pods deleted")


def _clean(api: KubeApi, namespace: str, group: str, waiting_since: datetime) -> int:
    from tradewind.executors.kubernetes.naming import selector
    from tradewind.kube.answers import DELETE, Answer, judge

    deleted = 0
    for pod in _pods(api, namespace, selector(group)):
        if not _is_over(pod, waiting_since):
            continue
        name, uid = pod.metadata.name, pod.metadata.uid
        reply = api.delete("pods", namespace, name, uid=uid)
        judged = judge(DELETE, reply.status, reply.body)
        if judged.answer is not Answer.DONE:
            raise UserError(f"pod {name} is not deleted: {judged.reason}")
        click.echo(name)
        deleted += 1
    return deleted


def _pods(api: KubeApi, namespace: str, labels: str) -> list[Pod]:
    import msgspec

    from tradewind.executors.kubernetes.watching import PodList

    pods: list[Pod] = []
    token = ""
    while len(pods) < _CLEARED:
        reply = api.list("pods", namespace, labels=labels, token=token)
        if reply.status != 200:
            said = reply.body.decode(errors="replace")[:300]
            raise UserError(
                f"pods in {namespace} cannot be listed: Kubernetes says {reply.status}: {said}"
            )
        page = msgspec.json.decode(reply.body, type=PodList)
        pods += page.items
        token = page.metadata.continues
        if not token:
            break
    return pods


def _is_over(pod: Pod, waiting_since: datetime) -> bool:
    from tradewind.kube.pods import Stage, judge

    stage = judge(pod).stage
    made = pod.metadata.creation_timestamp
    waits = stage is Stage.WAITS and made is not None and made < waiting_since
    return stage is Stage.ENDED or waits
