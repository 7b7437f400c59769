"""Refusals: what a DAG file asks of `airflow` and cannot have."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tradewind.compat.airflow.entry import Gone, Module, Table, value_of
from tradewind.errors import DagError

_PROVIDERS = "airflow.providers."


class AirflowNameError(DagError, ImportError):
    """A DAG file imports a name of Airflow's that Tradewind does not have.

    An ImportError, so that `try: … except ImportError:` in a file goes the other way.
    """


def no_such_module(name: str, table: Table) -> AirflowNameError:
    """Return the error about a module that is neither in the tables nor in a package."""
    if name.startswith(_PROVIDERS):
        return AirflowNameError(
            f"there is no {name!r} here: no installed package has it. For a provider, run "
            "`pip install --no-deps apache-airflow-providers-…` and the libraries it is for"
        )
    return AirflowNameError(
        f"Tradewind has no {name!r}{_near(name, table)} "
        "(what is there: docs/airflow-compatibility.md)"
    )


def no_such_name(module: str, name: str, table: Table) -> AirflowNameError:
    """Return the error about a name that a module of the tables does not have."""
    entry = table[module]
    found = entry.names.get(name)
    if isinstance(found, Gone):
        return AirflowNameError(f"{module}.{name} does not work in Tradewind: {found.instead}")
    if found is not None:
        return AirflowNameError(
            f"{module}.{name} is not in this version of Tradewind "
            "(what is there: docs/airflow-compatibility.md)"
        )
    homes = [home for home, other in table.items() if _leads_somewhere(name, other)]
    if homes:
        best = min(homes, key=lambda home: (bool(table[home].moved), len(home)))
        return AirflowNameError(f"{module!r} has no {name!r}; it is in {best!r}")
    below = [other.removeprefix(f"{module}.") for other in table if other.startswith(f"{module}.")]
    return AirflowNameError(
        f"Tradewind's {module!r} has no {name!r}{_near(name, [*entry.names, *below])} "
        "(what is there: docs/airflow-compatibility.md)"
    )


def _leads_somewhere(name: str, module: Module) -> bool:
    target = module.names.get(name)
    if not isinstance(target, str):
        return False
    try:
        value_of(name, target)
    except AttributeError:  # the SDK of this version has no such thing
        return False
    return True


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f"; did you mean {close[0]!r}?" if close else ""
