"""`airflow.utils.deprecation_tools`: how provider packages keep old names of modules working."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

__all__ = ["DeprecatedImportWarning", "add_deprecated_classes"]


class DeprecatedImportWarning(FutureWarning):
    """A name is imported from where it was."""


def add_deprecated_classes(
    module_imports: Mapping[str, Mapping[str, str]],
    package: str,
    override_deprecated_classes: Mapping[str, Mapping[str, str]] | None = None,
    extra_message: str | None = None,
    message: str | None = None,
) -> None:
    """Make modules that are no more importable: their names lead to where they are.

    Args:
        module_imports: by the module's name below the package, its names and their class paths.
        package: the package.
        override_deprecated_classes: by module, the class paths that the note is to name.
        extra_message: added to the note.
        message: the note, with {module}, {name} and {target}.
    """
    for name, moved in module_imports.items():
        full = f"{package}.{name}"
        module = ModuleType(full, f"Names that were in {full}.")
        shown = {**moved, **((override_deprecated_classes or {}).get(name) or {})}
        text = message or "The `{module}.{name}` attribute is deprecated. Please use `{target}`."
        text += f" {extra_message}." if extra_message else ""
        module.__getattr__ = _finder(full, moved, shown, text)  # type: ignore[method-assign]
        sys.modules.setdefault(full, module)
        if package in sys.modules:
            setattr(sys.modules[package], name, sys.modules[full])


def _finder(
    module: str, moved: Mapping[str, str], shown: Mapping[str, str], text: str
) -> Callable[[str], Any]:
    def find(name: str) -> Any:
        target = moved.get(name)
        if target is None:
            raise AttributeError(f"the module {module!r} has no attribute {name!r}")
        note = text.format(module=module, name=name, target=shown[name])
        warnings.warn(note, DeprecatedImportWarning, stacklevel=2)
        home, _, attribute = target.rpartition(".")
        return getattr(importlib.import_module(home), attribute)

    return find
