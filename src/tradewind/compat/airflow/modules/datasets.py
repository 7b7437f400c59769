"""Assets under their names of Airflow 2.4 to 2.10."""

from __future__ import annotations

from typing import Any

from tradewind.sdk.assets import Asset
from tradewind.sdk.timetables import AssetOrTimeSchedule, Timetable


def Dataset(uri: str, extra: dict[str, Any] | None = None) -> Asset:  # noqa: N802  Airflow's name
    """Return the asset of a URI."""
    return Asset(uri=uri, extra=extra or {})


def DatasetOrTimeSchedule(*, timetable: Timetable, datasets: Any) -> AssetOrTimeSchedule:  # noqa: N802
    """Return the schedule of a timetable and of datasets, whichever comes first."""
    return AssetOrTimeSchedule(timetable=timetable, assets=datasets)
