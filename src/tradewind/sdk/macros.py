"""`macros` in templates: functions about dates, and a few modules."""

from __future__ import annotations

import json
import time
import uuid
from datetime import datetime, timedelta
from importlib import import_module
from random import random  # noqa: TID251  a template's own randomness
from types import ModuleType
from typing import Any

__all__ = [
    "datetime",
    "datetime_diff_for_humans",
    "ds_add",
    "ds_format",
    "ds_format_locale",
    "json",
    "random",
    "time",
    "timedelta",
    "uuid",
]

_LAZY = ("dateutil", "yaml")
"""Modules that are loaded when a template first uses them; yaml if it is installed."""


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return _load(name)
    raise AttributeError(f"there is no macro {name!r}")


def _load(name: str) -> ModuleType:
    module = import_module(name)
    if name == "dateutil":
        import_module("dateutil.parser")
        import_module("dateutil.relativedelta")
    return module


def ds_add(ds: str, days: int) -> str:
    """Return a date (YYYY-MM-DD) moved by a number of days.

    Args:
        ds: the date.
        days: may be negative.
    """
    if not days:
        return str(ds)
    moved = datetime.strptime(str(ds), "%Y-%m-%d") + timedelta(days=days)  # noqa: DTZ007  a date
    return moved.strftime("%Y-%m-%d")


def ds_format(ds: str, input_format: str, output_format: str) -> str:
    """Return a date or time in another format.

    Args:
        ds: the date as text.
        input_format: how it is written, as for strptime.
        output_format: how it shall be written, as for strftime.
    """
    parsed = datetime.strptime(str(ds), input_format)  # noqa: DTZ007  formatted again at once
    return parsed.strftime(output_format)


def ds_format_locale(ds: str, input_format: str, output_format: str, locale: Any = None) -> str:
    """Return a date in a format with the month and day names of a language.

    Args:
        ds: the date as text.
        input_format: how it is written, as for strptime.
        output_format: how it shall be written, as Babel's patterns.
        locale: the language, "de_DE"; needs the package babel.
    """
    try:
        dates: Any = import_module("babel.dates")
    except ImportError:
        raise ImportError("macros.ds_format_locale needs the package babel") from None
    parsed = datetime.strptime(str(ds), input_format)  # noqa: DTZ007  formatted again at once
    return str(dates.format_datetime(parsed, format=output_format, locale=locale or dates.LC_TIME))


def datetime_diff_for_humans(dt: Any, since: Any = None) -> str:
    """Return how far a time is away in words: "2 days ago", or with `since` "2 days before".

    Args:
        dt: the time.
        since: the other time; now, if left out.
    """
    import pendulum  # noqa: PLC0415  slow to import, seldom used

    other = None if since is None else pendulum.instance(since)
    return str(pendulum.instance(dt).diff_for_humans(other))
