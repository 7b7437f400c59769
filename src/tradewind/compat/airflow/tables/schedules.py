"""Timetables, and assets under their older name, datasets."""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_TRIGGER = {
    "CronTriggerTimetable": "sdk:CronTriggerTimetable",
    "DeltaTriggerTimetable": "sdk:DeltaTriggerTimetable",
    "MultipleCronTriggerTimetable": "sdk:MultipleCronTriggerTimetable",
    "CronPartitionTimetable": "sdk:CronPartitionTimetable",
}

TABLE: Table = {
    "airflow.timetables": Module(),
    "airflow.timetables.base": Module(
        {
            "DagRunInfo": "sdk:DagRunInfo",
            "DataInterval": "sdk:DataInterval",
            "TimeRestriction": "sdk:TimeRestriction",
            "Timetable": "sdk:Timetable",
        }
    ),
    "airflow.timetables.assets": Module({"AssetOrTimeSchedule": "sdk:AssetOrTimeSchedule"}),
    "airflow.timetables.events": Module({"EventsTimetable": "sdk:EventsTimetable"}),
    "airflow.timetables.interval": Module(
        {
            "CronDataIntervalTimetable": "sdk:CronDataIntervalTimetable",
            "DeltaDataIntervalTimetable": "sdk:DeltaDataIntervalTimetable",
        }
    ),
    "airflow.timetables.simple": Module(
        {
            "NullTimetable": "sdk:NullTimetable",
            "OnceTimetable": "sdk:OnceTimetable",
            "ContinuousTimetable": "sdk:ContinuousTimetable",
            "AssetTriggeredTimetable": "sdk.timetables",
            "DatasetTriggeredTimetable": "sdk.timetables:AssetTriggeredTimetable",
        }
    ),
    "airflow.timetables.trigger": Module(_TRIGGER),
    # Gone in Airflow 3
    "airflow.timetables.datasets": Module(
        {"DatasetOrTimeSchedule": "compat.datasets"}, moved="airflow.timetables.assets"
    ),
    "airflow.datasets": Module(
        {
            "Dataset": "compat.datasets",
            "DatasetAlias": "sdk:AssetAlias",
            "DatasetAll": "sdk:AssetAll",
            "DatasetAny": "sdk:AssetAny",
            "BaseDataset": "sdk.assets:BaseAsset",
        },
        moved="airflow.sdk",
    ),
    "airflow.datasets.metadata": Module({"Metadata": "sdk:Metadata"}, moved="airflow.sdk"),
    "airflow.assets": Module(),
}
