"""The base install: how many distributions, and how large. A fresh environment, no extras."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from context import Context
from figures import Figure
from product import Failed

ROOT = Path(__file__).parents[2]
DISTRIBUTIONS, SIZE_MB = 60, 80.0
MB = 1_000_000


def measure(context: Context) -> Iterator[Figure]:  # noqa: ARG001  one way to measure it
    """Yield the figures."""
    with tempfile.TemporaryDirectory(prefix="tradewind-install-") as name:
        target = install(Path(name))
        found = sorted(path.name.removesuffix(".dist-info") for path in target.rglob("*.dist-info"))
        files = [path for path in target.rglob("*") if path.is_file() and not path.is_symlink()]
        plain = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    yield Figure(
        what="base install: distributions",
        value=len(found),
        unit="",
        goal=DISTRIBUTIONS,
        airflow="156",
        details={"distributions": found},
    )
    yield Figure(
        what="base install: size, without bytecode",
        value=plain / MB,
        unit="MB",
        goal=SIZE_MB,
        airflow="290 MB",
    )


def install(folder: Path) -> Path:
    """Build the wheel and install it into an empty environment; return its folder."""
    wheels, target = folder / "wheels", folder / "environment"
    uv("build", "--wheel", "--out-dir", str(wheels))
    (wheel,) = wheels.glob("*.whl")
    uv("venv", "--python", sys.executable, str(target))
    uv("pip", "install", "--link-mode", "copy", "--python", str(target), str(wheel))
    return target


def uv(*arguments: str) -> None:
    """Run the uv that `make setup` uses."""
    env = {k: v for k, v in os.environ.items() if k != "VIRTUAL_ENV"}
    command = [find_uv(), "--quiet", *arguments]
    subprocess.run(command, check=True, env=env, cwd=ROOT, timeout=600)


def find_uv() -> str:
    """Return its path."""
    for candidate in (shutil.which("uv"), str(ROOT / ".tools" / "bin" / "uv")):
        if candidate and Path(candidate).exists():
            return candidate
    raise Failed("there is no uv: run `make setup` first")
