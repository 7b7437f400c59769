"""Apache Airflow's own packages, fetched for the tests and kept in the user's cache."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PACKAGES = (
    "apache-airflow-core==3.3.2",
    "apache-airflow-providers-standard==1.21.0",
)
ROOT = Path(__file__).parents[2]
_TIMEOUT_S = 300


def older(version: str, python: str) -> Path:
    """Return a folder with an older Airflow in it, which runs on an older Python."""
    return unpacked((f"apache-airflow=={version}",), python)


@functools.cache
def unpacked(packages: tuple[str, ...] = PACKAGES, python: str | None = None) -> Path:
    """Return a folder with packages in it, without what they depend on.

    A machine that cannot fetch them skips the test; a build server must be able to.

    Args:
        packages: names with versions.
        python: the version that they are for; None: the one that runs.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewind-tests"
    target = cache / "+".join(name.replace("==", "-") for name in packages)
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache))
    try:
        command = [_uv(), "pip", "install", "--no-deps", "--quiet", "--target", str(partial)]
        command += ["--python", sys.executable, *(["--python-version", python] if python else [])]
        subprocess.run(
            [*command, *packages],
            check=True,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
        )
    except subprocess.SubprocessError as error:
        shutil.rmtree(partial)
        if os.environ.get("CI"):
            raise
        told = getattr(error, "stderr", None) or error
        pytest.skip(f"cannot fetch {', '.join(packages)}: {str(told).strip()[-300:]}")
    try:
        partial.rename(target)
    except OSError:  # another test process was faster
        shutil.rmtree(partial)
    return target


def _uv() -> str:
    own = ROOT / ".tools" / "bin" / "uv"
    return str(own) if own.exists() else "uv"
