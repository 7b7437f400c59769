"""`python -m tradewind.compat.airflow.facts`: what installed provider packages have, as JSON.

A program of its own: to be asked, a package's code must run, and no server runs it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from tradewind.compat.airflow import install
from tradewind.sdk import providers


def facts() -> dict[str, Any]:
    """Return the packages, and the types of connections with the fields of their forms."""
    packages = [
        {
            "package_name": one.package,
            "version": one.version,
            "description": " ".join(str(one.info.get("description") or "").split()),
        }
        for one in providers.providers().values()
    ]
    kinds = [
        _kind(one.package, kind)
        for one in providers.providers().values()
        for kind in one.info.get("connection-types") or ()
    ]
    return {
        "providers": sorted(packages, key=lambda one: str(one["package_name"])),
        "connection_types": sorted(kinds, key=lambda one: str(one["connection_type"])),
    }


def _kind(package: str, kind: dict[str, Any]) -> dict[str, Any]:
    shown = kind.get("ui-field-behaviour") or {}
    return {
        "connection_type": kind["connection-type"],
        "hook_name": kind.get("hook-name") or kind["connection-type"],
        "hook_class_name": kind["hook-class-name"],
        "package_name": package,
        "hidden_fields": shown.get("hidden-fields") or [],
        "relabeling": shown.get("relabeling") or {},
        "placeholders": shown.get("placeholders") or {},
        "extra_fields": kind.get("conn-fields") or {},
    }


if __name__ == "__main__":
    install()
    sys.stdout.write(json.dumps(facts()) + "\n")
