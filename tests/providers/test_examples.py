"""The example DAG files in the source packages of providers load; docs/provider-examples.md."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.providers.conftest import MORE_PROVIDERS, PROVIDERS, ROOT, Run
from tests.providers.sources import system_tests

PAGE = ROOT / "docs" / "provider-examples.md"
WITH_EXAMPLES = ("amazon", "cncf-kubernetes", "common-io", "common-sql", "docker", "ftp", "http",
                 "postgres", "slack", "sqlite")  # fmt: skip
ELSEWHERE = "needs {}"

NOT_LOADED: dict[str, str] = {
    "example_azure_blob_to_s3": ELSEWHERE.format("the microsoft.azure provider"),
    "example_bedrock_retrieve_and_generate": ELSEWHERE.format("the package opensearch-py"),
    "example_duckdb": ELSEWHERE.format("the package duckdb"),
    "example_exasol_to_s3": ELSEWHERE.format("the exasol provider"),
    "example_gcs_to_s3": ELSEWHERE.format("the google provider"),
    "example_glacier_to_gcs": ELSEWHERE.format("the google provider"),
    "example_google_api_sheets_to_s3": ELSEWHERE.format("the google provider"),
    "example_google_api_youtube_to_s3": ELSEWHERE.format("the google provider"),
    "example_hive_to_dynamodb": ELSEWHERE.format("the apache.hive provider"),
    "example_imap_attachment_to_s3": ELSEWHERE.format("the imap provider"),
    "example_mongo_to_s3": ELSEWHERE.format("the package pymongo"),
    "example_sagemaker_unified_studio": "executor_config takes the output of a task, which only "
    "exists when the executor has long been told",
    "example_salesforce_to_s3": ELSEWHERE.format("the salesforce provider"),
}
"""By name, why a file does not load."""


def folder(name: str) -> Path:
    return system_tests(name, {**PROVIDERS, **MORE_PROVIDERS}[name])


def rows(run: Run) -> list[str]:
    """Load the examples; return the lines of the table."""
    lines = []
    for name in WITH_EXAMPLES:
        found: dict[str, Any] = run("examples.py", str(folder(name)))
        failed = sorted(Path(file).stem for file, came in found.items() if isinstance(came, str))
        unknown = {
            f: c for f, c in found.items() if isinstance(c, str) and Path(f).stem not in NOT_LOADED
        }
        assert not unknown, unknown
        why = "; ".join(f"`{stem}`: {NOT_LOADED[stem]}" for stem in failed)
        version = {**PROVIDERS, **MORE_PROVIDERS}[name]
        dags = sum(came for came in found.values() if isinstance(came, int))
        lines.append(
            f"| {name} {version} | {len(found)} | {len(found) - len(failed)} | {dags} | {why} |"
        )
    return lines


@pytest.mark.skipif(
    not os.environ.get("TRADEWIND_TEST_MORE_PROVIDERS"),
    reason="downloads 200 MB; `make providers` runs it",
)
def test_the_examples_of_providers_load(with_more_providers: Run) -> None:
    found = rows(with_more_providers)
    written = PAGE.read_text(encoding="utf-8").splitlines()
    lines = [
        line for line in written if line.startswith("| ") and not line.startswith("| provider")
    ]
    assert lines == found, "docs/provider-examples.md: run python -m tools.provider_examples"
