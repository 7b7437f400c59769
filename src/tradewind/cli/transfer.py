"""Read and write files of names and values: JSON, YAML or .env, by the file's name."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from tradewind.errors import UserError


def read_file(name: str) -> dict[str, Any]:
    """Return the names and values of a file; "-" is JSON from stdin.

    Raises:
        UserError: it is not what its name says, or not a table of names.
    """
    text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    kind = Path(name).suffix.lower()
    try:
        if kind in {".yaml", ".yml"}:
            import yaml

            found: Any = yaml.safe_load(text)
        elif kind == ".env" or Path(name).name == ".env":
            found = _parse_env(text)
        else:
            found = json.loads(text)
    except ValueError as error:
        raise UserError(f"{name} cannot be read: {error}") from error
    except Exception as error:
        if type(error).__module__.partition(".")[0] != "yaml":
            raise
        raise UserError(f"{name} is not YAML: {error}") from error
    if not isinstance(found, dict):
        raise UserError(f"{name} should hold names and values, not a {type(found).__name__}")
    return {str(key): value for key, value in found.items()}


def write_file(name: str, values: Mapping[str, Any]) -> None:
    """Write names and values to a file that only its owner may read; "-" is stdout."""
    kind = Path(name).suffix.lower()
    if kind in {".yaml", ".yml"}:
        import yaml

        text = yaml.safe_dump(dict(values), sort_keys=True, allow_unicode=True)
    elif kind == ".env" or Path(name).name == ".env":
        text = "".join(f"{key}={_env_text(value)}\n" for key, value in values.items())
    else:
        text = json.dumps(values, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if name == "-":
        click.echo(text, nl=False)
        return
    # Values may be secrets: nobody else reads the file, not even for a moment.
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
        handle.write(text)


def _parse_env(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        key, separator, value = stripped.partition("=")
        if not separator:
            raise ValueError(f"line {number} is not KEY=VALUE")
        found[key.strip()] = value.strip()
    return found


def _env_text(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if "\n" in text:
        raise UserError("a .env file cannot hold values of several lines; use .json or .yaml")
    return text
