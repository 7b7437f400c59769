"""Refusals: what a DAG file asks of `airflow` and cannot have, and what to do instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from tradewind.compat.airflow.entry import Gone, Table, leads_somewhere
from tradewind.compat.airflow.refusal import AirflowNameError

PROVIDERS = "airflow.providers."
_PROVIDED = ("providers.", "compat.sql_operators")
"""How targets begin that are in provider packages."""
_PAGE = "what is there: docs/airflow-compatibility.md"


def no_such_module(name: str, table: Table) -> AirflowNameError:
    """Return the error about a module that is neither in the tables nor in a package."""
    if name.startswith(PROVIDERS):
        return AirflowNameError(f"there is no {name!r} here: {advice_about_module(name, table)}")
    return AirflowNameError(f"Tradewind has no {name!r}; {advice_about_module(name, table)}")


def no_such_name(module: str, name: str, table: Table) -> AirflowNameError:
    """Return the error about a name that a module of the tables does not have."""
    advice = advice_about_name(module, name, table)
    found = table[module].names.get(name)
    if isinstance(found, Gone):
        return AirflowNameError(f"{module}.{name} does not work in Tradewind: {advice}")
    if found is not None and found.startswith(_PROVIDED):
        return AirflowNameError(f"{module}.{name} needs a provider package: {advice}")
    if found is not None:
        return AirflowNameError(f"{module}.{name} is not in this version of Tradewind ({_PAGE})")
    return AirflowNameError(f"Tradewind's {module!r} has no {name!r}; {advice}")


def advice_about_module(name: str, table: Table) -> str:
    """Return what to do about a module that there is not."""
    if name.startswith(PROVIDERS):
        provider = name.removeprefix(PROVIDERS).partition(".")[0]
        return (
            "no installed package has it. Run `pip install --no-deps apache-airflow-providers-"
            f"{provider}…`, and install the libraries that it is for"
        )
    parent, _, last = name.rpartition(".")
    if parent in table and parent != "airflow":
        return advice_about_name(parent, last, table)
    return _near(name, table) or _PAGE


def advice_about_name(module: str, name: str, table: Table) -> str:
    """Return what to do about a name that a module of the tables does not have."""
    entry = table[module]
    found = entry.names.get(name)
    if isinstance(found, Gone):
        return found.instead
    if found is not None and found.startswith(_PROVIDED):
        home = (
            f"airflow.{found.partition(':')[0]}"
            if found.startswith("p")
            else f"{PROVIDERS}common.sql"
        )
        return f"{home}: {advice_about_module(home, table)}"
    if found is not None:
        return f"it is not in this version of Tradewind ({_PAGE})"
    homes = [
        home
        for home, other in table.items()
        if isinstance(other.names.get(name), str) and leads_somewhere(name, other)
    ]
    if homes:
        best = min(homes, key=lambda home: (bool(table[home].moved), len(home)))
        return f"it is in {best!r}"
    below = [other.removeprefix(f"{module}.") for other in table if other.startswith(f"{module}.")]
    return _near(name, [*entry.names, *below]) or _PAGE


def _near(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.75)
    return f"did you mean {close[0]!r}?" if close else ""
