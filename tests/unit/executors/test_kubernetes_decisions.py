"""The tables and rules of the KubernetesExecutor, without a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradewind.config import load_config
from tradewind.errors import ConfigError
from tradewind.executors.base import Gone, Pending
from tradewind.executors.kubernetes.ledger import Keep, Ledger
from tradewind.executors.kubernetes.naming import pod_name
from tradewind.executors.kubernetes.outbox import Doing, Place
from tradewind.executors.kubernetes.policy import Allowed, violations
from tradewind.executors.kubernetes.shaping import shape_of
from tradewind.kube.answers import CREATE, DELETE, Answer, judge
from tradewind.kube.labels import label_value
from tradewind.kube.pacing import MAX_PAUSE_S, Bucket, pause_s
from tradewind.kube.pods import Pod, Stage
from tradewind.kube.pods import judge as judge_pod
from tradewind.kube.template import built_in, load, merge
from tradewind.model.defaults import VARIABLE, DagDefaults
from tradewind.model.ids import AttemptId

ONE = AttemptId("6f1c2a1e-0000-4000-8000-000000000001")
PLACE = Place("tasks", pod_name(ONE))
ALLOWED = Allowed(namespaces=("tasks",), service_accounts=("reader",))


# ---- names --------------------------------------------------------------------------------


def test_a_pods_name_comes_from_the_attempt_alone_and_is_a_valid_one() -> None:
    names = {pod_name(AttemptId(f"attempt-{n}")) for n in range(2000)}
    assert len(names) == 2000
    assert all(len(name) == 55 and name.replace("-", "").isalnum() for name in names)
    assert all(name == name.lower() for name in names)
    assert pod_name(ONE) == pod_name(AttemptId(str(ONE)))


@pytest.mark.parametrize(
    "text", ["a_task", "manual__2026-01-01T00:00:00+00:00", "x" * 200, "é", ""]
)
def test_a_label_is_valid_whatever_the_text(text: str) -> None:
    value = label_value(text)
    assert 0 < len(value) <= 63
    assert value.replace("-", "").replace("_", "").replace(".", "").isalnum()
    assert value.isascii()


def test_labels_of_different_texts_differ() -> None:
    assert label_value("a:b") != label_value("a+b")
    assert label_value("x" * 100) != label_value("x" * 101)


# ---- answers ------------------------------------------------------------------------------


def _body(reason: str, message: str = "") -> bytes:
    return json.dumps({"kind": "Status", "reason": reason, "message": message}).encode()


@pytest.mark.parametrize(
    ("status", "body", "answer"),
    [
        (201, b"{}", Answer.DONE),
        (409, _body("AlreadyExists", 'pods "x" already exists'), Answer.EXISTS),
        (409, _body("Conflict", "Operation cannot be fulfilled on resourcequotas"), Answer.AGAIN),
        (403, _body("Forbidden", 'pods "x" is forbidden: exceeded quota: q'), Answer.AGAIN),
        (403, _body("Forbidden", 'User "u" cannot create resource "pods"'), Answer.REFUSED),
        (401, _body("Unauthorized"), Answer.REFUSED),
        (400, _body("BadRequest"), Answer.REFUSED),
        (404, _body("NotFound", 'namespaces "x" not found'), Answer.REFUSED),
        (422, _body("Invalid", "spec.containers[0].image: Required value"), Answer.REFUSED),
        (429, _body("TooManyRequests"), Answer.AGAIN),
        (500, _body("InternalError"), Answer.AGAIN),
        (502, b"<html>bad gateway</html>", Answer.AGAIN),
        (503, b"", Answer.AGAIN),
        (504, _body("Timeout"), Answer.AGAIN),
        (0, b"no route to host", Answer.AGAIN),
    ],
)
def test_what_an_answer_to_a_create_means(status: int, body: bytes, answer: Answer) -> None:
    assert judge(CREATE, status, body).answer is answer


@pytest.mark.parametrize(
    ("status", "answer"),
    [
        (200, Answer.DONE),
        (404, Answer.DONE),
        (409, Answer.DONE),
        (403, Answer.REFUSED),
        (429, Answer.AGAIN),
        (500, Answer.AGAIN),
        (0, Answer.AGAIN),
    ],
)
def test_what_an_answer_to_a_delete_means(status: int, answer: Answer) -> None:
    assert judge(DELETE, status).answer is answer


def test_a_refusal_says_what_kubernetes_said_and_retry_after_is_read() -> None:
    assert "exceeded quota: q" in judge(CREATE, 403, _body("Forbidden", "exceeded quota: q")).reason
    assert judge(CREATE, 429, b"", "7").retry_after_s == 7
    assert judge(CREATE, 503, b"", "2").retry_after_s == 2
    assert judge(CREATE, 429, b"", "Wed, 21 Oct 2026 07:28:00 GMT").retry_after_s is None


# ---- pods ---------------------------------------------------------------------------------


def _pod(attempt_id: AttemptId = ONE, uid: str = "u1", **status: Any) -> Pod:
    return msgspec.convert(
        {
            "metadata": {
                "name": pod_name(attempt_id),
                "namespace": "tasks",
                "uid": uid,
                "annotations": {"tradewind/attempt": attempt_id},
            },
            "status": status,
        },
        Pod,
    )


def _ended(code: int, reason: str = "Error", signal: int = 0) -> list[dict[str, Any]]:
    state = {"terminated": {"exitCode": code, "reason": reason, "signal": signal}}
    return [{"name": "sidecar"}, {"name": "base", "state": state}]


@pytest.mark.parametrize(
    ("status", "stage", "reason", "started"),
    [
        ({"phase": "Pending"}, Stage.WAITS, "", False),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {"name": "base", "state": {"waiting": {"reason": "ContainerCreating"}}}
                ],
            },
            Stage.WAITS,
            "",
            False,
        ),
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {
                        "name": "base",
                        "state": {"waiting": {"reason": "ErrImagePull", "message": "no such"}},
                    }
                ],
            },
            Stage.WAITS,
            "ErrImagePull: no such",
            False,
        ),
        (
            {
                "phase": "Pending",
                "conditions": [
                    {
                        "type": "PodScheduled",
                        "status": "False",
                        "reason": "Unschedulable",
                        "message": "0/3 nodes",
                    }
                ],
            },
            Stage.WAITS,
            "Unschedulable: 0/3 nodes",
            False,
        ),
        ({"phase": "Running"}, Stage.RUNS, "", True),
        ({"phase": "Unknown"}, Stage.RUNS, "its node does not answer", True),
        (
            {"phase": "Succeeded", "containerStatuses": _ended(0, "Completed")},
            Stage.ENDED,
            "its container ended with exit code 0",
            True,
        ),
        (
            {"phase": "Failed", "containerStatuses": _ended(1)},
            Stage.ENDED,
            "its container ended with exit code 1",
            True,
        ),
        (
            {"phase": "Failed", "containerStatuses": _ended(143)},
            Stage.ENDED,
            "its container ended with signal 15",
            True,
        ),
        (
            {"phase": "Failed", "reason": "Evicted", "message": "low on memory"},
            Stage.ENDED,
            "Evicted: low on memory",
            False,
        ),
        (
            {
                "phase": "Failed",
                "conditions": [
                    {
                        "type": "DisruptionTarget",
                        "status": "True",
                        "reason": "Preempted",
                    }
                ],
                "containerStatuses": _ended(143),
            },
            Stage.ENDED,
            "Preempted",
            True,
        ),
        ({"phase": "Failed"}, Stage.ENDED, "its pod is Failed and no container ran", False),
    ],
)
def test_what_a_pods_status_says(
    status: dict[str, Any], stage: Stage, reason: str, *, started: bool
) -> None:
    verdict = judge_pod(_pod(**status))
    assert (verdict.stage, verdict.reason, verdict.started) == (stage, reason, started)


def test_out_of_memory_is_named() -> None:
    verdict = judge_pod(_pod(phase="Failed", containerStatuses=_ended(137, "OOMKilled")))
    assert verdict.reason.startswith("OOMKilled")
    assert (verdict.exit_code, verdict.exit_signal) == (None, 9)


# ---- pace ---------------------------------------------------------------------------------


def test_a_bucket_gives_its_burst_and_then_its_rate() -> None:
    bucket = Bucket(rate=10, burst=3, now=0)
    assert [bucket.take(0) for _ in range(3)] == [0, 0, 0]
    assert bucket.take(0) == pytest.approx(0.1)
    assert bucket.take(0.1) == 0
    bucket.close(1, for_s=5)
    assert bucket.take(2) == 4
    assert bucket.take(6) == 0


def test_pauses_double_are_bounded_and_are_never_shorter_than_asked() -> None:
    pauses = [pause_s(n, None, 1.0) for n in range(1, 12)]
    assert pauses[:3] == [0.5, 1.0, 2.0]
    assert max(pauses) == MAX_PAUSE_S
    assert pause_s(1, 30.0, 0.0) == 30.0
    assert pause_s(1, None, 0.0) == 0.25


# ---- templates and overrides ----------------------------------------------------------------


def test_an_override_is_laid_over_the_template_by_name() -> None:
    below = built_in()
    below["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}]
    above = {
        "metadata": {"labels": {"team": "x"}},
        "spec": {
            "tolerations": [{"key": "gpu"}],
            "containers": [
                {"name": "worker", "image": "i:2", "env": [{"name": "A", "value": "2"}]},
                {"name": "sidecar", "image": "s"},
            ],
        },
    }
    merged = merge(below, above)
    base, sidecar = merged["spec"]["containers"]
    assert (base["name"], base["image"], base["env"]) == (
        "base",
        "i:2",
        [{"name": "A", "value": "2"}],
    )
    assert base["securityContext"]["allowPrivilegeEscalation"] is False
    assert sidecar["name"] == "sidecar"
    assert merged["spec"]["tolerations"] == [{"key": "gpu"}]
    assert below["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]


@pytest.mark.parametrize(
    ("override", "names"),
    [
        ({"spec": {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}}, "hostPath"),
        ({"spec": {"hostNetwork": True}}, "hostNetwork"),
        ({"spec": {"hostPID": True}}, "hostPID"),
        ({"spec": {"nodeName": "n"}}, "nodeName"),
        ({"spec": {"restartPolicy": "Always"}}, "restartPolicy"),
        ({"spec": {"serviceAccountName": "admin"}}, "serviceAccountName"),
        ({"spec": {"automountServiceAccountToken": True}}, "automountServiceAccountToken"),
        ({"spec": {"securityContext": {"runAsUser": 0}}}, "root"),
        ({"metadata": {"namespace": "kube-system"}}, "kube-system"),
        ({"metadata": {"name": "mine"}}, "metadata.name"),
        ({"metadata": {"labels": {"tradewind/group": "other"}}}, "tradewind/group"),
        ({"spec": {"containers": [{"securityContext": {"privileged": True}}]}}, "privileged"),
        ({"spec": {"initContainers": [{"securityContext": {"runAsUser": 0}}]}}, "root"),
        (
            {"spec": {"containers": [{"securityContext": {"capabilities": {"add": ["ALL"]}}}]}},
            "capabilities",
        ),
        ({"spec": {"containers": [{"ports": [{"hostPort": 80}]}]}}, "hostPort"),
        (
            {
                "spec": {
                    "volumes": [
                        {"name": "t", "projected": {"sources": [{"serviceAccountToken": {}}]}}
                    ]
                }
            },
            "token",
        ),
        ("not a pod", "mapping"),
        ({"kind": "Job"}, "Job"),
    ],
)
def test_what_an_override_may_not_ask(override: object, names: str) -> None:
    (phrase,) = violations(override, ALLOWED)
    assert names in phrase


def test_what_an_override_may_ask() -> None:
    assert (
        violations(
            {
                "metadata": {"namespace": "tasks", "labels": {"team": "x"}},
                "spec": {
                    "serviceAccountName": "reader",
                    "nodeSelector": {"disk": "ssd"},
                    "tolerations": [{"key": "gpu"}],
                    "volumes": [{"name": "v", "secret": {"secretName": "s"}}],
                    "containers": [{"name": "base", "image": "i", "resources": {"limits": {}}}],
                },
            },
            ALLOWED,
        )
        == []
    )


def test_a_template_file_that_is_not_a_pod_names_the_setting_and_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pod.yaml"
    for text in ("kind: Job", "- a", "spec: 3", "a: [", "spec: {containers: [1]}"):
        path.write_text(text)
        with pytest.raises(ConfigError, match=r"pod_template_file.*pod\.yaml"):
            load(path)
    with pytest.raises(ConfigError, match="pod_template_file"):
        load(tmp_path / "missing.yaml")


# ---- the ledger ------------------------------------------------------------------------------


def _ledger(**keep: Any) -> Ledger:
    ledger = Ledger(Keep(**keep))
    assert ledger.want(ONE, PLACE)
    return ledger


def _doings(ledger: Ledger) -> list[Doing]:
    return [order.doing for order in ledger.outbox.take_orders()]


def test_a_pod_never_seen_is_no_evidence() -> None:
    ledger = _ledger()
    ledger.listed("tasks", [], ledger.tick, 0)
    assert ledger.outbox.take_facts() == []
    assert not ledger.want(ONE, PLACE)


def test_a_list_from_before_the_create_says_nothing_of_the_pod() -> None:
    ledger = _ledger()
    before = ledger.tick
    assert ledger.created(ONE, PLACE, "u1", 0)
    ledger.listed("tasks", [], before, 0)
    assert ledger.outbox.take_facts() == []
    ledger.listed("tasks", [], ledger.tick, 0)
    (gone,) = ledger.outbox.take_facts()
    assert isinstance(gone, Gone)
    assert gone.before_start


def test_a_list_of_one_namespace_says_nothing_of_another() -> None:
    ledger = _ledger()
    ledger.created(ONE, PLACE, "u1", 0)
    ledger.listed("elsewhere", [], ledger.tick, 0)
    assert ledger.outbox.take_facts() == []


def test_an_end_is_told_once_whatever_comes_again_and_late() -> None:
    ledger = _ledger()
    ledger.created(ONE, PLACE, "u1", 0)
    ended = _pod(phase="Succeeded", containerStatuses=_ended(0, "Completed"))
    ledger.seen(ended, 1)
    ledger.seen(_pod(phase="Running"), 2)
    ledger.seen(ended, 3)
    ledger.listed("tasks", [ended], ledger.tick, 4)
    assert _doings(ledger) == [Doing.DELETE]
    ledger.removed(ended)
    (gone,) = ledger.outbox.take_facts()
    assert isinstance(gone, Gone)
    assert gone.exit_code == 0


def test_the_end_of_an_earlier_pod_is_not_this_ones() -> None:
    ledger = _ledger()
    ledger.created(ONE, PLACE, "u2", 0)
    ledger.removed(_pod(uid="u1", phase="Running"))
    assert ledger.outbox.take_facts() == []


def test_a_failure_is_explained_before_it_is_told() -> None:
    ledger = _ledger(failed=False)
    ledger.created(ONE, PLACE, "u1", 0)
    ledger.seen(_pod(phase="Failed", containerStatuses=_ended(1)), 1)
    assert ledger.outbox.take_facts() == []
    (order,) = ledger.outbox.take_orders()
    assert order.doing is Doing.EXPLAIN
    ledger.explained(order)
    (gone,) = ledger.outbox.take_facts()
    assert isinstance(gone, Gone)
    assert (gone.exit_code, gone.before_start) == (1, False)
    assert _doings(ledger) == [Doing.DELETE]


def test_a_pod_that_waits_too_long_is_given_up_with_its_reason() -> None:
    ledger = _ledger(pending_timeout_s=300)
    ledger.created(ONE, PLACE, "u1", 0)
    waiting = {"reason": "ImagePullBackOff"}
    statuses = [{"name": "base", "state": {"waiting": waiting}}]
    ledger.seen(_pod(phase="Pending", containerStatuses=statuses), 10)
    ledger.believe({ONE}, 299)
    assert _doings(ledger) == []
    assert ledger.outbox.take_facts() == [Pending(attempt_id=ONE, reason="ImagePullBackOff")]
    ledger.believe({ONE}, 300)
    (order,) = ledger.outbox.take_orders()
    ledger.explained(order)
    (gone,) = ledger.outbox.take_facts()
    assert isinstance(gone, Gone)
    assert gone.before_start
    assert "ImagePullBackOff" in gone.reason
    assert _doings(ledger) == [Doing.DELETE]


def test_a_pod_that_runs_is_not_given_up() -> None:
    ledger = _ledger(pending_timeout_s=300)
    ledger.created(ONE, PLACE, "u1", 0)
    ledger.seen(_pod(phase="Running"), 10)
    ledger.believe({ONE}, 10_000)
    assert _doings(ledger) == []


def test_a_pod_created_after_its_attempt_was_dropped_is_deleted() -> None:
    ledger = _ledger()
    ledger.cancel(ONE)
    assert not ledger.wanted(ONE)
    assert not ledger.created(ONE, PLACE, "u1", 0)
    assert _doings(ledger) == [Doing.DELETE]


def test_pods_of_nobodys_are_deleted_at_the_second_look_and_ended_ones_by_the_rules() -> None:
    running, kept, cleared = Ledger(Keep()), Ledger(Keep(failed=True)), Ledger(Keep(failed=False))
    running.seen(_pod(phase="Running"), 0)
    running.believe(set(), 0)
    assert _doings(running) == []
    running.believe(set(), 5)
    assert _doings(running) == [Doing.DELETE]
    failed = _pod(phase="Failed", containerStatuses=_ended(1))
    for ledger, doings in ((kept, []), (cleared, [Doing.DELETE])):
        ledger.seen(failed, 0)
        for now in (0, 5, 10):
            ledger.believe(set(), now)
        assert _doings(ledger) == doings
        assert ledger.outbox.take_facts() == []


def test_whoever_takes_over_tells_of_an_end_that_came_before() -> None:
    ledger = Ledger(Keep())
    ledger.listed("tasks", [_pod(phase="Failed", containerStatuses=_ended(1))], 0, 0)
    ledger.believe({ONE}, 0)
    (order,) = ledger.outbox.take_orders()
    ledger.explained(order)
    (gone,) = ledger.outbox.take_facts()
    assert gone.attempt_id == ONE


# ---- the shape of pods ------------------------------------------------------------------------


def test_a_file_means_the_same_in_a_pod_and_secrets_stay_here() -> None:
    settings = {
        "CORE__DEFAULT_TIMEZONE": "Europe/Berlin",
        "CORE__PLUGINS_FOLDER": "/here/plugins",
        "SECRETS__BACKEND": "a.Backend",
        "SECRETS__BACKEND_KWARGS": '{"token": "hidden"}',
        "KUBERNETES_EXECUTOR__SERVER_URL": "http://api.test",
    }
    given = {f"TRADEWIND__{key}": value for key, value in settings.items()}
    shape = shape_of(load_config({"TRADEWIND_HOME": "/nowhere", **given}))
    assert "hidden" not in str(shape)
    there = msgspec.json.decode(shape.env[VARIABLE], type=DagDefaults)
    assert there == DagDefaults(timezone="Europe/Berlin")
