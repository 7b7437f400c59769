"""Watchers of assets: triggers whose events are events of an asset."""
from airflow.providers.standard.triggers.file import DirectoryFileDeleteTrigger, FileDeleteTrigger
from airflow.sdk import DAG, Asset, AssetWatcher, task

one_file = Asset(
    "one_file",
    watchers=[AssetWatcher(name="file", trigger=FileDeleteTrigger(filepath="/tmp/flag"))],
)
in_a_folder = Asset(
    "in_a_folder",
    watchers=[
        AssetWatcher(
            name="folder",
            trigger=DirectoryFileDeleteTrigger(directory="/tmp/flags", filename="us.flag"),
        )
    ],
)

with DAG("asset_watchers", schedule=one_file | in_a_folder):

    @task
    def look():
        return 1

    look()

EXPECTED = {
    "asset_watchers": {
        "dag": {
            "watchers": [
                {
                    "name": "file",
                    "asset": "one_file",
                    "uri": "one_file",
                    "classpath": "tradewind.sdk.triggers.file.FileDeleteTrigger",
                    "kwargs": '{"filepath":"/tmp/flag","recursive":false,"poke_interval":5.0}',
                },
                {
                    "name": "folder",
                    "asset": "in_a_folder",
                    "uri": "in_a_folder",
                    "classpath": "tradewind.sdk.triggers.file.DirectoryFileDeleteTrigger",
                    "kwargs": '{"directory":"/tmp/flags","filename":"us.flag","poke_interval":5.0}',
                },
            ]
        },
        "run": "success",
        "xcoms": {"look": 1},
    }
}
