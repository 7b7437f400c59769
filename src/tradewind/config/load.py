"""Find the value of every setting, and where it came from."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from tradewind.config import airflow
from tradewind.config.notation import HOME
from tradewind.config.sections import (
    KEY_FILE,
    PREFIX,
    SECTIONS,
    SETTINGS,
    Config,
    Setting,
    show,
)
from tradewind.errors import ConfigError

_CREDENTIALS = (
    "TRADEWIND__SECRETS__",
    "AIRFLOW__SECRETS__",
    "TRADEWIND__DATABASE__",
    "TRADEWIND__CELERY__",
    "AIRFLOW__DATABASE__",
    "AIRFLOW__CELERY__",
    "AIRFLOW__CORE__FERNET_KEY",
    "TRADEWIND_CONN_",
    "AIRFLOW_CONN_",
    "TRADEWIND_VAR_",
    "AIRFLOW_VAR_",
)

_COMMAND_TIMEOUT_S = 30
"""A `_CMD` setting that takes longer hangs the start; better to say so."""


def load_config(
    env: Mapping[str, str],
    *,
    options: Mapping[str, tuple[str, str]] | None = None,
    cwd: Path | None = None,
) -> Config:
    """Read the configuration; settings of an Airflow deployment are taken where ours say nothing.

    Args:
        env: the environment.
        options: settings given on the command line, by "section.key": (option's name, value).
        cwd: what relative paths in the environment and on the command line refer to; those in
            the file refer to the home.

    Raises:
        ConfigError: a setting does not exist or its value is not right; the message names the
            setting, where it was set, and what is expected.
    """
    cwd = cwd or Path.cwd()
    home = _path(env.get("TRADEWIND_HOME") or "~/tradewind", cwd, env)
    found: dict[str, tuple[Any, str]] = {}
    found |= airflow.from_file(env)
    found |= airflow.from_environment(env)
    found |= _from_file(env, home, cwd)
    found |= _from_environment(env)
    found |= {
        name: (value, f"option {option}") for name, (option, value) in (options or {}).items()
    }
    _check_known(found)

    sections: dict[str, dict[str, Any]] = {}
    origins: dict[str, str] = {}
    for setting in SETTINGS.values():
        value, origin = found.get(setting.name, (setting.default, "default"))
        base = home if origin.startswith("file") else cwd
        sections.setdefault(setting.section_attribute, {})[setting.attribute] = _convert(
            setting, value, origin, home=home, base=base, env=env
        )
        origins[setting.name] = origin
    _finish(sections, origins, home)
    structs = {name: SECTIONS[name](**values) for name, values in sections.items()}
    return Config(home=home, origins=origins, **structs)


def without_credentials(env: Mapping[str, str]) -> dict[str, str]:
    """Return an environment for processes that run user code.

    Database URLs and keys are not theirs; variables and connections they ask of a server.
    """
    return {name: value for name, value in env.items() if not name.startswith(_CREDENTIALS)}


def unknown_setting(name: str) -> ConfigError:
    """Return the error about a setting that does not exist, with the nearest that does."""
    near = difflib.get_close_matches(name, SETTINGS, n=1, cutoff=0.5)
    key = name.rpartition(".")[2]
    near = near or [s.name for s in SETTINGS.values() if s.key == key]
    hint = f"; did you mean {near[0]}?" if near else ""
    return ConfigError(f"there is no setting {name}{hint} (tradewind config list shows all)")


def _from_file(env: Mapping[str, str], home: Path, cwd: Path) -> dict[str, tuple[Any, str]]:
    named = env.get("TRADEWIND_CONFIG")
    path = _path(named, cwd, env) if named else home / "tradewind.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if named:
            raise ConfigError(f"TRADEWIND_CONFIG names {path}, which does not exist") from None
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    found: dict[str, tuple[Any, str]] = {}
    for section, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: {section} stands outside a [section]")
        for key, value in table.items():
            found[f"{section}.{key}"] = (value, f"file {path}")
    return found


def _from_environment(env: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    plain: dict[str, tuple[Any, str]] = {}
    command: dict[str, tuple[Any, str]] = {}
    secret: dict[str, tuple[Any, str]] = {}
    for variable in sorted(v for v in env if v.startswith(PREFIX)):
        section, separator, key = variable.removeprefix(PREFIX).lower().partition("__")
        name = f"{section}.{key}"
        if not separator or not key:
            raise ConfigError(f"{variable} should be {PREFIX}SECTION__KEY")
        if name not in SETTINGS and name.removesuffix("_cmd") in SETTINGS:
            command[name.removesuffix("_cmd")] = (
                _run(variable, env),
                f"command {variable}",
            )
        elif name not in SETTINGS and name.removesuffix("_secret") in SETTINGS:
            path = env[variable]
            secret[name.removesuffix("_secret")] = (
                _read(variable, path),
                f"secret file {path}",
            )
        else:
            plain[name] = (env[variable], f"environment {variable}")
    return secret | command | plain


def _run(variable: str, env: Mapping[str, str]) -> str:
    """Return the output of the operator's own command, as in Airflow: it is a shell line."""
    try:
        done = subprocess.run(
            ["/bin/sh", "-c", env[variable]],
            env=dict(env),
            check=True,
            capture_output=True,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
        )
    except subprocess.CalledProcessError as error:
        raise ConfigError(
            f"the command of {variable} ended with {error.returncode}: {error.stderr.strip()}"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise ConfigError(
            f"the command of {variable} took longer than {_COMMAND_TIMEOUT_S} s"
        ) from error
    return done.stdout.strip()


def _read(variable: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"cannot read the file that {variable} names: {error}") from error


def _check_known(found: Mapping[str, tuple[Any, str]]) -> None:
    for name, (_, origin) in found.items():
        if name not in SETTINGS:
            raise ConfigError(f"{origin}: {unknown_setting(name)}")


def _convert(
    setting: Setting,
    value: Any,
    origin: str,
    *,
    home: Path,
    base: Path,
    env: Mapping[str, str],
) -> Any:
    if isinstance(value, (str, Path)):
        value = str(value).replace(HOME, str(home))
    if setting.type is Path or typing.get_args(setting.type)[:1] == (Path,):
        if not isinstance(value, str):
            raise ConfigError(f"{setting.name} ({origin}) should be a path")
        return _path(value, base, env)
    if setting.default.__class__ is tuple and isinstance(value, str):
        value = tuple(part.strip() for part in value.split(",") if part.strip())
    if isinstance(setting.default, bool) and isinstance(value, str):
        value = _BOOLEANS.get(value.strip().lower(), value)
    try:
        return msgspec.convert(value, setting.type, strict=not isinstance(value, str))
    except msgspec.ValidationError as error:
        kind = _KINDS.get(type(setting.default), "something else")
        limit = re.search("`[^`]*(?:[<>]|matching).*", str(error))
        raise ConfigError(
            f"{setting.name} = {show(value, secret=setting.secret)!r} ({origin}) is not right: "
            f"it should be {kind}{f' ({limit[0]})' if limit else ''}"
        ) from error


def _path(text: str, base: Path, env: Mapping[str, str]) -> Path:
    if text == "~" or text.startswith("~/"):
        text = (env.get("HOME") or str(Path.home())) + text[1:]
    return Path(os.path.normpath(base / text))


def _finish(sections: dict[str, dict[str, Any]], origins: dict[str, str], home: Path) -> None:
    """Fill in what depends on the home, and check what no type can say."""
    zone = sections["core"]["default_timezone"]
    try:
        ZoneInfo(zone)
    except (ValueError, OSError, LookupError) as error:
        raise ConfigError(
            f"core.default_timezone = {zone!r} ({origins['core.default_timezone']}) is no time "
            "zone; it should be a name like UTC or Europe/Amsterdam"
        ) from error
    key_file = home / KEY_FILE
    if not sections["database"]["encryption_keys"] and key_file.exists():
        try:
            keys = key_file.read_text(encoding="ascii").split()
        except OSError as error:
            raise ConfigError(f"cannot read the encryption keys: {error}") from error
        sections["database"]["encryption_keys"] = tuple(keys)
        origins["database.encryption_keys"] = f"file {key_file}"


_BOOLEANS = {"true": True, "t": True, "1": True, "yes": True, "on": True}
_BOOLEANS |= {"false": False, "f": False, "0": False, "no": False, "off": False}

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    tuple: "a list of texts",
}
