"""A Python with provider packages from the registry, and without Apache Airflow.

It is made once, in a folder that git ignores, and made anew when what is asked for changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
UV = ROOT / ".tools" / "bin" / "uv"

PROVIDERS = {
    "common-compat": "1.23.0",
    "common-io": "1.11.0",
    "common-messaging": "2.1.2",
    "common-sql": "2.4.0",
    "http": "6.3.0",
    "postgres": "7.1.1",
    "sqlite": "4.3.4",
    "standard": "1.21.0",
}
LIBRARIES = (
    *("aiohttp", "asgiref", "asyncpg", "deprecated", "methodtools", "more-itertools", "packaging"),
    *("psycopg2-binary", "psycopg[binary]", "pydantic", "python-slugify", "requests"),
    *("requests-toolbelt", "sqlalchemy", "sqlparse", "tenacity", "universal-pathlib"),
)
"""What those packages are for, and what of Apache Airflow's own requirements they use."""

MORE_PROVIDERS = {
    "amazon": "9.39.0",
    "cncf-kubernetes": "10.25.0",
    "docker": "4.6.1",
    "ftp": "3.16.1",
    "google": "22.8.0",
    "slack": "9.11.1",
    "ssh": "7.0.1",
}
MORE_LIBRARIES = (
    *("PyAthena", "aiofiles", "asyncssh", "boto3", "cryptography", "dill", "docker", "inflection"),
    *("jmespath", "jsonpath_ng", "kubernetes>=36,<37", "kubernetes_asyncio>=32,<37"),
    *("marshmallow", "paramiko", "pydantic", "python-dotenv", "redshift_connector", "slack-sdk"),
    *("sagemaker-studio<1.1", "tabulate", "urllib3", "watchtower<4", "lazy-object-proxy"),
)

GOOGLE_LIBRARIES = (
    *("dill", "gcloud-aio-auth", "gcloud-aio-bigquery", "gcloud-aio-storage"),
    *("gcsfs", "google-analytics-admin", "google-api-core"),
    *("google-api-python-client", "google-auth", "google-auth-httplib2"),
    *("google-genai", "grpcio-gcp", "httpx2", "immutabledict", "looker-sdk"),
    *("pandas", "pandas-gbq", "proto-plus", "pyarrow", "sqlalchemy-bigquery"),
    *("sqlalchemy-spanner",),
)
GOOGLE_CLOUD_LIBRARIES = (
    *("aiplatform", "alloydb", "automl", "batch", "bigquery"),
    *("bigquery-datatransfer", "bigquery-storage", "bigtable", "build", "compute"),
    *("container", "datacatalog", "dataflow-client", "dataform", "dataplex"),
    *("dataproc", "dataproc-metastore", "dlp", "kms", "language", "logging"),
    *("managedkafka", "memcache", "monitoring", "orchestration-airflow", "os-login"),
    *("pubsub", "redis", "run", "secret-manager", "spanner", "speech", "storage"),
    *("storage-transfer", "tasks", "texttospeech", "translate", "videointelligence"),
    *("vision", "workflows"),
)
"""What google's package is for; of those of Google Cloud, the names behind "google-cloud-"."""

Run = Callable[..., Any]


def made(name: str, providers: dict[str, str], libraries: tuple[str, ...]) -> Path:
    """Return the Python of an environment with these packages, made unless it is there."""
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    wanted = json.dumps([providers, sorted(libraries), own, sys.version])
    place = ROOT / f".venv-{name}"
    python, mark = place / "bin" / "python", place / "made-of"
    digest = hashlib.sha256(wanted.encode()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return python
    shutil.rmtree(place, ignore_errors=True)
    names = [f"apache-airflow-providers-{n}=={v}" for n, v in providers.items()]
    for command in (
        ["venv", "--quiet", "--python", sys.executable, str(place)],
        ["pip", "install", "--quiet", "--python", str(python), *own, *libraries],
        ["pip", "install", "--quiet", "--python", str(python), "--no-deps", *names],
    ):
        done = subprocess.run([UV, *command], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            missing = "the package registry cannot be reached, or has not what is asked for"
            if os.environ.get("CI"):
                raise AssertionError(f"{missing}:\n{done.stderr}")
            pytest.skip(f"{missing}: {done.stderr.strip()[-300:]}")
    mark.write_text(digest)
    return python


def runner(python: Path) -> Run:
    def run(program: str, *args: str, **env: str) -> Any:
        """Run a program of this folder there and return what it prints, which is JSON."""
        kept = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        done = subprocess.run(
            [python, HERE / program, *args],
            capture_output=True,
            text=True,
            check=False,
            env={**kept, "PYTHONPATH": str(ROOT / "src"), **env},
            timeout=240,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return json.loads(done.stdout.strip().rpartition("\n")[2])

    return run


@pytest.fixture(scope="session")
def with_providers() -> Run:
    return runner(made("providers", PROVIDERS, LIBRARIES))


@pytest.fixture(scope="session")
def with_more_providers() -> Run:
    return runner(
        made(
            "more-providers",
            {**PROVIDERS, **MORE_PROVIDERS},
            (
                *LIBRARIES,
                *MORE_LIBRARIES,
                *GOOGLE_LIBRARIES,
                *(f"google-cloud-{name}" for name in GOOGLE_CLOUD_LIBRARIES),
            ),
        )
    )
