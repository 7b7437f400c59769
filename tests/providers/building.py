"""Build a DAG of operators of google's package and print what became of it: {task_id: operator}."""

from __future__ import annotations

import json
import sys
import warnings

from tradewind.compat.airflow import install

warnings.simplefilter("ignore")
install()

from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook  # noqa: E402
from airflow.providers.google.cloud.operators.bigquery import (  # noqa: E402
    BigQueryCheckOperator,
    BigQueryCreateEmptyDatasetOperator,
    BigQueryInsertJobOperator,
)
from airflow.providers.google.cloud.operators.cloud_run import (  # noqa: E402
    CloudRunExecuteJobOperator,
)
from airflow.providers.google.cloud.operators.dataproc import (  # noqa: E402
    DataprocSubmitJobOperator,
)
from airflow.providers.google.cloud.operators.gcs import (  # noqa: E402
    GCSCreateBucketOperator,
    GCSListObjectsOperator,
)
from airflow.providers.google.cloud.operators.pubsub import (  # noqa: E402
    PubSubPublishMessageOperator,
)
from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor  # noqa: E402
from airflow.providers.google.cloud.transfers.gcs_to_bigquery import (  # noqa: E402
    GCSToBigQueryOperator,
)
from airflow.providers.google.cloud.triggers.gcs import GCSBlobTrigger  # noqa: E402
from airflow.sdk import DAG  # noqa: E402

from tradewind.sdk.build import to_spec  # noqa: E402

with DAG("google", schedule=None) as dag:
    bucket = GCSCreateBucketOperator(task_id="bucket", bucket_name="b-{{ ds }}", project_id="p")
    arrives = GCSObjectExistenceSensor(
        task_id="arrives", bucket="b", object="o/{{ ds }}", deferrable=True
    )
    listed = GCSListObjectsOperator(task_id="listed", bucket="b", prefix="o/")
    load = GCSToBigQueryOperator.partial(
        task_id="load", bucket="b", destination_project_dataset_table="p.d.t"
    ).expand(source_objects=listed.output.map(lambda name: [name]))
    dataset = BigQueryCreateEmptyDatasetOperator(task_id="dataset", dataset_id="d", project_id="p")
    query = BigQueryInsertJobOperator(
        task_id="query",
        configuration={"query": {"query": "SELECT {{ params.n }}", "useLegacySql": False}},
        params={"n": 1},
        project_id="p",
        location="EU",
    )
    check = BigQueryCheckOperator(task_id="check", sql="SELECT 1", use_legacy_sql=False)
    spark = DataprocSubmitJobOperator(task_id="spark", job={}, region="r", project_id="p")
    job = CloudRunExecuteJobOperator(task_id="job", project_id="p", region="r", job_name="j")
    tell = PubSubPublishMessageOperator(
        task_id="tell", project_id="p", topic="t", messages=[{"data": b"x"}]
    )
    bucket >> arrives >> listed
    load >> dataset >> query >> check >> [spark, job] >> tell

found = {task.task_id: [task.operator, list(task.extra_links)] for task in to_spec(dag).tasks}
trigger = GCSBlobTrigger(
    bucket="b",
    object_name="o",
    use_glob=False,
    poke_interval=5.0,
    google_cloud_conn_id="google_cloud_default",
    hook_params={},
)
classpath, kwargs = trigger.serialize()
found["trigger"] = [classpath, sorted(kwargs)]
found["hook"] = [BigQueryHook.conn_type, []]
sys.stdout.write(json.dumps(found) + "\n")
