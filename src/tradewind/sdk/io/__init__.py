"""Object storage: paths that know how to log in. Needs `pip install tradewind[object-storage]`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tradewind.sdk.io.path import ObjectStoragePath
    from tradewind.sdk.io.stores import Properties, attach, get_fs, has_fs

__all__ = ["ObjectStoragePath", "Properties", "attach", "get_fs", "has_fs"]


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name == "ObjectStoragePath":
        return import_module("tradewind.sdk.io.path").ObjectStoragePath
    if name in __all__:
        return getattr(import_module("tradewind.sdk.io.stores"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
