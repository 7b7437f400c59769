"""`airflow.configuration.conf`: settings, as DAG files and provider packages read them.

Asked in this order: `TRADEWIND__SECTION__KEY`, `AIRFLOW__SECTION__KEY`, the file `airflow.cfg`
(at `AIRFLOW_CONFIG`, or in `AIRFLOW_HOME`), the fallback that the caller gives, Tradewind's own
default for a setting of that name. Secrets of the deployment are not there: the processes that
run user code are not given them.
"""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from tradewind.config.notation import HOME
from tradewind.config.sections import SETTINGS
from tradewind.sdk.exceptions import AirflowConfigException

__all__ = [
    "AirflowConfigException",
    "AirflowConfigParser",
    "conf",
    "ensure_secrets_loaded",
    "get",
    "getboolean",
    "getfloat",
    "getint",
    "getsection",
    "has_option",
]

_UNSET: Any = object()
_PREFIXES = ("TRADEWIND", "AIRFLOW")
_TRUE = {"t": True, "true": True, "1": True, "yes": True, "on": True}
_BOOLEANS = _TRUE | dict.fromkeys(("f", "false", "0", "no", "off"), False)


AIRFLOW_DEFAULTS = {
    "core.unit_test_mode": "False",
    "kubernetes.namespace": "default",
    "kubernetes.worker_container_repository": "",
    "kubernetes.worker_container_tag": "",
    "kubernetes_executor.namespace": "default",
    "kubernetes_executor.pod_template_file": "",
    "kubernetes_executor.worker_container_repository": "",
    "kubernetes_executor.worker_container_tag": "",
    "logging.remote_logging": "False",
    "operators.default_deferrable": "False",
    "operators.default_owner": "airflow",
    "operators.default_queue": "default",
    "sensors.default_timeout": "604800",
}
"""What Airflow's users read without a fallback, and Tradewind has no setting for."""


class AirflowConfigParser:
    """Read settings."""

    def get(self, section: str, key: str, *, fallback: Any = _UNSET, **_options: Any) -> Any:
        """Return a setting as text; the fallback as it is.

        Raises:
            AirflowConfigException: it is set nowhere, and there is no fallback.
        """
        section, key = section.lower(), key.lower()
        found = _set_value(section, key)
        if found is not None:
            return found
        if fallback is not _UNSET:
            return fallback
        default = _default(section, key) or AIRFLOW_DEFAULTS.get(f"{section}.{key}")
        if default is not None:
            return default
        raise AirflowConfigException(
            f"there is no setting [{section}] {key}: set AIRFLOW__{section.upper()}__"
            f"{key.upper()}, or give conf.get() a fallback"
        )

    def get_mandatory_value(self, section: str, key: str, **options: Any) -> str:
        """Return a setting as text."""
        return str(self.get(section, key, **options))

    def getboolean(self, section: str, key: str, **options: Any) -> bool:
        """Return a setting that is true or false.

        Raises:
            AirflowConfigException: it is neither, or set nowhere.
        """
        value = self.get(section, key, **options)
        if value is None or isinstance(value, bool):
            return bool(value)
        try:
            return _BOOLEANS[str(value).partition("#")[0].strip().lower()]
        except KeyError:
            raise _wrong(section, key, value, "true or false") from None

    def getint(self, section: str, key: str, **options: Any) -> Any:
        """Return a setting that is a whole number."""
        return self._number(int, "a whole number", section, key, options)

    def getfloat(self, section: str, key: str, **options: Any) -> Any:
        """Return a setting that is a number."""
        return self._number(float, "a number", section, key, options)

    def _number(
        self, kind: type, what: str, section: str, key: str, options: Mapping[str, Any]
    ) -> Any:
        value = self.get(section, key, **options)
        try:
            return value if value is None else kind(value)
        except ValueError:
            raise _wrong(section, key, value, what) from None

    def getlist(self, section: str, key: str, *, delimiter: str = ",", **options: Any) -> Any:
        """Return a setting that is a list of texts."""
        value = self.get(section, key, **options)
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(delimiter) if part.strip()]

    def getjson(self, section: str, key: str, **options: Any) -> Any:
        """Return a setting that is JSON."""
        value = self.get(section, key, **options)
        try:
            return json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise _wrong(section, key, value, "JSON") from None

    def getimport(self, section: str, key: str, **options: Any) -> Any:
        """Return the thing that a setting names by its dotted path; None for an empty one."""
        value = self.get(section, key, **options)
        if not value:
            return None
        module, _, name = str(value).rpartition(".")
        return getattr(import_module(module), name)

    def has_option(self, section: str, key: str, **_options: Any) -> bool:
        """Tell whether a setting has a value."""
        return self.get(section, key, fallback=None) is not None or (
            _default(section.lower(), key.lower()) is not None
        )

    def has_section(self, section: str) -> bool:
        """Tell whether any setting of a section has a value."""
        return bool(self.getsection(section))

    def getsection(self, section: str) -> dict[str, Any]:
        """Return the settings of a section that have a value."""
        section = section.lower()
        keys = {s.key for s in SETTINGS.values() if s.section == section}
        keys |= set(_file().get(section, {}))
        for prefix in _PREFIXES:
            start = f"{prefix}__{section.upper()}__"
            keys |= {n.removeprefix(start).lower() for n in os.environ if n.startswith(start)}
        found = {key: self.get(section, key, fallback=_default(section, key)) for key in keys}
        return {key: value for key, value in found.items() if value is not None}

    def as_dict(self, **_options: Any) -> dict[str, dict[str, Any]]:
        """Return all settings that have a value, by section."""
        sections = {s.section for s in SETTINGS.values()} | set(_file())
        return {section: self.getsection(section) for section in sorted(sections)}


def _set_value(section: str, key: str) -> str | None:
    for prefix in _PREFIXES:
        value = os.environ.get(f"{prefix}__{section.upper()}__{key.upper()}")
        if value is not None:
            return value
    return _file().get(section, {}).get(key)


def _default(section: str, key: str) -> str | None:
    setting = SETTINGS.get(f"{section}.{key}")
    if setting is None or setting.secret:
        return None
    home = os.environ.get("TRADEWIND_HOME") or str(Path.home() / "tradewind")
    return str(setting.default).replace(HOME, home)


@cache
def _file() -> Mapping[str, Mapping[str, str]]:
    """Return what stands in `airflow.cfg`, read once for the process."""
    home = os.environ.get("AIRFLOW_HOME")
    path = os.environ.get("AIRFLOW_CONFIG") or (f"{home}/airflow.cfg" if home else None)
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    if path is not None:
        parser.read(path, encoding="utf-8")
    return {name.lower(): dict(parser.items(name)) for name in parser.sections()}


def _wrong(section: str, key: str, value: Any, what: str) -> AirflowConfigException:
    return AirflowConfigException(f"[{section}] {key} = {value!r} should be {what}")


conf = AirflowConfigParser()
get, getboolean, getint, getfloat = conf.get, conf.getboolean, conf.getint, conf.getfloat
getsection, has_option = conf.getsection, conf.has_option


def ensure_secrets_loaded(*_more: Any) -> list[Any]:
    """Return no backends: a server asks them, not the process that runs user code."""
    return []
