"""From a class path to a trigger.

A trigger names its class by a dotted path. Where that may lead:

* into an installed package (`tradewind.sdk.triggers.…`, a provider's);
* into a module in the DAG folder, which is importable here as it is in a DAG file;
* into a DAG file itself, whose module has a made-up name: then the file is imported.

User code is imported here; this process has no database and no keys, and may be killed at any
time. When a module of the DAG folder changes, the next trigger is made from the new one:
modules of the folder are forgotten together, so that they fit each other. Triggers that run
keep the code they started with.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import serde
from tradewind.sdk.loading import MODULE_PREFIX, load_dag_file
from tradewind.sdk.triggers.base import BaseTrigger
from tradewind.wire.messages import Assignment


class Resolver:
    """Make triggers; remember which version of the DAG folder's modules is imported."""

    def __init__(self, dags_folder: Path) -> None:
        self._folder = dags_folder
        self._stamps: dict[str, tuple[int, int]] = {}
        self._imported = 0

    def make(self, assignment: Assignment) -> BaseTrigger:
        """Return the trigger of an assignment.

        Raises:
            DagError: there is no such class, or it is no trigger.
            Exception: whatever importing or making it raises.
        """
        call = assignment.trigger
        if call is None:
            raise DagError("there is no trigger in this assignment")
        self._forget_changed()
        found = self._find(call.classpath, assignment)
        if not (isinstance(found, type) and issubclass(found, BaseTrigger)):
            raise DagError(
                f"{call.classpath} is not a trigger: it must be a class derived from BaseTrigger"
            )
        kwargs = serde.loads(bytes(call.kwargs))
        trigger: BaseTrigger = found(**kwargs)
        self._note_stamps()
        return trigger

    def _find(self, classpath: str, assignment: Assignment) -> Any:
        module_name, _, name = classpath.rpartition(".")
        if not module_name:
            raise DagError(
                f"{classpath!r} is no class path; serialize() of the trigger must return one "
                'like "my_module.MyTrigger"'
            )
        if str(self._folder) not in sys.path:
            sys.path.insert(0, str(self._folder))
        if module_name.startswith(MODULE_PREFIX):
            module = self._dag_file(module_name, assignment)
        else:
            try:
                module = importlib.import_module(module_name)
            except ModuleNotFoundError as error:
                raise DagError(
                    f"the triggerer cannot import {module_name!r} ({error}); trigger classes live "
                    "in the DAG folder or in an installed package"
                ) from error
        try:
            return getattr(module, name)
        except AttributeError:
            raise DagError(f"there is no {name!r} in {module_name}") from None

    def _dag_file(self, module_name: str, assignment: Assignment) -> ModuleType:
        if module_name not in sys.modules:
            load_dag_file(str(self._folder / assignment.dag_file), str(self._folder))
        module = sys.modules.get(module_name)
        if module is None:
            raise DagError(
                f"the trigger's class is not in {assignment.dag_file} any more; give the class a "
                "module of its own"
            )
        return module

    def _forget_changed(self) -> None:
        changed = [name for name, stamp in self._stamps.items() if _stamp(name) != stamp]
        if changed:
            for name in self._stamps:
                sys.modules.pop(name, None)
            self._stamps.clear()
            self._imported = 0
            importlib.invalidate_caches()

    def _note_stamps(self) -> None:
        if len(sys.modules) == self._imported:
            return
        self._imported = len(sys.modules)
        inside = f"{self._folder}/"
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name not in self._stamps and isinstance(file, str) and file.startswith(inside):
                stamp = _stamp(name)
                if stamp is not None:
                    self._stamps[name] = stamp


def _stamp(module_name: str) -> tuple[int, int] | None:
    file = getattr(sys.modules.get(module_name), "__file__", None)
    try:
        status = Path(str(file)).stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
