"""`tradewind migrate shadow`: a DAG folder beside an Airflow, by its database and by its API."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.migration.airflow_schemas import fill
from tradewind.cli.main import FAILED
from tradewind.cli.main import run as command
from tradewind.store.airflow_db import open_airflow
from tradewind.store.airflow_db.schedules import scheduled

FILE = """
from datetime import datetime
from airflow import DAG
from airflow.operators.empty import EmptyOperator

print("files may print")
with DAG("etl", schedule=SCHEDULE, start_date=datetime(2026, 3, 1), catchup=True):
    EmptyOperator(task_id="a")
"""
INTERVALS = FILE.replace("SCHEDULE", "CronDataIntervalTimetable('@daily', timezone='UTC')").replace(
    "from airflow import DAG", "from airflow.sdk import DAG, CronDataIntervalTimetable"
)


@pytest.fixture(params=["2", "3"])
def airflow_url(request: pytest.FixtureRequest, empty_url: str) -> str:
    fill(empty_url, request.param)
    return empty_url


def test_the_runs_of_airflows_database(airflow_url: str) -> None:
    source = open_airflow(airflow_url)
    since, until = datetime(2026, 3, 3, tzinfo=UTC), datetime(2026, 3, 9, tzinfo=UTC)
    etl, gone = scheduled(source, since, until)
    source.close()
    assert (etl.dag_id, etl.paused, gone.paused) == ("etl", False, True)
    assert [run.logical_date for run in etl.runs] == [
        datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)
    ]  # fmt: skip
    assert etl.before is not None
    assert etl.before.run_after == datetime(2026, 3, 2, tzinfo=UTC)


class Cli:
    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = home / "dags"
        self.folder.mkdir()
        self._env = {"TRADEWIND_HOME": str(home), "HOME": str(home), "PATH": "/usr/bin:/bin"}
        self._capsys = capsys
        self.err = ""

    def __call__(self, *args: str, code: int) -> dict[str, Any]:
        words = ("migrate", "shadow", str(self.folder), "--since", "2026-03-01", *args)
        assert command((*words, "-o", "json"), self._env) == code
        out, self.err = self._capsys.readouterr()
        return {found["dag_id"]: found for found in json.loads(out)}


@pytest.fixture
def cli(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(tmp_path, capsys)


def test_a_folder_beside_a_database(cli: Cli, tmp_path: Path) -> None:
    fill(f"sqlite:///{tmp_path}/airflow.db", "3")
    (cli.folder / "etl.py").write_text(INTERVALS)
    (cli.folder / "broken.py").write_text("import airflow, nowhere  # a DAG")
    (cli.folder / "ends.py").write_text("import airflow, os  # a DAG\nos._exit(3)")
    where = ("--from", f"sqlite:///{tmp_path}/airflow.db")
    found = cli(*where, "--until", "2026-03-03", code=0)
    assert (found["etl"]["verdict"], found["etl"]["same"]) == ("same", 2)
    assert found["gone"]["verdict"] == "not compared"
    assert "ends.py does not load: its import ended with 3" in cli.err
    assert "broken.py does not load" in cli.err
    found = cli(*where, "--until", "2026-03-05", code=FAILED)
    assert [run["run_after"][:10] for run in found["etl"]["only_here"]] == ["2026-03-04"]
    (cli.folder / "etl.py").write_text(FILE.replace("SCHEDULE", "'@daily'"))
    found = cli(*where, "--until", "2026-03-03", code=FAILED)
    assert "airflow=2" in found["etl"]["reason"]


class Answers(BaseHTTPRequestHandler):
    """Airflow's API, as far as it is asked."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        if self.headers["Authorization"] != "Bearer secret":
            self.send_error(401)
            return
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.asked.append(parts.path)
        rows: list[dict[str, Any]] = []
        if parts.path == "/api/v2/dags":
            name, rows = "dags", [{"dag_id": "etl", "is_paused": False}]
        else:
            name = "dag_runs"
            if "run_after_gte" in query:
                rows = [_row(day) for day in range(2, 130)]
        page = rows[int(query.get("offset", 0)) :][: int(query["limit"])]
        body = json.dumps({name: page, "total_entries": len(rows)}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def _row(day: int) -> dict[str, Any]:
    end = datetime.fromordinal(datetime(2026, 3, 1).toordinal() + day - 1)  # noqa: DTZ001
    start = datetime.fromordinal(end.toordinal() - 1)
    times = {"run_after": end, "data_interval_end": end}
    times |= {"logical_date": start, "data_interval_start": start}
    return {"dag_id": "etl", **{name: f"{at.isoformat()}Z" for name, at in times.items()}}


@pytest.fixture
def api() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_folder_beside_an_api_server(
    cli: Cli, api: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (cli.folder / "etl.py").write_text(INTERVALS)
    found = cli("--api", api, "--token", "secret", "--until", "2026-07-07", code=0)
    assert (found["etl"]["verdict"], found["etl"]["same"]) == ("same", 128)
    assert Answers.asked.count("/api/v2/dags/~/dagRuns") == 2
    args = ("migrate", "shadow", str(cli.folder), "--api", api)
    assert command(args, {"HOME": str(cli.folder)}) != 0
    assert "--token" in capsys.readouterr().err
