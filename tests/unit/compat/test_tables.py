"""Each name of the tables leads somewhere."""

from __future__ import annotations

import importlib

import pytest

from tradewind.compat.airflow.entry import Gone, our_module, value_of
from tradewind.compat.airflow.refusal import AirflowNameError
from tradewind.compat.airflow.tables import TABLE, provided

NOT_YET = {
    "AllowedKeyMapper",
    "ChainMapper",
    "CronPartitionTimetable",
    "DayWindow",
    "FanOutMapper",
    "FixedKeyMapper",
    "HourWindow",
    "IdentityMapper",
    "MinimumCount",
    "MonthWindow",
    "PartitionMapper",
    "PartitionedAssetTimetable",
    "PartitionedAtRuntime",
    "ProductMapper",
    "QuarterWindow",
    "RollupMapper",
    "SegmentWindow",
    "StartOfDayMapper",
    "StartOfHourMapper",
    "StartOfMonthMapper",
    "StartOfQuarterMapper",
    "StartOfWeekMapper",
    "StartOfYearMapper",
    "WaitForAll",
    "WeekWindow",
    "Window",
    "YearWindow",
    "result",
}
"""Names of Airflow's that the SDK does not have yet; using one is refused when it is imported."""


def missing() -> set[str]:
    """Return the names that lead nowhere."""
    found = set()
    for module in TABLE.values():
        for name, target in module.names.items():
            if isinstance(target, Gone) or target.startswith(("providers.", "compat.sql_")):
                continue  # refused, or a provider package's
            try:
                value_of(name, target)
            except AttributeError:
                found.add(name)
    return found


def test_every_name_leads_somewhere() -> None:
    assert missing() == NOT_YET


def test_every_whole_module_is_there() -> None:
    for module in TABLE.values():
        if module.whole:
            our_module(module.whole)


OWN = sorted(name for name in TABLE if name not in provided.TABLE)


@pytest.mark.parametrize("name", OWN)
def test_every_module_can_be_imported_and_has_its_parents(name: str) -> None:
    importlib.import_module(name)
    parent = name.rpartition(".")[0]
    assert not parent or parent in TABLE


@pytest.mark.parametrize("name", sorted(provided.TABLE))
def test_what_provider_packages_have_is_refused_without_them(name: str) -> None:
    names = list(provided.TABLE[name].names)
    if name.startswith("airflow.providers.") or not names:
        return  # below a package that is not there at all
    module = importlib.import_module(name)
    assert not hasattr(module, names[0])
    with pytest.raises(AirflowNameError, match=r"needs a provider package.*pip install"):
        importlib.import_module(f"{name}.{names[0]}")


def test_a_refusal_says_what_to_do() -> None:
    refusals = [t for m in TABLE.values() for t in m.names.values() if isinstance(t, Gone)]
    assert all(len(gone.instead) > 20 for gone in refusals)
