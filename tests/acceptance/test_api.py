"""The REST API of a real `standalone`, through Airflow's official client."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import airflow_client.client as official
import pytest
from airflow_client.client.exceptions import ApiException

from tradewind.clock import SystemClock

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

DAG_FILE = """
from tradewind.sdk import DAG, Param, task

with DAG("sales", schedule=None, tags=["e2e"], params={"day": Param("monday", type="string")}):
    @task
    def numbers():
        print("counting")
        return [1, 2]

    @task
    def double(x):
        return 2 * x

    @task
    def fails():
        raise ValueError("as told")

    double.expand(x=numbers())
    fails()
"""
TRAP = 'open({path!r}, "a").write(__name__)\n'


class Server:
    """A running `standalone`: where it is, and the password that it printed."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.canary = home / "canary"
        folder = home / "dags"
        folder.mkdir(parents=True)
        (folder / "sales.py").write_text(DAG_FILE, encoding="utf-8")
        # Names that a server would import if the DAG folder were on its path (S1).
        for name in ("sitecustomize", "uvicorn", "starlette", "argon2", "local_settings"):
            text = TRAP.format(path=str(self.canary))
            (folder / f"{name}.py").write_text(text, encoding="utf-8")
        self.clock = SystemClock()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("TRADEWIND")}
        self.log = home / "output"
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [str(Path(sys.executable).with_name("tradewind")), "standalone", "--port", "0"],
                env={**environment, "TRADEWIND_HOME": str(home)},
                stdout=output,
                stderr=output,
                cwd=folder,
            )
        self.url = ""
        self.password = ""

    def await_start(self) -> None:
        """Wait until it says where it is, and is ready."""
        self.url = self.until(lambda: self._said(r"(http://127\.0\.0\.1:\d+)"))
        self.password = self.until(lambda: self._said(r"password:? (\w{20})"))
        self.until(lambda: self.status("/readyz") == 200)

    def _said(self, pattern: str) -> str | None:
        found = re.search(pattern, self.log.read_text(encoding="utf-8"))
        return found[1] if found else None

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:  # noqa: S310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def until(self, check: Callable[[], Any], timeout_s: float = 120) -> Any:
        deadline = self.clock.monotonic() + timeout_s
        while self.clock.monotonic() < deadline:
            found = check()
            if found:
                return found
            assert self.process.poll() is None, self.log.read_text(encoding="utf-8")
            select.select([], [], [], 0.05)
        raise AssertionError(self.log.read_text(encoding="utf-8")[-4000:])

    def client(self, username: str, password: str) -> official.ApiClient:
        body = json.dumps({"username": username, "password": password}).encode()
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/auth/token", body, {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            token = json.load(answer)["access_token"]
        return official.ApiClient(official.Configuration(host=self.url, access_token=token))

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    started = Server(tmp_path)
    try:
        started.await_start()
        yield started
    finally:
        started.stop()


