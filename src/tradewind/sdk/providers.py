"""Provider packages that are installed: what each says of itself, read when it is first asked for.

A package names a function under the entry point `apache_airflow_provider`; the function returns
a dict of what the package has: types of connections and their hooks, `@task.<name>` decorators,
file systems, SQL dialects, links, secrets backends. Nothing of a package is imported for that but
the module of that function, and this is done in processes that run user code only.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, NamedTuple

from tradewind.errors import DagError

log = logging.getLogger(__name__)

GROUP = "apache_airflow_provider"


class Provider(NamedTuple):
    """An installed provider package. info: what it says of itself."""

    package: str
    version: str
    info: Mapping[str, Any]


class ConnectionKind(NamedTuple):
    """A type of connections. hook: the class path of its hook."""

    conn_type: str
    hook: str
    package: str


class Dialect(NamedTuple):
    """A dialect of SQL that a package brings."""

    name: str
    dialect_class_name: str
    provider_name: str


@cache
def providers() -> Mapping[str, Provider]:
    """Return the installed provider packages by name. One that cannot be asked is logged."""
    found: dict[str, Provider] = {}
    for entry in sorted(entry_points(group=GROUP), key=_package):
        try:
            info = entry.load()()
        except Exception as error:  # noqa: BLE001  a package's code may raise anything
            log.warning("the provider package %s cannot be asked: %s", _package(entry), error)
            continue
        name = str(info.get("package-name") or _package(entry))
        version = entry.dist.version if entry.dist is not None else ""
        found[name] = Provider(name, version, info)
    return found


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.value


def _all(key: str) -> Iterator[tuple[str, Any]]:
    for provider in providers().values():
        for one in provider.info.get(key) or ():
            yield provider.package, one


@cache
def connection_kinds() -> Mapping[str, ConnectionKind]:
    """Return the types of connections that packages bring, by name."""
    return {
        one["connection-type"]: ConnectionKind(
            one["connection-type"], one["hook-class-name"], package
        )
        for package, one in _all("connection-types")
    }


@cache
def task_decorators() -> Mapping[str, str]:
    """Return the class paths of the `@task.<name>` that packages bring, by name."""
    return {one["name"]: one["class-name"] for _, one in _all("task-decorators")}


@cache
def filesystem_modules() -> tuple[str, ...]:
    """Return the modules that make file systems for object storage."""
    return tuple(module for _, module in _all("filesystems"))


@cache
def message_queues() -> tuple[str, ...]:
    """Return the class paths of the message queues that packages know, sorted."""
    return tuple(sorted({path for _, path in _all("queues")}))


@cache
def dialects() -> Mapping[str, Dialect]:
    """Return the SQL dialects that packages bring, by name."""
    return {
        one["dialect-type"]: Dialect(one["dialect-type"], one["dialect-class-name"], package)
        for package, one in _all("dialects")
    }


@cache
def asset_handlers(key: str) -> Mapping[str, Callable[..., Any]]:
    """Return what packages do with assets' URIs, by scheme.

    Args:
        key: "handler" checks and normalises a URI, "factory" makes an asset.
    """
    found: dict[str, Callable[..., Any]] = {}
    for package, one in _all("asset-uris"):
        path = one.get(key)
        for scheme in one.get("schemes", ()) if path else ():
            try:
                found[scheme] = imported(path)
            except DagError as error:
                log.warning("%s: asset URIs of the scheme %s: %s", package, scheme, error)
    return found


def imported(path: str) -> Any:
    """Import what a class path names.

    Raises:
        DagError: it is not there; says what is missing.
    """
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise DagError(f"{path} cannot be imported: {error}") from error
