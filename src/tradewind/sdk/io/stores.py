"""Which file system a URL's scheme means, and how it logs in: as a connection says."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from tradewind.errors import DagError
from tradewind.sdk import providers

Properties = dict[str, str]
"""Options of a file system."""
_Maker = Callable[..., Any]

_own: dict[tuple[str, str | None], Any] = {}
"""File systems that an author attached, by protocol and connection."""


def attach(
    protocol: str | None = None,
    conn_id: str | None = None,
    fs: Any = None,
    *,
    encryption_type: str | None = None,
    storage_options: Properties | None = None,
) -> Store:
    """Return the store of a protocol and connection, made now or before.

    Args:
        protocol: the scheme of its URLs.
        conn_id: the connection that says how to log in.
        fs: a file system of the author's, used for these from now on.
        encryption_type: has no effect.
        storage_options: options of the file system.
    """
    del encryption_type
    scheme = protocol or "file"
    if fs is not None:
        _own[scheme, conn_id] = fs
    return Store(scheme, conn_id, storage_options)


class Store:
    """A file system and the connection that it logs in with; logs in when it is first used."""

    def __init__(
        self, protocol: str, conn_id: str | None, storage_options: Properties | None = None
    ) -> None:
        self.protocol = protocol
        self.conn_id = conn_id
        self.storage_options = storage_options
        self._fs: Any = None

    @property
    def fs(self) -> Any:
        """The fsspec file system."""
        own = _own.get((self.protocol, self.conn_id))
        if own is not None:
            return own
        if self._fs is None:
            self._fs = get_fs(self.protocol, self.conn_id, self.storage_options)
        return self._fs


def get_fs(
    scheme: str, conn_id: str | None = None, storage_options: Mapping[str, Any] | None = None
) -> Any:
    """Return the fsspec file system of a scheme.

    Args:
        scheme: such as "s3", "gs", "file".
        conn_id: the connection that says how to log in.
        storage_options: options of the file system.

    Raises:
        DagError: no package knows the scheme.
    """
    options = dict(storage_options or {})
    make = _makers().get(scheme)
    if make is not None:
        if len(inspect.signature(make).parameters) == 1:
            return make(conn_id)
        return make(conn_id, options)
    import fsspec  # noqa: PLC0415  30 ms, seldom needed

    try:
        cls = fsspec.get_filesystem_class(scheme)
    except (ValueError, ImportError) as error:
        raise DagError(
            f"no file system for {scheme}:// ({error}); install the provider package for it, such "
            "as apache-airflow-providers-amazon[s3fs] for s3"
        ) from error
    return cls(**options)


def has_fs(scheme: str) -> bool:
    """Tell whether URLs of a scheme can be opened."""
    try:
        get_fs(scheme)
    except DagError:
        return False
    return True


@cache
def _makers() -> Mapping[str, _Maker]:
    found: dict[str, _Maker] = {}
    for name in providers.filesystem_modules():
        module = importlib.import_module(name)
        for scheme in getattr(module, "schemes", ()):
            found[scheme] = module.get_fs
    return found
