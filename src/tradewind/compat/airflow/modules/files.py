"""`airflow.utils.file`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, Any

from tradewind.sdk.loading import module_name

__all__ = [
    "TemporaryDirectory",
    "correct_maybe_zipped",
    "get_unique_dag_module_name",
    "list_py_file_paths",
    "mkdirs",
    "open_maybe_zipped",
]

_ZIP = re.compile(rf"((.*\.zip){re.escape(os.sep)})?(.*)")


def mkdirs(path: str, mode: int) -> None:
    """Make a folder and those above it."""
    Path(path).mkdir(mode=mode, parents=True, exist_ok=True)


def correct_maybe_zipped(fileloc: str | Path | None) -> str | Path | None:
    """Return the archive for a file in one, else the file."""
    found = _ZIP.search(str(fileloc or ""))
    return found[2] if found and found[2] else fileloc


def open_maybe_zipped(fileloc: str, mode: str = "r") -> IO[Any]:
    """Open a file that may lie in an archive."""
    found = _ZIP.search(fileloc)
    if found and found[2]:
        import io  # noqa: PLC0415  seldom needed
        import zipfile  # noqa: PLC0415

        with zipfile.ZipFile(found[2]) as archive:
            return io.TextIOWrapper(io.BytesIO(archive.read(found[3])))
    return Path(fileloc).open(mode)


def list_py_file_paths(directory: str | Path | None, *_more: Any, **_options: Any) -> list[str]:
    """Return the Python files in a folder and below."""
    return sorted(str(path) for path in Path(directory or ".").rglob("*.py"))


def get_unique_dag_module_name(file_path: str) -> str:
    """Return the name under which a DAG file is imported."""
    return module_name(file_path, str(Path(file_path).parent))
