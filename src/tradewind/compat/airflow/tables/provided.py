"""What Airflow 1 had itself, and provider packages have now; and names they dropped since.

`_MOVED`: a module of Airflow 1, the module of the provider package (below `airflow.providers`),
and the names, with "=new" where the class has another name there. They work when the package is
installed; else the refusal says which it is.
"""

from __future__ import annotations

from tradewind.compat.airflow.entry import Module, Table

_MOVED: tuple[tuple[str, str, str], ...] = (
    # operators
    ("operators.check_operator", "common.sql.operators.sql", "CheckOperator=SQLCheckOperator"),
    ("operators.docker_operator", "docker.operators.docker", "DockerOperator"),
    ("operators.generic_transfer", "common.sql.operators.generic_transfer", "GenericTransfer"),
    ("operators.hive_operator", "apache.hive.operators.hive", "HiveOperator"),
    ("operators.http_operator", "http.operators.http", "SimpleHttpOperator=HttpOperator"),
    ("operators.papermill_operator", "papermill.operators.papermill", "PapermillOperator"),
    ("operators.pig_operator", "apache.pig.operators.pig", "PigOperator"),
    ("operators.s3_file_transform_operator", "amazon.aws.operators.s3", "S3FileTransformOperator"),
    ("operators.slack_operator", "slack.operators.slack", "SlackAPIPostOperator SlackAPIOperator"),
    (
        "operators.sql",
        "common.sql.operators.sql",
        "BranchSQLOperator SQLCheckOperator SQLIntervalCheckOperator SQLValueCheckOperator",
    ),
    (
        "contrib.operators.awsbatch_operator",
        "amazon.aws.operators.batch",
        "AWSBatchOperator=BatchOperator",
    ),
    (
        "contrib.operators.databricks_operator",
        "databricks.operators.databricks",
        "DatabricksSubmitRunOperator DatabricksRunNowOperator",
    ),
    (
        "contrib.operators.ecs_operator",
        "amazon.aws.operators.ecs",
        "ECSOperator=EcsRunTaskOperator",
    ),
    ("contrib.operators.emr_add_steps_operator", "amazon.aws.operators.emr", "EmrAddStepsOperator"),
    (
        "contrib.operators.emr_create_job_flow_operator",
        "amazon.aws.operators.emr",
        "EmrCreateJobFlowOperator",
    ),
    (
        "contrib.operators.emr_terminate_job_flow_operator",
        "amazon.aws.operators.emr",
        "EmrTerminateJobFlowOperator",
    ),
    (
        "contrib.operators.gcs_to_bq",
        "google.cloud.transfers.gcs_to_bigquery",
        "GoogleCloudStorageToBigQueryOperator=GCSToBigQueryOperator",
    ),
    (
        "contrib.operators.kubernetes_pod_operator",
        "cncf.kubernetes.operators.pod",
        "KubernetesPodOperator",
    ),
    ("contrib.operators.sftp_operator", "sftp.operators.sftp", "SFTPOperator SFTPOperation"),
    (
        "contrib.operators.slack_webhook_operator",
        "slack.operators.slack_webhook",
        "SlackWebhookOperator",
    ),
    (
        "contrib.operators.spark_submit_operator",
        "apache.spark.operators.spark_submit",
        "SparkSubmitOperator",
    ),
    ("contrib.operators.ssh_operator", "ssh.operators.ssh", "SSHOperator"),
    ("contrib.operators.winrm_operator", "microsoft.winrm.operators.winrm", "WinRMOperator"),
    # sensors
    ("sensors.hive_partition_sensor", "apache.hive.sensors.hive_partition", "HivePartitionSensor"),
    ("sensors.http_sensor", "http.sensors.http", "HttpSensor"),
    ("sensors.s3_key_sensor", "amazon.aws.sensors.s3", "S3KeySensor"),
    ("sensors.sql", "common.sql.sensors.sql", "SqlSensor"),
    ("sensors.sql_sensor", "common.sql.sensors.sql", "SqlSensor"),
    ("contrib.sensors.emr_job_flow_sensor", "amazon.aws.sensors.emr", "EmrJobFlowSensor"),
    ("contrib.sensors.emr_step_sensor", "amazon.aws.sensors.emr", "EmrStepSensor"),
    (
        "contrib.sensors.gcs_sensor",
        "google.cloud.sensors.gcs",
        "GoogleCloudStorageObjectSensor=GCSObjectExistenceSensor",
    ),
    ("contrib.sensors.redis_key_sensor", "redis.sensors.redis_key", "RedisKeySensor"),
    ("contrib.sensors.sftp_sensor", "sftp.sensors.sftp", "SFTPSensor"),
    # hooks
    ("hooks.S3_hook", "amazon.aws.hooks.s3", "S3Hook"),
    ("hooks.dbapi", "common.sql.hooks.sql", "DbApiHook"),
    ("hooks.dbapi_hook", "common.sql.hooks.sql", "DbApiHook"),
    ("hooks.docker_hook", "docker.hooks.docker", "DockerHook"),
    (
        "hooks.hive_hooks",
        "apache.hive.hooks.hive",
        "HiveCliHook HiveMetastoreHook HiveServer2Hook",
    ),
    ("hooks.http_hook", "http.hooks.http", "HttpHook"),
    ("hooks.jdbc_hook", "jdbc.hooks.jdbc", "JdbcHook"),
    ("hooks.mssql_hook", "microsoft.mssql.hooks.mssql", "MsSqlHook"),
    ("hooks.mysql_hook", "mysql.hooks.mysql", "MySqlHook"),
    ("hooks.oracle_hook", "oracle.hooks.oracle", "OracleHook"),
    ("hooks.postgres_hook", "postgres.hooks.postgres", "PostgresHook"),
    ("hooks.presto_hook", "presto.hooks.presto", "PrestoHook"),
    ("hooks.slack_hook", "slack.hooks.slack", "SlackHook"),
    ("hooks.sqlite_hook", "sqlite.hooks.sqlite", "SqliteHook"),
    ("contrib.hooks.aws_hook", "amazon.aws.hooks.base_aws", "AwsHook=AwsBaseHook"),
    ("contrib.hooks.bigquery_hook", "google.cloud.hooks.bigquery", "BigQueryHook"),
    ("contrib.hooks.databricks_hook", "databricks.hooks.databricks", "DatabricksHook"),
    ("contrib.hooks.ftp_hook", "ftp.hooks.ftp", "FTPHook FTPSHook"),
    (
        "contrib.hooks.gcp_api_base_hook",
        "google.common.hooks.base_google",
        "GoogleCloudBaseHook=GoogleBaseHook",
    ),
    ("contrib.hooks.gcs_hook", "google.cloud.hooks.gcs", "GoogleCloudStorageHook=GCSHook"),
    ("contrib.hooks.mongo_hook", "mongo.hooks.mongo", "MongoHook"),
    ("contrib.hooks.redis_hook", "redis.hooks.redis", "RedisHook"),
    ("contrib.hooks.salesforce_hook", "salesforce.hooks.salesforce", "SalesforceHook"),
    ("contrib.hooks.sftp_hook", "sftp.hooks.sftp", "SFTPHook"),
    ("contrib.hooks.slack_webhook_hook", "slack.hooks.slack_webhook", "SlackWebhookHook"),
    ("contrib.hooks.snowflake_hook", "snowflake.hooks.snowflake", "SnowflakeHook"),
    (
        "contrib.hooks.spark_submit_hook",
        "apache.spark.hooks.spark_submit",
        "SparkSubmitHook",
    ),
    ("contrib.hooks.ssh_hook", "ssh.hooks.ssh", "SSHHook"),
    ("contrib.hooks.wasb_hook", "microsoft.azure.hooks.wasb", "WasbHook"),
    ("contrib.hooks.winrm_hook", "microsoft.winrm.hooks.winrm", "WinRMHook"),
    # a provider's own older module
    (
        "providers.cncf.kubernetes.operators.kubernetes_pod",
        "cncf.kubernetes.operators.pod",
        "KubernetesPodOperator",
    ),
)

