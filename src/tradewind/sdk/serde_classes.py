"""The author's own data classes in typed JSON (see `serde`).

A class is named "module.Class" and is trusted when its module is loaded already and its file
lies in a trusted folder (the DAG folder), or when the name matches the allow-list. Only then is
the class looked up, and only if it is of a kind known to be data is an instance built.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib
import os
import sys
from collections.abc import Callable
from enum import Enum
from functools import cache
from types import ModuleType
from typing import Any

Inner = Callable[[Any, str], Any]
"""Encode a part of a value, given the step that leads to it."""

_OURS = (
    "tradewind.sdk.assets.",
    "tradewind.sdk.io.path.ObjectStoragePath",
    "tradewind.sdk.triggers.base.TaskEnd",
)
"""Classes of the authoring SDK that are data."""

_allowed: list[str] = []
_folders: list[str] = []


class StoredObject(dict[str, Any]):
    """A value whose class is not trusted here: its fields, readable, without its behaviour.

    classname: where the class lives. A value that is no mapping is under the key "value".
    """

    classname: str

    def __init__(self, classname: str, data: Any) -> None:
        super().__init__(data if isinstance(data, dict) else {"value": data})
        self.classname = classname

    def __repr__(self) -> str:
        return f"<stored {self.classname} {dict(self)!r}>"


def allow_classes(*patterns: str) -> None:
    """Trust classes by full name; `*` and `?` are wildcards ("my_company.models.*")."""
    _allowed.extend(p for p in patterns if p not in _allowed)


def trust_folder(folder: str) -> None:
    """Trust data classes of modules that were loaded from this folder."""
    path = _real(folder)
    if path not in _folders:
        _folders.append(path)


@cache
def _real(folder: str) -> str:
    return os.path.join(os.path.realpath(folder), "")  # noqa: PTH118  the trailing separator matters


def encode(value: Any, inner: Inner) -> tuple[str, Any, int] | None:
    """Return (class name, data, version) of an instance of a data class, else None."""
    cls = type(value)
    name = f"{cls.__module__}.{cls.__qualname__}"
    if isinstance(value, Enum):
        return name, inner(value.value, ".value"), 1
    if callable(getattr(value, "serialize", None)) and callable(getattr(cls, "deserialize", None)):
        version = int(getattr(cls, "__version__", 1))
        return name, inner(value.serialize(), ".serialize()"), version
    fields = _fields(cls)
    if fields is None:
        return None
    return name, {f: inner(getattr(value, f), f".{f}") for f in fields}, 1


def _fields(cls: type) -> list[str] | None:
    """Return the names of a data class's fields; None when it is not one."""
    if dataclasses.is_dataclass(cls):
        return [f.name for f in dataclasses.fields(cls)]
    attrs = getattr(cls, "__attrs_attrs__", None)
    if attrs is not None:
        return [a.name for a in attrs]
    for marker in ("model_fields", "__struct_fields__"):  # pydantic, msgspec
        found = getattr(cls, marker, None)
        if found is not None and hasattr(cls, _CHECKS[marker]):
            return list(found)
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        return list(cls._fields)
    return None


_CHECKS = {"model_fields": "model_validate", "__struct_fields__": "__struct_config__"}


def decode(classname: str, data: Any, version: int) -> Any:
    """Return the instance, or a `StoredObject` when its class is not trusted here."""
    cls = _trusted(classname)
    if cls is None:
        return StoredObject(classname, data)
    if issubclass(cls, Enum):
        return cls(data)
    deserialize = getattr(cls, "deserialize", None)
    if callable(deserialize) and callable(getattr(cls, "serialize", None)):
        return deserialize(data, version)
    if _fields(cls) is None or not isinstance(data, dict):
        return StoredObject(classname, data)
    if hasattr(cls, "model_construct"):
        return cls.model_construct(**data)
    if dataclasses.is_dataclass(cls):
        return _build_dataclass(cls, data)
    attrs = getattr(cls, "__attrs_attrs__", None)
    if attrs is not None:
        return cls(**{a.alias: data[a.name] for a in attrs if a.init and a.name in data})
    return cls(**data)


def _build_dataclass(cls: Any, data: dict[str, Any]) -> Any:
    fields = {f.name: f for f in dataclasses.fields(cls)}
    known = {k: v for k, v in data.items() if k in fields}
    made = cls(**{k: v for k, v in known.items() if fields[k].init})
    for name, value in known.items():
        if not fields[name].init:
            object.__setattr__(made, name, value)
    return made


def _trusted(classname: str) -> type | None:
    module_name, _, name = classname.rpartition(".")
    module = sys.modules.get(module_name)
    while module is None and "." in module_name:  # a class inside a class
        module_name, _, outer = module_name.rpartition(".")
        name = f"{outer}.{name}"
        module = sys.modules.get(module_name)
    listed = any(fnmatch.fnmatchcase(classname, p) for p in _allowed)
    if module is None and (listed or _is_ours(classname)):
        module_name, _, name = classname.rpartition(".")
        module = _import(module_name)
    if module is None or not (listed or _is_ours(classname) or _in_trusted_folder(module)):
        return None
    found: Any = module
    for part in name.split("."):
        found = getattr(found, part, None)
    # A module may re-export anything: only classes that say they live here are taken.
    is_here = isinstance(found, type) and f"{found.__module__}.{found.__qualname__}" == classname
    return found if is_here else None


def _import(name: str) -> ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _is_ours(classname: str) -> bool:
    return classname.startswith(_OURS)


def _in_trusted_folder(module: ModuleType) -> bool:
    file = getattr(module, "__file__", None)
    return file is not None and os.path.realpath(file).startswith(tuple(_folders))