def test_the_official_client_works_against_a_live_server(server: Server) -> None:
    api = server.client("admin", server.password)
    dags, runs = official.DAGApi(api), official.DagRunApi(api)
    tasks = official.TaskInstanceApi(api)
    health = official.MonitorApi(api).get_health()
    assert health.scheduler.status == "healthy"
    server.until(lambda: [d.dag_id for d in dags.get_dags(tags=["e2e"]).dags] == ["sales"])
    source = official.DagSourceApi(api).get_dag_source("sales", accept="application/json")
    assert source.content == DAG_FILE

    body = official.TriggerDAGRunPostBody(logical_date=None, conf={"day": "friday"})
    run_id = runs.trigger_dag_run("sales", body).dag_run_id
    server.until(lambda: runs.get_dag_run("sales", run_id).state == "failed")
    found = tasks.get_task_instances("sales", run_id, order_by=["task_id", "map_index"])
    assert [(t.task_id, t.map_index, t.state) for t in found.task_instances] == [
        ("double", 0, "success"),
        ("double", 1, "success"),
        ("fails", -1, "failed"),
        ("numbers", -1, "success"),
    ]
    log: Any = tasks.get_log("sales", run_id, "numbers", 1, accept="application/json")
    assert "counting" in [line.event for line in log.content.actual_instance]
    xcom: Any = official.XComApi(api).get_xcom_entry("sales", "numbers", run_id, "return_value")
    assert xcom.actual_instance.value == [1, 2]

    # A mark changes the task; a clear runs all again.
    patch = official.PatchTaskInstanceBody(new_state=official.TaskInstanceState.SUCCESS)
    tasks.patch_task_instance("sales", run_id, "fails", patch)
    server.until(lambda: tasks.get_task_instance("sales", run_id, "fails").state == "success")
    clear = official.ClearTaskInstancesBody(
        dag_run_id=run_id, dry_run=False, only_failed=False, task_ids=None
    )
    tasks.post_clear_task_instances("sales", clear)
    server.until(
        lambda: (
            tasks.get_task_instance("sales", run_id, "fails").state == "failed"
            and runs.get_dag_run("sales", run_id).state == "failed"
        )
    )
    tries = tasks.get_task_instance_tries("sales", run_id, "numbers").task_instances
    assert [t.try_number for t in tries] == [1, 2]
    runs.delete_dag_run("sales", run_id)
    with pytest.raises(ApiException) as caught:
        runs.get_dag_run("sales", run_id)
    assert caught.value.status == 404

    events = official.EventLogApi(api).get_event_logs(dag_id="sales")
    assert {e.event for e in events.event_logs} >= {"trigger_dag_run", "delete_dag_run"}
    assert server.status("/api/v2/dags") == 401
    assert not server.canary.exists()


def sent(server: Server, api: official.ApiClient, path: str, body: Any, **headers: str) -> Any:
    """Return the answer to a POST without the client: (status, headers, JSON)."""
    request = urllib.request.Request(  # noqa: S310
        server.url + path,
        json.dumps(body).encode(),
        {
            "Authorization": f"Bearer {api.configuration.access_token}",
            "Content-Type": "application/json",
            **headers,
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.status, answer.headers, json.load(answer)


def test_a_run_is_triggered_once_waited_for_and_noted(server: Server) -> None:
    api = server.client("admin", server.password)
    dags, runs = official.DAGApi(api), official.DagRunApi(api)
    tasks = official.TaskInstanceApi(api)
    server.until(lambda: [d.dag_id for d in dags.get_dags(tags=["e2e"]).dags] == ["sales"])

    path, body = "/api/v2/dags/sales/dagRuns", {"logical_date": None}
    first, again = (
        sent(server, api, path, body, **{"Idempotency-Key": "the-first"}) for _ in range(2)
    )
    assert again[1]["Idempotent-Replayed"] == "true"
    assert again[2] == first[2]
    assert runs.get_dag_runs("sales").total_entries == 1
    run_id = first[2]["dag_run_id"]

    # A line each second while it runs; the last says how it ended.
    stream = runs.wait_dag_run_until_finished_without_preload_content(
        "sales", run_id, interval=1, result=["numbers", "double"]
    )
    lines = [json.loads(line) for line in stream.read().splitlines()]
    assert {line["state"] for line in lines[:-1]} <= {"queued", "running"}
    assert lines[-1] == {"state": "failed", "results": {"numbers": [1, 2], "double": [2, 4]}}

    note = official.PatchTaskInstanceBody(note="as told")
    tasks.patch_task_instance("sales", run_id, "fails", note)
    assert tasks.get_task_instance("sales", run_id, "fails").note == "as told"
    tasks.delete_task_instance("sales", run_id, "double", map_index=1)
    assert tasks.get_task_instances("sales", run_id).total_entries == 3

    parsed = dags.get_dag("sales").last_parsed_time
    assert parsed is not None
    official.DAGParsingApi(api).reparse_dag_file(dags.get_dag("sales").file_token)
    server.until(lambda: (dags.get_dag("sales").last_parsed_time or parsed) > parsed)