_SQL = "common.sql.operators.sql"

_SQL_OPERATORS: dict[str, tuple[str, ...]] = {
    "PostgresOperator": ("operators.postgres_operator", "providers.postgres.operators.postgres"),
    "MySqlOperator": ("operators.mysql_operator", "providers.mysql.operators.mysql"),
    "SqliteOperator": ("operators.sqlite_operator", "providers.sqlite.operators.sqlite"),
    "MsSqlOperator": ("operators.mssql_operator", "providers.microsoft.mssql.operators.mssql"),
    "JdbcOperator": ("operators.jdbc_operator", "providers.jdbc.operators.jdbc"),
    "SnowflakeOperator": ("contrib.operators.snowflake_operator",),
    "OracleOperator": ("operators.oracle_operator",),
    "TrinoOperator": ("providers.trino.operators.trino",),
    "VerticaOperator": (
        "contrib.operators.vertica_operator",
        "providers.vertica.operators.vertica",
    ),
}
"""Operators of one database each, which are one class since, and the modules that had them."""

ADDED: dict[str, dict[str, str]] = {
    "airflow.providers.http.operators.http": {
        "SimpleHttpOperator": "providers.http.operators.http:HttpOperator"
    },
    "airflow.providers.snowflake.operators.snowflake": {
        "SnowflakeOperator": "compat.sql_operators"
    },
    "airflow.providers.oracle.operators.oracle": {"OracleOperator": "compat.sql_operators"},
}
"""Names that modules of installed packages had once, and get back."""


def _entry(module: str, names: str) -> Module:
    found = {}
    for name in names.split():
        old, _, new = name.partition("=")
        found[old] = f"providers.{module}:{new or old}"
    return Module(found, moved=f"airflow.providers.{module}")


TABLE: Table = {
    **{f"airflow.{old}": _entry(module, names) for old, module, names in _MOVED},
    **{
        f"airflow.{old}": Module(
            {name: "compat.sql_operators"},
            moved=f"airflow.providers.{_SQL}.SQLExecuteQueryOperator",
        )
        for name, modules in _SQL_OPERATORS.items()
        for old in modules
    },
    **{
        f"airflow.providers.{package}.operators": Module(on_disk=True)
        for package in (
            "postgres",
            "mysql",
            "sqlite",
            "microsoft.mssql",
            "jdbc",
            "trino",
            "vertica",
        )
    },
}
