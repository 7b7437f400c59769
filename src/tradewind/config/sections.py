"""The sections of the configuration, and every setting as data.

The structs are the only list of settings: their types, defaults, constraints, descriptions,
units and the keys under which they are set (`name=` where an attribute's name differs).
"""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from tradewind.config.kubernetes import Kubernetes
from tradewind.config.mail import Email, Smtp
from tradewind.config.metrics import Metrics
from tradewind.config.notation import HOME, SECRET, UNIT_S, Seconds
from tradewind.config.secrets import SecretsBackend
from tradewind.config.signing_in import Oidc
from tradewind.config.web import Api, ApiAuth
from tradewind.config.workers import Celery, Worker

PREFIX = "TRADEWIND__"
KEY_FILE = "keys/encryption.keys"
"""Under the home: the keys that are generated at the first start, one a line, newest first."""


class Core(Struct, frozen=True, kw_only=True):
    """What runs, and how much of it at once."""

    dags_folder: Annotated[Path, Meta(description="Folder with the DAG files.")] = Path(
        f"{HOME}/dags"
    )
    plugins_folder: Annotated[Path, Meta(description="Folder with plugins.")] = Path(
        f"{HOME}/plugins"
    )
    load_examples: Annotated[
        bool, Meta(description="Also load the example DAGs that come with Tradewind.")
    ] = False
    executor: Annotated[
        str,
        Meta(description="Executors, separated by commas; the first is the default one."),
    ] = "LocalExecutor"
    parallelism: Annotated[
        int,
        Meta(description="Most tasks of one executor running at the same time.", gt=0),
    ] = 32
    max_active_tasks_per_dag: Annotated[
        int,
        Meta(
            description="Most running tasks in one run, unless the DAG says otherwise.",
            gt=0,
        ),
    ] = 16
    max_active_runs_per_dag: Annotated[
        int,
        Meta(
            description="Most running runs of one DAG, unless the DAG says otherwise.",
            gt=0,
        ),
    ] = 16
    default_pool_task_slot_count: Annotated[
        int, Meta(description="Slots of default_pool when the database is made.", gt=0)
    ] = 128
    dags_are_paused_at_creation: Annotated[
        bool,
        Meta(description="Whether a new DAG starts paused, unless the DAG says otherwise."),
    ] = False
    default_timezone: Annotated[
        str, Meta(description="Zone of dates and DAGs that name none (an IANA name).")
    ] = "UTC"
    airflow_semantics: Annotated[
        str,
        Meta(
            description=(
                "Which Airflow's meaning a spelling has that 2 and 3 read differently: 2, 3, or "
                "auto, by the file's own spelling (docs/airflow-compatibility.md)."
            ),
            pattern="^(2|3|auto)$",
        ),
    ] = "auto"
    default_task_retries: Annotated[
        int, Meta(description="Retries of tasks that do not say how many.", ge=0)
    ] = 0
    test_connection: Annotated[
        str,
        Meta(
            description=(
                "Whether connections may be tested over the API (Enabled), which reaches out from "
                "the API server's machine; Disabled, or Hidden, refuses."
            ),
            pattern="^(Disabled|Enabled|Hidden)$",
        ),
    ] = "Disabled"
    max_map_length: Annotated[
        int, Meta(description="Most task instances that one expand() may make.", gt=0)
    ] = 1024
    dag_ignore_file_syntax: Annotated[
        str,
        Meta(
            description="Syntax of .airflowignore files: glob or regexp.", pattern="^(glob|regexp)$"
        ),
    ] = "glob"
    dag_discovery_safe_mode: Annotated[
        bool,
        Meta(description="Import only files that mention dag and airflow or tradewind."),
    ] = True
    xcom_size_limit_bytes: Annotated[
        int,
        Meta(
            description="Larger XComs go to object storage instead of the database.",
            gt=0,
            extra={"unit": "bytes"},
        ),
    ] = 1024 * 1024
    xcom_storage: Annotated[
        str, Meta(description="Where larger XComs go: a path or an fsspec URL.")
    ] = f"{HOME}/xcoms"


class Database(Struct, frozen=True, kw_only=True):
    """The metadata database."""

    sql_alchemy_conn: Annotated[
        str,
        Meta(description="URL of the database: SQLite or PostgreSQL 14+.", extra=SECRET),
    ] = f"sqlite:///{HOME}/tradewind.db"
    encryption_keys: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Keys for variables and connections at rest, separated by commas: the first "
                f"encrypts, all decrypt. Empty: those in {HOME}/{KEY_FILE}."
            ),
            extra=SECRET,
        ),
    ] = ()


