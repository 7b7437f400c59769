"""Import every module of provider packages and print what came of it: {module: error or ""}."""

from __future__ import annotations

import importlib
import json
import pkgutil
import sys
import warnings

from tradewind.compat.airflow import install


def tried(name: str) -> str:
    try:
        importlib.import_module(name)
    except BaseException as error:  # noqa: BLE001  a module may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


warnings.simplefilter("ignore")
install()
found = {}
for package in sys.argv[1:]:
    root = importlib.import_module(f"airflow.providers.{package}")
    names = [root.__name__]
    names += [
        module.name
        for module in pkgutil.walk_packages(
            root.__path__, f"{root.__name__}.", onerror=lambda _: None
        )
    ]
    for module in names:
        if ".example_dags" not in module:
            found[module] = tried(module)
found["apache airflow installed"] = str("airflow.models.base" in sys.modules)
sys.stdout.write(json.dumps(found) + "\n")
