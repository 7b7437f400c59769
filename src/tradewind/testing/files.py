"""Variables and connections from files, as `dag.test` and `tradewind run` take them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from tradewind.errors import UserError
from tradewind.sdk.connection import Connection


def read_variables(path: str | Path) -> dict[str, Any]:
    """Return the variables of a .json, .yaml or .env file.

    Raises:
        UserError: the file cannot be read as such.
    """
    return _read(Path(path))


def read_connections(path: str | Path) -> dict[str, Connection | str]:
    """Return the connections of a .json, .yaml or .env file: URIs, or their fields.

    Raises:
        UserError: the file cannot be read as such.
    """
    found = _read(Path(path))
    return {
        conn_id: value
        if isinstance(value, str)
        else Connection.from_json(json.dumps(value), conn_id)
        for conn_id, value in found.items()
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    try:
        found = _parse(path.suffix, text)
    except (ValueError, yaml.YAMLError) as error:
        raise UserError(f"{path} is not what its ending says: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{path} must hold names and values, not a {type(found).__name__}")
    return found


def _parse(suffix: str, text: str) -> Any:
    if suffix == ".json":
        return json.loads(text)
    if suffix in {".yaml", ".yml"}:
        return yaml.safe_load(text)
    if suffix == ".env":
        lines = (line.strip() for line in text.splitlines())
        pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
        return {key.strip(): value.strip() for key, _, value in pairs}
    raise ValueError("it must end in .json, .yaml or .env")
