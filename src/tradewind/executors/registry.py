"""The executors that there are: by name, how many tasks each takes, and how each is made."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

import msgspec

from tradewind.config import Config
from tradewind.errors import ConfigError
from tradewind.executors.base import Executor, Wake
from tradewind.executors.local import LocalExecutor, Supervisors
from tradewind.executors.sequential import SequentialExecutor

Build = Callable[[Config, Supervisors, Wake], Executor]


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """An executor.

    build: makes it; "module:function" is imported only when the executor is configured, because
        its library may not be installed.
    at_once: tasks at once; None: only `core.parallelism` bounds them.
    remote: its workers speak to an API server.
    """

    build: Build | str
    at_once: int | None = None
    remote: bool = False


KNOWN: dict[str, Known] = {
    "LocalExecutor": Known(build=lambda _, supervisors, wake: LocalExecutor(supervisors, wake)),
    "SequentialExecutor": Known(
        build=lambda _, supervisors, wake: SequentialExecutor(supervisors, wake), at_once=1
    ),
    "CeleryExecutor": Known(build="tradewind.executors.celery.executor:build", remote=True),
    "KubernetesExecutor": Known(
        build="tradewind.executors.kubernetes.configured:build", remote=True
    ),
}


def find(name: str) -> Known | None:
    """Return an executor by its name; None when there is none.

    "package.module:function" is somebody's own: its function takes what `Build` says, and its
    workers speak to an API server.
    """
    if ":" in name:
        return Known(build=name, remote=True)
    return KNOWN.get(name)


def build(name: str, config: Config, supervisors: Supervisors, wake: Wake) -> Executor:
    """Return an executor that is not started.

    Args:
        name: one that `find` finds.
        config: the configuration.
        supervisors: the way to this host's supervisor.
        wake: called when facts are waiting.

    Raises:
        ConfigError: its library is not installed, or its settings are not right.
    """
    known = find(name)
    assert known is not None, name
    make = known.build
    if isinstance(make, str):
        module, _, function = make.partition(":")
        try:
            make = getattr(import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"core.executor: {name!r} cannot be had: {error}; is its package installed?"
            ) from error
    made: Executor = make(config, supervisors, wake)
    return made


def remote_of(names: tuple[str, ...]) -> frozenset[str]:
    """Return those of these executors whose workers speak to an API server."""
    found = {name: find(name) for name in names}
    return frozenset(name for name, known in found.items() if known is not None and known.remote)
