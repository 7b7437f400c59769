"""`tradewind providers`: what installed packages say of themselves, asked in a child process."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import Cli

INFO = """
def get_provider_info():
    return {
        "package-name": "apache-airflow-providers-windmill",
        "description": "Mills that\\nturn.",
        "connection-types": [{
            "connection-type": "windmill",
            "hook-class-name": "windmill_provider.MillHook",
            "ui-field-behaviour": {"hidden-fields": ["schema"], "relabeling": {"host": "Mill"}},
            "conn-fields": {"blades": {"label": "Blades", "schema": {"type": "integer"}}},
        }],
    }
"""


@pytest.fixture
def windmill(cli: Cli, tmp_path: Path) -> Cli:
    """A command line whose children find a provider package."""
    site = tmp_path / "site"
    about = site / "windmill-2.0.dist-info"
    about.mkdir(parents=True)
    (site / "windmill_provider.py").write_text(INFO)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: windmill\nVersion: 2.0\n")
    entry = "[apache_airflow_provider]\nprovider_info = windmill_provider:get_provider_info\n"
    (about / "entry_points.txt").write_text(entry)
    cli.env["PYTHONPATH"] = str(site)
    return cli


def test_packages_and_their_types_of_connections(windmill: Cli) -> None:
    packages = windmill.json("providers", "list")
    assert {
        "package_name": "apache-airflow-providers-windmill",
        "version": "2.0",
        "description": "Mills that turn.",
    } in packages
    kinds = {kind["connection_type"]: kind for kind in windmill.json("providers", "hooks")}
    assert kinds["windmill"] == {
        "connection_type": "windmill",
        "hook_name": "windmill",
        "hook_class_name": "windmill_provider.MillHook",
        "package_name": "apache-airflow-providers-windmill",
        "hidden_fields": ["schema"],
        "relabeling": {"host": "Mill"},
        "placeholders": {},
        "extra_fields": {"blades": {"label": "Blades", "schema": {"type": "integer"}}},
    }
