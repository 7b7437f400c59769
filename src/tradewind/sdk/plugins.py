"""Plugins: what a deployment adds to every DAG file. Loaded where user code runs, in no server.

A plugin is a subclass of `AirflowPlugin` in a module of the plugins folder (`core.plugins_folder`),
or the target of an entry point `airflow.plugins` or `tradewind.plugins`. The folder is put on
`sys.path` too. Plugins are loaded once in a process, before its first DAG file; one that is
broken is named in the log and in the warnings of every file, and stops nothing else.

What takes effect: `macros` (as `macros.<plugin>.<name>`), `timetables`,
`priority_weight_strategies`, `operator_extra_links`, `global_operator_extra_links`, `listeners`,
`hook_lineage_readers`, `on_load`. What is about Airflow's web server has no effect.
"""

from __future__ import annotations

import importlib
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar, NamedTuple

from tradewind.sdk import defaults, macros
from tradewind.sdk.listener import get_listener_manager

log = logging.getLogger(__name__)

GROUPS = ("tradewind.plugins", "airflow.plugins")


class AirflowPlugin:
    """Derive from it, set `name` and what the plugin adds."""

    name: str | None = None
    macros: ClassVar[list[Any]] = []
    timetables: ClassVar[list[Any]] = []
    priority_weight_strategies: ClassVar[list[Any]] = []
    partition_mappers: ClassVar[list[Any]] = []
    windows: ClassVar[list[Any]] = []
    deadline_references: ClassVar[list[Any]] = []
    operator_extra_links: ClassVar[list[Any]] = []
    global_operator_extra_links: ClassVar[list[Any]] = []
    listeners: ClassVar[list[Any]] = []
    hook_lineage_readers: ClassVar[list[Any]] = []
    # About Airflow's web server: no effect.
    admin_views: ClassVar[list[Any]] = []
    flask_blueprints: ClassVar[list[Any]] = []
    fastapi_apps: ClassVar[list[Any]] = []
    fastapi_root_middlewares: ClassVar[list[Any]] = []
    external_views: ClassVar[list[Any]] = []
    react_apps: ClassVar[list[Any]] = []
    menu_links: ClassVar[list[Any]] = []
    appbuilder_views: ClassVar[list[Any]] = []
    appbuilder_menu_items: ClassVar[list[Any]] = []

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Run once when the plugin is loaded."""


class Plugins(NamedTuple):
    """The plugins of this process, and what is wrong with those that cannot be loaded."""

    plugins: Sequence[type[AirflowPlugin]]
    errors: Sequence[str]


_loaded: list[Plugins] = []


def loaded() -> Plugins:
    """Return the plugins, loaded at the first call."""
    if not _loaded:
        folder = defaults.current().plugins_folder
        _loaded.append(_load(folder))
    return _loaded[0]


def forget() -> None:
    """Load the plugins again at the next call: for tests, which have folders of their own."""
    for found in _loaded:
        for plugin in found.plugins:
            for listener in plugin.listeners:
                get_listener_manager().remove_listener(listener)
            if plugin.name and hasattr(macros, plugin.name):
                delattr(macros, plugin.name)
    _loaded.clear()


def _load(folder: str) -> Plugins:
    found: dict[str, type[AirflowPlugin]] = {}
    errors: list[str] = []
    for where, values in _sources(folder, errors):
        for value in values:
            if not (isinstance(value, type) and issubclass(value, AirflowPlugin)):
                continue
            if value is AirflowPlugin or value.name in found:
                continue
            if not value.name:
                errors.append(f"plugin {value.__name__} in {where}: it has no name")
                continue
            try:
                _put_in_force(value)
            except Exception as error:  # noqa: BLE001  a plugin may raise anything
                errors.append(f"plugin {value.name!r} in {where}: {type(error).__name__}: {error}")
                continue
            found[value.name] = value
    for text in errors:
        log.warning("%s", text)
    return Plugins(tuple(found.values()), tuple(errors))


def _sources(folder: str, errors: list[str]) -> Iterator[tuple[str, Iterable[Any]]]:
    """Yield each place that may have plugins, with what it has."""
    root = Path(folder) if folder else None
    if root is not None and root.is_dir():
        if str(root) not in sys.path:
            sys.path.append(str(root))
        for path in sorted(root.rglob("*.py")):
            if path.name.startswith(("_", ".")) or path.stem.endswith("_local_settings"):
                continue
            name = ".".join(path.relative_to(root).with_suffix("").parts)
            module = _imported(name, str(path), errors)
            if module is not None:
                yield str(path), list(vars(module).values())
    for group in GROUPS if declared() else ():
        from importlib.metadata import entry_points  # noqa: PLC0415  18 ms, seldom needed

        for entry in entry_points(group=group):
            try:
                yield entry.value, [entry.load()]
            except Exception as error:  # noqa: BLE001  a package may raise anything
                errors.append(f"plugin {entry.value}: {type(error).__name__}: {error}")


@cache
def declared() -> bool:
    """Tell whether an installed package has plugins: a look at files, nothing is imported."""
    wanted = [f"[{group}]".encode() for group in GROUPS]
    for entry in sys.path:
        for path in Path(entry or ".").glob("*.dist-info/entry_points.txt"):
            text = path.read_bytes()
            if any(group in text for group in wanted):
                return True
    return False


def _imported(name: str, path: str, errors: list[str]) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001  a plugin may raise anything
        errors.append(f"plugin file {path}: {type(error).__name__}: {error}")
        return None


def _put_in_force(plugin: type[AirflowPlugin]) -> None:
    assert plugin.name is not None
    if plugin.macros:
        functions = {getattr(one, "__name__", type(one).__name__): one for one in plugin.macros}
        setattr(macros, plugin.name, SimpleNamespace(**functions))
    for listener in plugin.listeners:
        get_listener_manager().add_listener(listener)
    if plugin.hook_lineage_readers:
        from tradewind.sdk import lineage  # noqa: PLC0415  hardly any plugin has readers

        for reader in plugin.hook_lineage_readers:
            lineage.register_reader(reader)
    plugin.on_load()


def add_links(tasks: Iterable[Any]) -> None:
    """Add the links of plugins to the tasks that they are for."""
    everywhere = [link for p in loaded().plugins for link in p.global_operator_extra_links]
    some = [link for p in loaded().plugins for link in p.operator_extra_links]
    if not everywhere and not some:
        return
    for task in tasks:
        cls = getattr(task, "operator_class", type(task))
        own = {link.name: link for link in everywhere}
        own |= {
            link.name: link
            for link in some
            if issubclass(cls, tuple(getattr(link, "operators", ())))
        }
        kept = [link for link in task.operator_extra_links if link.name not in own]
        task.operator_extra_links = (*kept, *own.values())
