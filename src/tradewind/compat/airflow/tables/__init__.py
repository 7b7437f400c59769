"""Airflow's modules and names, and what each is here. One file for each area; data only."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Table
from tradewind.compat.airflow.tables import (
    contrib,
    core,
    hooks,
    models,
    operators,
    provided,
    providers,
    schedules,
    sdk,
    sensors,
    triggers,
    utilities,
)

TABLE: Table = {
    **core.TABLE,
    **sdk.TABLE,
    **models.TABLE,
    **operators.TABLE,
    **sensors.TABLE,
    **hooks.TABLE,
    **triggers.TABLE,
    **schedules.TABLE,
    **utilities.TABLE,
    **contrib.TABLE,
    **provided.TABLE,
    **providers.TABLE,
}
"""Every module, by its full name."""
