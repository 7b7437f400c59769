"""The base install: how many distributions, and how large."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from context import Context
from figures import Figure

ROOT = Path(__file__).parents[2]
UV = Path(sys.executable).with_name("uv")
DISTRIBUTIONS, SIZE_MB = 60, 80.0
MB = 1_000_000


def measure(context: Context) -> Iterator[Figure]:  # noqa: ARG001  one way to measure it
    """Yield the figures."""
    with tempfile.TemporaryDirectory(prefix="tradewind-install-") as name:
        target = Path(name) / "environment"
        uv = str(UV) if UV.exists() else "uv"
        env = {**os.environ, "VIRTUAL_ENV": str(target)}
        for command in (
            [uv, "venv", "--quiet", "--python", sys.executable, str(target)],
            [uv, "pip", "install", "--quiet", "--link-mode", "copy", str(ROOT)],
        ):
            subprocess.run(command, check=True, env=env, timeout=600)
        found = sorted(path.name.removesuffix(".dist-info") for path in target.rglob("*.dist-info"))
        files = [path for path in target.rglob("*") if path.is_file() and not path.is_symlink()]
        plain = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    yield Figure(
        what="base install: distributions",
        value=len(found),
        unit="",
        goal=DISTRIBUTIONS,
        details={"distributions": found},
    )
    yield Figure(what="base install: size", value=plain / MB, unit="MB", goal=SIZE_MB)
