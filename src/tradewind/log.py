"""Logging of the servers: stdlib only, set up once by each process's entry point.

On a terminal a line is for reading (`12:03:01 scheduler  run a_run of etl started`);
elsewhere it is a JSON object with `ts`, `level`, `component`, `logger`, `event` and, when
there is one, `exception`. With a folder given, the JSON lines also go to a file there that is
rotated. The logs of tasks are another matter (`tradewind.wire.logs`).
"""

from __future__ import annotations

import json
import logging
import os
import sys
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    import argparse

_FILE_BYTES = 10 * 1024 * 1024
_FILE_COUNT = 3
"""A part of a server keeps at most 40 MB of its own log."""

_CHATTY = ("alembic", "asyncio", "uvicorn")
"""Libraries that say at INFO what only their developers want to know."""

_COLOURS = {"scheduler": 36, "worker": 32, "processor": 35, "web": 34, "triggerer": 33}
_LEVEL_COLOURS = {"WARNING": 33, "ERROR": 31, "CRITICAL": 31}


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, component: str) -> None:
        super().__init__()
        self._component = component

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a JSON line."""
        line = {
            "ts": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "component": self._component,
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class ConsoleFormatter(logging.Formatter):
    """One short line for people; the level is named only when it is worth it."""

    def __init__(self, component: str, *, colour: bool) -> None:
        super().__init__()
        self._component = component
        self._colour = colour

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a line for people."""
        clock = f"{_time(record).astimezone():%H:%M:%S}"
        name = self._paint(f"{self._component:<10}", _COLOURS.get(self._component, 37))
        message = record.getMessage()
        if record.levelno >= logging.WARNING:
            level = self._paint(record.levelname, _LEVEL_COLOURS.get(record.levelname, 31))
            message = f"{level} {message}"
        if record.exc_info:
            message = f"{message}\n{self.formatException(record.exc_info)}"
        return f"{clock} {name} {message}"

    def _paint(self, text: str, colour: int) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colour else text


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a program that reads no settings be told about its log; see `options_of`."""
    parser.add_argument("--log-level", default="INFO")
    parser.add_argument("--parts-log-folder", type=Path, help="folder of this part's own log")
    parser.add_argument("--json-logs", action="store_true", help="JSON even on a terminal")


def options_of(level: str, folder: Path | None, *, json_lines: bool) -> list[str]:
    """Return the options that `add_options` understands."""
    told = ["--log-level", level]
    if folder is not None:
        told += ["--parts-log-folder", str(folder)]
    return [*told, "--json-logs"] if json_lines else told


def set_up_as_told(component: str, options: argparse.Namespace) -> None:
    """Set the log up as the options of `add_options` say."""
    set_up(
        component,
        level=options.log_level,
        folder=options.parts_log_folder,
        json_lines=options.json_logs,
    )


def set_up(
    component: str,
    *,
    level: str = "INFO",
    folder: Path | None = None,
    json_lines: bool = False,
    stream: TextIO | None = None,
) -> None:
    """Send this process's log to the console and, with a folder, to `<component>.jsonl` there.

    Calling it again replaces what was set up before, so that a forked child can name itself.
    """
    stream = stream or sys.stderr
    console = logging.StreamHandler(stream)
    if json_lines or not stream.isatty():
        console.setFormatter(JsonFormatter(component))
    else:
        colour = not os.environ.get("NO_COLOR")
        console.setFormatter(ConsoleFormatter(component, colour=colour))
    handlers: list[logging.Handler] = [console]
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(
            folder / f"{component}.jsonl", maxBytes=_FILE_BYTES, backupCount=_FILE_COUNT
        )
        file.setFormatter(JsonFormatter(component))
        handlers.append(file)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
