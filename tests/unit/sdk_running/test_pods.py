"""The pod that an operator asks for, and how its output is read, without a cluster."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes import client

from tradewind.errors import DagError
from tradewind.sdk import DAG, KubernetesPodOperator, task
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.pod_request import labels_of, name_of
from tradewind.sdk.pod_run import _Position


def _ti(**values: Any) -> Any:
    given = {"dag_id": "d", "run_id": "r:1", "task_id": "t", "map_index": -1, "try_number": 1}
    return SimpleNamespace(**{**given, **values})


def _pod(ti: Any = None, **arguments: Any) -> Any:
    operator = KubernetesPodOperator(task_id="t", **arguments)
    return operator.build_pod_request_obj({"ti": ti or _ti()})


def test_a_try_has_one_name_and_its_task_instance_one_set_of_labels() -> None:
    assert name_of("My_Task.1", _ti()) == name_of("My_Task.1", _ti())
    assert name_of("My_Task.1", _ti()).startswith("my-task-1-")
    assert name_of("t", _ti()) != name_of("t", _ti(try_number=2))
    assert name_of("t", _ti()) != name_of("t", _ti(map_index=0))
    assert len(name_of("x" * 300, _ti())) <= 63
    assert labels_of(_ti()) == labels_of(_ti(try_number=2))
    assert labels_of(_ti()) != labels_of(_ti(map_index=0))


def test_arguments_are_laid_over_the_template_and_models_of_the_client_are_taken() -> None:
    template = client.V1Pod(
        metadata=client.V1ObjectMeta(namespace="theirs", labels={"team": "a"}),
        spec=client.V1PodSpec(
            containers=[client.V1Container(name="base", image="old:1", working_dir="/w")]
        ),
    )
    pod = _pod(
        full_pod_spec=template,
        image="new:2",
        env_vars=[client.V1EnvVar(name="A", value="b")],
        volumes=[client.V1Volume(name="v", empty_dir=client.V1EmptyDirVolumeSource())],
        volume_mounts=[{"name": "v", "mountPath": "/v"}],
        tolerations=[client.V1Toleration(key="k", operator="Exists")],
        labels={"dag_id": "not the DAG's to say"},
    )
    assert pod["metadata"]["namespace"] == "theirs"
    assert (pod["metadata"]["labels"]["team"], pod["metadata"]["labels"]["dag_id"]) == ("a", "d")
    (base,) = pod["spec"]["containers"]
    assert (base["image"], base["workingDir"]) == ("new:2", "/w")
    assert base["env"] == [{"name": "A", "value": "b"}]
    assert base["volumeMounts"] == [{"name": "v", "mountPath": "/v"}]
    assert pod["spec"]["volumes"] == [{"name": "v", "emptyDir": {}}]
    assert pod["spec"]["tolerations"] == [{"key": "k", "operator": "Exists"}]
    assert pod["spec"]["restartPolicy"] == "Never"
    assert "initContainers" not in pod["spec"]


def test_what_cannot_be_a_pod_is_refused_with_the_reason() -> None:
    with pytest.raises(AirflowException, match="image: neither"):
        _pod()
    with pytest.raises(AirflowException, match="kind is 'Job'"):
        _pod(image="i", pod_template_dict={"kind": "Job"})
    with pytest.raises(AirflowException, match="pod_template_file"):
        _pod(image="i", pod_template_file="/nowhere/pod.yaml")
    with pytest.raises(DagError, match="on_finish_action"):
        KubernetesPodOperator(task_id="t", on_finish_action="burn_pod")


def test_a_function_with_too_much_to_carry_is_refused() -> None:
    with DAG("d"):

        @task.kubernetes(image="python:3")
        def long(text: str) -> int:
            return len(text)

        output = long("x" * 200_000)
    operator: Any = output.operator
    with pytest.raises(AirflowException, match="a pod takes 100000"):
        operator.build_pod_request_obj({"ti": _ti()})


def test_output_is_taken_up_where_it_was_though_several_lines_have_one_time() -> None:
    position = _Position()
    first = [
        b"2026-01-01T00:00:01.5Z one",
        b"2026-01-01T00:00:01.50000001Z two",
        b"2026-01-01T00:00:02Z three",
        b"2026-01-01T00:00:02Z four",
    ]
    assert list(position.new(iter(first))) == ["one", "two", "three", "four"]
    assert position.second == "2026-01-01T00:00:02Z"
    again = [*first[2:], b"2026-01-01T00:00:02.000000001Z five six"]
    assert list(position.new(iter(again))) == ["five six"]
