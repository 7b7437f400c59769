"""What the tables are made of: modules, and what stands behind their names.

A name's target is written "<package>.<module>", or "<package>.<module>:<name>" where our name
differs; ":*" is the module itself. The package is one of `_PACKAGES`: "sdk.operators.bash" is
the module `tradewind.sdk.operators.bash`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from tradewind.compat.airflow.refusal import AirflowNameError
from tradewind.errors import DagError

_PACKAGES = {
    "sdk": "tradewind.sdk",
    "model": "tradewind.model",
    "compat": "tradewind.compat.airflow.modules",
    "providers": "airflow.providers",
}


class Gone(NamedTuple):
    """A name that cannot work here. instead: what to do about it."""

    instead: str


class Module(NamedTuple):
    """A module of Airflow's.

    names: what it has. whole: a module of ours that it also has everything of. moved: the
    module's place in Airflow 3, for one that Airflow 3 no longer has; using it gives a note.
    on_disk: it is also a folder of installed packages, in which further modules are looked for.
    """

    names: Mapping[str, str | Gone] = {}
    whole: str = ""
    moved: str = ""
    on_disk: bool = False


Table = dict[str, Module]


def our_module(target: str) -> Any:
    """Import the module of ours that a target names."""
    package, _, rest = target.partition(".")
    return import_module(f"{_PACKAGES[package]}.{rest}" if rest else _PACKAGES[package])


def leads_somewhere(name: str, module: Module) -> bool:
    """Tell whether a name of a module can be had here: in this version, with what is installed."""
    target = module.names.get(name)
    try:
        value_of(name, target if isinstance(target, str) else f"{module.whole}:{name}")
    except (AttributeError, KeyError, ImportError, DagError):
        return False
    return True


def value_of(name: str, target: str) -> Any:
    """Return what a name stands for.

    Raises:
        AttributeError: neither the SDK of this version nor an installed package has it.
    """
    module, _, ours = target.partition(":")
    try:
        found = our_module(module)
        return found if ours == "*" else getattr(found, ours or name)
    except AirflowNameError as error:  # a provider package that is not installed
        raise AttributeError(f"no installed package has {name}") from error
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("tradewind."):
            raise  # a package that is installed, but not what it needs
        raise AttributeError(f"this version of Tradewind has no {name}") from error
