"""Provider packages from the registry, without Apache Airflow: they load and they run."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tests.providers.conftest import Run

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]

NOT_HERE = {
    r"common\.compat\.openlineage\.": "openlineage",
    r"common\.io\.state_store": "stores for state are not in this version",
    r"common\.sql\.(datafusion|config|.*datafusion|operators\.analytics|decorators\.analytics)": (
        "datafusion"
    ),
    r"cncf\.kubernetes\.(executors|cli|kubernetes_executor)": "executors are Tradewind's own",
    r"amazon\.aws\.(executors|auth_manager|cli|bundles)": "executors, users and bundles are ours",
    r"amazon\.aws\.log\.": "logs are kept by Tradewind",
    r"amazon\.aws\.hooks\.duckdb": "needs the package duckdb",
    r"google\.(ads|leveldb)\.": "needs the packages google-ads, plyvel",
    r"google\.cloud\.(log|bundles)\.": "logs and code are kept by Tradewind",
    r"google\.(common\.auth_backend|cloud\.utils\.validators)": "pages and users are Tradewind's",
    r"google\.cloud\.(hooks|operators|sensors|triggers)\.dataflow": "needs apache-beam",
    r"google\.cloud\.utils\.mlengine_prediction_summary": "needs apache-beam",
    r"google\.cloud\.(hooks|operators)\.(ray|vertex_ai\.(ray|generative_model))": "needs ray, tqdm",
    r"google\.cloud\.(hooks|operators)\.spanner": "needs the package of OpenLineage",
    r"google\.cloud\.transfers\.(adls|azure|bigquery_to_m|cassandra|facebook|mongo|mssql|mysql)": (
        "needs the package of the other side"
    ),
    r"google\.cloud\.transfers\.(oracle|presto|salesforce|trino|sftp|gcs_to_sftp)": (
        "needs the package of the other side"
    ),
    r"amazon\.aws\.transfers\.(azure|exasol|gcs|glacier_to_gcs|google|hive|imap|mongo|sales)": (
        "needs the package of the other side"
    ),
}
"""Modules of provider packages that do not load, and why."""


class Web(BaseHTTPRequestHandler):
    told: ClassVar[list[Any]] = []

    def do_GET(self) -> None:
        self.answer(404 if self.path == "/nothing" else 200, b"fair")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/told":
            self.told.append(json.loads(body))
        self.answer(200, body)

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def web() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Web) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def failures(found: dict[str, str]) -> dict[str, str]:
    assert found.pop("apache airflow installed") == "False"
    return {
        module: error
        for module, error in found.items()
        if error and not any(re.match(rf"airflow\.providers\.{p}", module) for p in NOT_HERE)
    }


def test_every_module_loads(with_providers: Run) -> None:
    found = with_providers(
        "modules.py",
        *("common.sql", "common.io", "common.compat", "common.messaging"),
        *("sqlite", "postgres", "http"),
    )
    assert len(found) > 60
    assert failures(found) == {}


@pytest.mark.postgres
def test_real_operators_run_against_real_servers(
    with_providers: Run, web: int, postgres_url: str, tmp_path: Path
) -> None:
    Web.told.clear()
    told = with_providers(
        "operators.py",
        AIRFLOW_CONN_PG=postgres_url.replace("postgresql://", "postgres://"),
        AIRFLOW_CONN_LITE=json.dumps({"conn_type": "sqlite", "host": str(tmp_path / "lite.db")}),
        AIRFLOW_CONN_WEB=f"http://127.0.0.1:{web}",
    )
    states = told["states"]
    odd = {name: state for name, state in states.items() if state != "success"}
    assert odd == {"calm": "skipped", "refused": "failed"}, told["reasons"]
    assert "404" in told["reasons"]["refused"]
    xcoms = told["xcoms"]
    assert xcoms["read"] == [["bay", 7], ["cape", 9]]
    assert xcoms["decorated"] == [[1]]
    assert xcoms["hooks"] == {
        "postgres": 3,
        "sqlite": [["bay", 7]],
        "schema": ["place", "speed"],
        "by type": "PostgresHook",
        "works": [True, "Connection successfully tested"],
    }
    assert (xcoms["post"], xcoms["deferred"], xcoms["bash"]) == ("3", "fair", "127.0.0.1")
    assert Web.told == [
        {"succeeded": "bash"},
        {"late": "r7", "by": "AsyncCallback"},
        {"late": "r7", "by": "SyncCallback"},
    ]


@pytest.mark.skipif(
    not os.environ.get("TRADEWIND_TEST_MORE_PROVIDERS"),
    reason="downloads 1 GB; `make providers` runs it",
)
def test_every_module_of_larger_packages_loads(with_more_providers: Run) -> None:
    found = with_more_providers(
        "modules.py", "ssh", "ftp", "docker", "slack", "cncf.kubernetes", "amazon", "google"
    )
    assert len(found) > 600
    assert failures(found) == {}


@pytest.mark.skipif(
    not os.environ.get("TRADEWIND_TEST_MORE_PROVIDERS"),
    reason="downloads 1 GB; `make providers` runs it",
)
def test_operators_of_google_build(with_more_providers: Run) -> None:
    found = with_more_providers("building.py")
    assert found["load"] == ["GCSToBigQueryOperator", ["BigQuery Table"]]
    assert found["query"] == [
        "BigQueryInsertJobOperator",
        ["BigQuery Table", "BigQuery Job Detail"],
    ]
    assert found["trigger"][0] == "airflow.providers.google.cloud.triggers.gcs.GCSBlobTrigger"
    assert len(found) == 12