class Scheduler(Struct, frozen=True, kw_only=True):
    """The scheduler: who leads, and how long it waits before it acts."""

    lease_s: Annotated[
        Seconds,
        Meta(description="A leader that is silent this long is replaced.", gt=0, extra=UNIT_S),
    ] = 10.0
    heartbeat_s: Annotated[
        Seconds,
        Meta(description="How often the leader renews its lease.", gt=0, extra=UNIT_S),
    ] = 2.0
    attempt_lease_s: Annotated[
        Seconds,
        Meta(description="A task that is silent this long is lost.", gt=0, extra=UNIT_S),
    ] = field(default=60.0, name="task_instance_heartbeat_timeout")
    attempt_heartbeat_s: Annotated[
        Seconds,
        Meta(description="How often a worker reports its running tasks.", gt=0, extra=UNIT_S),
    ] = field(default=5.0, name="task_instance_heartbeat_sec")
    database_outage_s: Annotated[
        Seconds,
        Meta(
            description="So long tasks here go on while the scheduler cannot reach the database; 0 "
            "stops them in time, where a standby elsewhere may reach it and start them anew.",
            ge=0,
            extra=UNIT_S,
        ),
    ] = 900.0
    queued_timeout_s: Annotated[
        Seconds,
        Meta(description="A task that no worker took this long fails.", gt=0, extra=UNIT_S),
    ] = field(default=600.0, name="task_queued_timeout")
    resubmit_s: Annotated[
        Seconds,
        Meta(
            description="A task that no worker took is offered again after.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = 30.0
    reconcile_s: Annotated[
        Seconds,
        Meta(description="How often executors are checked in full.", gt=0, extra=UNIT_S),
    ] = 5.0
    poll_s: Annotated[
        Seconds,
        Meta(
            description="How often the database is asked for news when no signal came.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = 1.0
    catchup_by_default: Annotated[
        bool,
        Meta(description="Whether DAGs that do not say so catch up on past intervals."),
    ] = False
    create_cron_data_intervals: Annotated[
        bool,
        Meta(description="Whether schedule='<cron>' means data intervals, as in Airflow 2."),
    ] = False
    create_delta_data_intervals: Annotated[
        bool, Meta(description="Whether schedule=timedelta(…) means data intervals.")
    ] = False
    max_infra_losses: Annotated[
        int,
        Meta(
            description="Losses before user code began that a try survives for free.",
            ge=0,
        ),
    ] = 3
    health_threshold_s: Annotated[
        Seconds,
        Meta(
            description="A scheduler that is silent this long is unhealthy.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=30.0, name="scheduler_health_check_threshold")


class Processor(Struct, frozen=True, kw_only=True):
    """The DAG processor: how DAG files are parsed."""

    parse_timeout_s: Annotated[
        Seconds,
        Meta(description="Longest time to import one DAG file.", gt=0, extra=UNIT_S),
    ] = field(default=50.0, name="dag_file_processor_timeout")
    memory_limit_mb: Annotated[
        int,
        Meta(
            description="Most memory that importing one DAG file may take; 0: no limit.",
            ge=0,
            extra={"unit": "MB"},
        ),
    ] = 2048
    parallel: Annotated[
        int, Meta(description="DAG files that are parsed at the same time.", gt=0)
    ] = field(default=2, name="parsing_processes")
    slow_round_s: Annotated[
        Seconds,
        Meta(
            description="How often files that look at the clock or the network are parsed again.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=300.0, name="min_file_process_interval")
    rescan_s: Annotated[
        Seconds,
        Meta(
            description="How often the folder is listed, should the file watch miss something.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=30.0, name="refresh_interval")
    health_threshold_s: Annotated[
        Seconds,
        Meta(
            description="A processor that is silent this long is unhealthy.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=30.0, name="health_check_threshold")


class Triggerer(Struct, frozen=True, kw_only=True):
    """The triggerer: deferred tasks waiting in one loop."""

    capacity: Annotated[int, Meta(description="Most triggers that one triggerer runs.", gt=0)] = (
        10_000
    )
    heartbeat_s: Annotated[
        Seconds,
        Meta(description="How often a triggerer reports its triggers.", gt=0, extra=UNIT_S),
    ] = field(default=2.0, name="job_heartbeat_sec")
    lease_s: Annotated[
        Seconds,
        Meta(
            description="The triggers of a triggerer that is silent this long go to another.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = 10.0
    blocked_s: Annotated[
        Seconds,
        Meta(
            description="A trigger that does not let others run for this long fails.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = 5.0
    health_threshold_s: Annotated[
        Seconds,
        Meta(
            description="A triggerer that is silent this long is unhealthy.",
            gt=0,
            extra=UNIT_S,
        ),
    ] = field(default=30.0, name="triggerer_health_check_threshold")


class Logging(Struct, frozen=True, kw_only=True):
    """Logs of tasks and of Tradewind's own parts."""

    base_log_folder: Annotated[Path, Meta(description="Folder of all logs.")] = Path(f"{HOME}/logs")
    level: Annotated[
        str,
        Meta(
            description="Least serious level that is logged: DEBUG, INFO, WARNING or ERROR.",
            pattern="^(DEBUG|INFO|WARNING|ERROR|CRITICAL)$",
        ),
    ] = field(default="INFO", name="logging_level")
    json_logs: Annotated[
        bool, Meta(description="Write JSON lines to the console even on a terminal.")
    ] = False
    max_attempt_mib: Annotated[
        int,
        Meta(
            description="MiB of what an attempt prints that are kept; the rest is counted. 0: all.",
            ge=0,
        ),
    ] = 4096
    remote_logging: Annotated[
        bool, Meta(description="Copy logs to object storage when their attempt is over.")
    ] = False
    remote_base_log_folder: Annotated[
        str,
        Meta(
            description="Where logs are copied: any fsspec URL, such as s3://bucket/logs. Its "
            "driver (s3fs, gcsfs …) is installed beside Tradewind and finds credentials itself."
        ),
    ] = ""
    delete_local_logs: Annotated[
        bool, Meta(description="Delete local logs ten minutes after the storage has all of them.")
    ] = False


class Config(Struct, frozen=True, kw_only=True):
    """Every setting, and where each came from.

    home: the state folder. origins: by "section.key": "default", "environment VARIABLE",
        "command VARIABLE_CMD", "secret file PATH", "file PATH" or "option --name".
    """

    home: Path
    core: Core = Core()
    database: Database = Database()
    scheduler: Scheduler = Scheduler()
    processor: Processor = field(default=Processor(), name="dag_processor")
    worker: Worker = field(default=Worker(), name="workers")
    celery: Celery = Celery()
    kubernetes: Kubernetes = field(default=Kubernetes(), name="kubernetes_executor")
    triggerer: Triggerer = Triggerer()
    logging: Logging = Logging()
    api: Api = Api()
    api_auth: ApiAuth = ApiAuth()
    oidc: Oidc = Oidc()
    metrics: Metrics = Metrics()
    smtp: Smtp = Smtp()
    email: Email = Email()
    secrets: SecretsBackend = SecretsBackend()
    origins: dict[str, str] = {}

    @property
    def run_dir(self) -> Path:
        """Return the folder of sockets and locks of running parts."""
        return self.home / "run"

    @property
    def key_file(self) -> Path:
        """Return where generated encryption keys are kept."""
        return self.home / KEY_FILE


class Setting(Struct, frozen=True, kw_only=True):
    """One setting as data, for `config list`, the docs and their test."""

    section: str
    key: str
    section_attribute: str
    attribute: str
    type: Any
    default: Any
    description: str
    unit: str | None = None
    secret: bool = False

    @property
    def name(self) -> str:
        """Return "section.key"."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """Return the environment variable that sets it."""
        return f"{PREFIX}{self.section.upper()}__{self.key.upper()}"

    def value(self, config: Config) -> Any:
        """Return its value in a configuration."""
        return getattr(getattr(config, self.section_attribute), self.attribute)

    def shown(self, config: Config) -> str:
        """Return its value as text, secrets hidden."""
        return show(self.value(config), secret=self.secret)


def settings() -> list[Setting]:
    """Return every setting there is, in the order of the sections."""
    return list(SETTINGS.values())


def show(value: Any, *, secret: bool = False) -> str:
    """Return a value as it would be written in the environment; secrets hidden.

    Of a database URL only the password is a secret.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return "***" if secret and value else ",".join(value)
    text = str(value)
    if secret and text:
        return _without_password(text)
    return text


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator:
        return "***"
    login, at, host = rest.rpartition("@")
    if not at:
        return text
    user, colon, _ = login.partition(":")
    return f"{scheme}://{user}{':***' if colon else ''}@{host}"


SECTIONS: dict[str, Any] = {
    f.name: f.type
    for f in msgspec.structs.fields(Config)
    if isinstance(f.type, type) and issubclass(f.type, Struct)
}


def _all_settings() -> dict[str, Setting]:
    """Read the settings off the structs above: they are the only list of them."""
    section_keys = {f.name: f.encode_name for f in msgspec.structs.fields(Config)}
    table: dict[str, Setting] = {}
    for section_attribute, struct in SECTIONS.items():
        hints = typing.get_type_hints(struct, include_extras=True)
        for f in msgspec.structs.fields(struct):
            meta: Meta = hints[f.name].__metadata__[0]
            extra = meta.extra or {}
            setting = Setting(
                section=section_keys[section_attribute],
                key=f.encode_name,
                section_attribute=section_attribute,
                attribute=f.name,
                type=hints[f.name],
                default=f.default,
                description=meta.description or "",
                unit=extra.get("unit"),
                secret=extra.get("secret", False),
            )
            table[setting.name] = setting
    return table


SETTINGS = _all_settings()

SECTION_TITLES = {
    f.encode_name: (SECTIONS[f.name].__doc__ or "").strip()
    for f in msgspec.structs.fields(Config)
    if f.name in SECTIONS
}
"""What each section is about, by its name."""
