"""The configuration: read once at the entry point, frozen, handed down.

A setting has a section, a key, a type, a default, a one-line description and, where it is a
quantity, a unit. It is looked up in this order; the first that is set wins:

1. an option of the command line that stands for the setting (`--port` for `[api] port`)
2. `TRADEWIND__SECTION__KEY` in the environment
3. `TRADEWIND__SECTION__KEY_CMD`: the output of this shell command
4. `TRADEWIND__SECTION__KEY_SECRET`: the content of this file (a mounted secret)
5. `[section] key` in `$TRADEWIND_CONFIG`, else in `$TRADEWIND_HOME/tradewind.toml`
6. for settings that mean the same in Airflow, `AIRFLOW__SECTION__KEY` in the environment
7. for the same, `$AIRFLOW_CONFIG`, else `airflow.cfg` in `$AIRFLOW_HOME`
8. the default

Sections and keys have Airflow's names where the thing is the same. Attributes here may differ
from their key: they carry their unit (`parse_timeout_s` is `dag_file_processor_timeout`).
`$TRADEWIND_HOME` inside a value stands for the state folder. A setting that does not exist is
an error, because a typing mistake that is silently ignored costs somebody an evening.
"""

from tradewind.config.load import load_config, unknown_setting, without_credentials
from tradewind.config.notation import HOME
from tradewind.config.sections import (
    KEY_FILE,
    PREFIX,
    SECTION_TITLES,
    Config,
    Core,
    Database,
    Logging,
    Processor,
    Scheduler,
    Setting,
    Triggerer,
    settings,
    show,
)
from tradewind.config.web import Api
from tradewind.config.workers import Worker

__all__ = [
    "HOME",
    "KEY_FILE",
    "PREFIX",
    "SECTION_TITLES",
    "Api",
    "Config",
    "Core",
    "Database",
    "Logging",
    "Processor",
    "Scheduler",
    "Setting",
    "Triggerer",
    "Worker",
    "load_config",
    "settings",
    "show",
    "unknown_setting",
    "without_credentials",
]
