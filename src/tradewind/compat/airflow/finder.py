"""The import finder: makes `airflow` and the modules below it from the tables.

Theory of operation. The finder stands first in `sys.meta_path`, before the one that would find
an installed Apache Airflow, and answers for every module named `airflow` or `airflow.…`:

* A module of the tables becomes a `NamesModule`: an empty module whose names are looked up when
  they are asked for. A DAG file pays for what it takes, as with `tradewind.sdk`.
* `airflow.providers` and its grouping folders are in the tables too, with the folders of
  installed provider packages as their path: modules that the tables do not name are loaded from
  there by the ordinary finder, and what those import of `airflow` comes here again.
* Anything else does not exist here, though Apache Airflow may have it: half of each would fit
  nowhere. The refusal names what was asked for and the way out.

Every module counts as a package. So `from airflow.x import Name` asks the finder for
`airflow.x.Name` when the module has no such name, which is where the refusal can be worded;
an attribute that is missing has to be a plain AttributeError, or `hasattr` would not work.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from tradewind.compat.airflow.entry import Gone, Module, leads_somewhere, our_module, value_of
from tradewind.compat.airflow.missing import no_such_module, no_such_name
from tradewind.compat.airflow.tables import TABLE
from tradewind.compat.airflow.tables.provided import ADDED
from tradewind.errors import ConfigError
from tradewind.sdk.earlier_context import EXTRAS
from tradewind.sdk.exceptions import RemovedInAirflow4Warning

ROOT = "airflow"
_PROVIDERS = "airflow.providers"
AIRFLOW_VERSION = "3.3.2"
"""The version that `airflow.__version__` tells: provider packages choose their code by it."""


def install() -> None:
    """Let `import airflow` lead to Tradewind in this process. Doing it twice changes nothing.

    Raises:
        ConfigError: Apache Airflow itself is imported already.
    """
    if any(isinstance(finder, AirflowFinder) for finder in sys.meta_path):
        return
    present = sys.modules.get(ROOT)
    if present is not None and not isinstance(present, NamesModule):
        raise ConfigError(
            f"Apache Airflow is imported in this process already ({present!r}); "
            "Tradewind's own `airflow` cannot be used beside it"
        )
    sys.meta_path.insert(0, AirflowFinder())
    EXTRAS["conf"] = lambda: value_of("conf", "compat.configuration")


def uninstall() -> None:
    """Undo `install`, and forget the modules that were made."""
    EXTRAS.clear()
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, AirflowFinder)]
    for name in [n for n in sys.modules if n == ROOT or n.startswith(f"{ROOT}.")]:
        del sys.modules[name]


class NamesModule(ModuleType):
    """A module whose names are those of the tables."""

    def __init__(self, name: str, entry: Module) -> None:
        super().__init__(name)
        self._entry = entry

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return sorted(name for name in self._public() if leads_somewhere(name, self._entry))
        if name.startswith("__") and name not in self._entry.names:
            raise AttributeError(name)
        target = self._entry.names.get(name)
        if isinstance(target, str):
            value = value_of(name, target)
        elif target is None and name in self._whole():
            value = getattr(our_module(self._entry.whole), name)
        else:
            return self._submodule(name, target)
        if self._entry.moved:  # not kept: each file that uses the old name gets the note
            old, new = f"{self.__name__}.{name}", self._entry.moved
            note = f"{old} is gone in Airflow 3 (now: {new}); it works in Tradewind"
            warnings.warn(note, RemovedInAirflow4Warning, 2)
        else:
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._public()})

    def _submodule(self, name: str, target: Gone | None) -> Any:
        """Import what `import airflow; airflow.x.y` means; Airflow has much of it imported."""
        full = f"{self.__name__}.{name}"
        if full in TABLE:
            __import__(full)
            return sys.modules[full]
        text = f"module {self.__name__!r} has no attribute {name!r}"
        raise AttributeError(f"{text}: {target.instead}" if target else text)

    def _whole(self) -> Sequence[str]:
        """Return the names of the module of ours that this one has everything of."""
        if not self._entry.whole:
            return ()
        try:
            ours = our_module(self._entry.whole)
        except ModuleNotFoundError:  # the SDK of this version has no such part
            return ()
        names: Sequence[str] = getattr(ours, "__all__", None) or [
            name for name in vars(ours) if not name.startswith("_")
        ]
        return names

    def _public(self) -> set[str]:
        own = {name for name, target in self._entry.names.items() if isinstance(target, str)}
        return {name for name in own | set(self._whole()) if not name.startswith("_")}


class AirflowFinder(MetaPathFinder, Loader):
    """Find and make the modules of the tables."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Return how a module is made; None for one that is not ours to make.

        Raises:
            AirflowNameError: Tradewind has nothing of this name.
        """
        del target
        if fullname != ROOT and not fullname.startswith(f"{ROOT}."):
            return None
        entry = TABLE.get(fullname)
        if entry is not None:
            spec = ModuleSpec(fullname, self, origin=f"Tradewind's {fullname}", is_package=True)
            spec.submodule_search_locations = _folders(fullname) if entry.on_disk else []
            return spec
        parent, _, name = fullname.rpartition(".")
        if fullname in ADDED and (found := PathFinder.find_spec(fullname, path)) is not None:
            assert found.loader is not None
            found.loader = AddingLoader(found.loader)
            return found
        if parent not in TABLE:
            return None  # below a module of an installed package
        if path and (found := PathFinder.find_spec(fullname, path)) is not None:
            return found
        if parent in {_PROVIDERS, ROOT}:
            raise no_such_module(fullname, TABLE)
        raise no_such_name(parent, name, TABLE)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Make the module, still empty."""
        return NamesModule(spec.name, TABLE[spec.name])

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: names are looked up when they are asked for."""


class AddingLoader(Loader):
    """Load a module of an installed package, and give it names back that it once had."""

    def __init__(self, real: Loader) -> None:
        self._real = real

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the package's own loader."""
        return self._real.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Run the module, then add the names that it does not have."""
        self._real.exec_module(module)
        for name, target in ADDED[module.__name__].items():
            if not hasattr(module, name):
                setattr(module, name, value_of(name, target))


def _folders(fullname: str) -> list[str]:
    """Return the folders of this name in the installed packages."""
    below = fullname.replace(".", "/")
    return [str(found) for entry in sys.path if (found := Path(entry or ".") / below).is_dir()]
