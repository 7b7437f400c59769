"""`airflow.utils.module_loading`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterator
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["import_string", "is_valid_dotpath", "iter_namespace", "qualname"]


def import_string(dotted_path: str) -> Any:
    """Import the thing that a dotted path names.

    Raises:
        ImportError: there is no such thing, or it is no path.
    """
    module, _, name = dotted_path.rpartition(".")
    if not module:
        raise ImportError(f"{dotted_path!r} is no path like 'package.module.name'")
    try:
        return getattr(import_module(module), name)
    except AttributeError:
        raise ImportError(f"module {module!r} has no {name!r}") from None


def qualname(o: object | Callable[..., Any], use_qualname: bool = False) -> str:
    """Return the dotted path of a class, a function, or an object's class."""
    if callable(o) and hasattr(o, "__name__"):
        name = o.__qualname__ if use_qualname else o.__name__
        return f"{o.__module__}.{name}"
    kind = type(o)
    return f"{kind.__module__}.{kind.__qualname__ if use_qualname else kind.__name__}"


def iter_namespace(ns: ModuleType) -> Iterator[Any]:
    """Yield the modules below a package."""
    return pkgutil.iter_modules(ns.__path__, f"{ns.__name__}.")


def is_valid_dotpath(path: object) -> bool:
    """Tell whether a text looks like a dotted path."""
    return isinstance(path, str) and all(part.isidentifier() for part in path.split("."))
