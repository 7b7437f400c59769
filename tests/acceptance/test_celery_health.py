"""A broker that is away: people are told, nothing is lost, and all is well when it is back."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.celery_deployment import CeleryDeployment, celery_deployed
from tests.brokers import open_redis

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.brokers,
    pytest.mark.postgres,
    pytest.mark.timeout(240),
]

DAGS = """
from tradewind.sdk import DAG, task

with DAG("one", schedule=None):
    @task
    def work() -> None:
        note("ran", 1)

    work()
"""


def health(deployment: CeleryDeployment, path: str = "/health") -> dict[str, Any]:
    with urllib.request.urlopen(deployment.server + path, timeout=10) as answer:  # noqa: S310  our own server
        found: dict[str, Any] = json.load(answer)["executors"].get("CeleryExecutor", {})
    return found


def doctor(deployment: CeleryDeployment) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tradewind.cli", "doctor", "-o", "json"],
        env=deployment.env,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    (found,) = [f for f in json.loads(done.stdout) if f["what"] == "executors"]
    return found["status"], found["about"]


def test_a_broker_that_is_away_from_the_start_and_once_more(
    postgres_url: str, tmp_path: Path
) -> None:
    with open_redis() as redis:
        redis.stop()
        with celery_deployed(tmp_path, postgres_url, redis.url, DAGS, "one") as deployment:
            # Before any task: the executor is unhealthy, and a worker waits.
            worker = deployment.worker("one", ready=False)
            deployment.until("red", lambda: health(deployment).get("status") == "unhealthy")
            assert health(deployment, "/api/v2/monitor/health") == {"status": "unhealthy"}
            status, about = doctor(deployment)
            assert status == "problem"
            assert f"CeleryExecutor cannot work: {redis.url}" in about
            assert "refused" in about

            run = deployment.trigger("one")
            deployment.state(run, "work", "queued")
            redis.start()
            worker.ready()
            deployment.until("green", lambda: health(deployment).get("status") == "healthy")
            assert deployment.ended(run) == "success"
            assert doctor(deployment)[0] == "ok"

            # Idle, and it goes away: that is noticed without any task.
            redis.kill()
            deployment.until("red", lambda: health(deployment).get("status") == "unhealthy")
            redis.start()
            deployment.until("green", lambda: health(deployment).get("status") == "healthy")
            assert deployment.ended(deployment.trigger("one")) == "success"
            assert deployment.note("ran") == [1, 1]
            assert worker.process.poll() is None
