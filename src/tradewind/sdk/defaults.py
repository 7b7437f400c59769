"""The deployment's defaults, as they are in force in this process.

A process that imports DAG files installs them first, like its `Runtime`: an author's file means
the same in the processor, in a worker and in the triggerer. Plain `python my_dag.py` has those
of a deployment without settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from zoneinfo import ZoneInfo

import msgspec

from tradewind.model.defaults import VARIABLE, DagDefaults

_installed = DagDefaults()


def install(defaults: DagDefaults) -> DagDefaults:
    """Put defaults in force for this process and return the ones before."""
    global _installed
    previous, _installed = _installed, defaults
    return previous


def install_from(env: Mapping[str, str]) -> None:
    """Put the defaults in force that the environment hands over; none there changes nothing."""
    text = env.get(VARIABLE)
    if text:
        install(msgspec.json.decode(text, type=DagDefaults))


def current() -> DagDefaults:
    """Return the defaults in force."""
    return _installed


def zone() -> tzinfo:
    """Return the zone that naive dates are meant in."""
    return UTC if _installed.timezone == "UTC" else ZoneInfo(_installed.timezone)
