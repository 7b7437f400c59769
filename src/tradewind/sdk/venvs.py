"""Virtual environments for tasks: made once for each set of requirements, then used again.

An environment's folder is named by a hash of what it is made of: the requirements, the Python,
the options. It counts as made when a marker lies in it, which is written last; a folder without
one was left by a crash and is made anew. A lock beside it lets one process make it while the
others wait. `uv` makes it when it can be found, else `venv` and `pip`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tradewind.sdk.exceptions import AirflowException

_MARKER = "tradewind-complete"
_OUTPUT = 2_000
"""Characters of a failed installation's output that are shown; its end says what was wrong."""


class Recipe(NamedTuple):
    """What an environment is made of.

    requirements: as in a requirements file. python_version: like "3.12"; None: this Python's.
    options: further options of `pip install`. index_urls: indexes to install from, the first
    instead of PyPI.
    """

    requirements: tuple[str, ...] = ()
    python_version: str | None = None
    system_site_packages: bool = False
    options: tuple[str, ...] = ()
    index_urls: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Return the name of the environment's folder."""
        python = self.python_version or ".".join(map(str, sys.version_info[:3]))
        text = json.dumps([*self[:1], python, *self[2:], sys.prefix])
        return "venv-" + hashlib.sha256(text.encode()).hexdigest()[:16]


def default_folder(env: Mapping[str, str] = os.environ) -> Path:
    """Return where environments are kept when a task does not say."""
    home = env.get("TRADEWIND_HOME")
    return (Path(home) if home else Path.home() / "tradewind") / "venvs"


def interpreter(recipe: Recipe, folder: Path) -> Path:
    """Return the Python of an environment, which is made first unless it is there.

    Args:
        recipe: what it is made of.
        folder: where environments are kept.

    Raises:
        AirflowException: it cannot be made; says which program failed and what it said.
    """
    place = folder / recipe.digest
    python = place / "bin" / "python"
    if (place / _MARKER).exists():
        return python
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / f"{recipe.digest}.lock"):
        if not (place / _MARKER).exists():
            shutil.rmtree(place, ignore_errors=True)
            _make(recipe, place)
            (place / _MARKER).touch()
    return python


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # released with the file, and with the process
        yield


def _make(recipe: Recipe, place: Path) -> None:
    python = place / "bin" / "python"
    uv = shutil.which("uv")
    site = ["--system-site-packages"] if recipe.system_site_packages else []
    version = recipe.python_version
    if uv:
        base = version or sys.executable
        _run([uv, "venv", "--quiet", "--no-project", "--python", base, *site, str(place)], recipe)
        install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        base = sys.executable if version is None else _named_python(version)
        pip = [] if recipe.requirements else ["--without-pip"]
        _run([base, "-m", "venv", *site, *pip, str(place)], recipe)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if recipe.requirements:
        file = place / "tradewind-requirements.txt"
        file.write_text("\n".join(recipe.requirements) + "\n", encoding="utf-8")
        _run([*install, *recipe.options, "-r", str(file)], recipe)


def _named_python(version: str) -> str:
    found = shutil.which(f"python{version}")
    if found is None:
        raise AirflowException(
            f"python_version={version!r}: there is no python{version} on PATH of this worker; "
            "install it, or install uv, which fetches Pythons by itself"
        )
    return found


def _run(command: Sequence[str], recipe: Recipe) -> None:
    done = subprocess.run(
        list(command),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, **_indexes(recipe.index_urls)},
    )
    if done.returncode != 0:
        raise AirflowException(
            f"a virtual environment with {', '.join(recipe.requirements) or 'no packages'} cannot "
            f"be made: {Path(command[0]).name} ended with exit code {done.returncode} and said:\n"
            f"{done.stdout.strip()[-_OUTPUT:]}"
        )


def _indexes(urls: Sequence[str]) -> dict[str, str]:
    # In the environment: a command line with a password could be read by everybody.
    if not urls:
        return {}
    rest = " ".join(urls[1:])
    return {
        "UV_DEFAULT_INDEX": urls[0],
        "UV_INDEX": rest,
        "PIP_INDEX_URL": urls[0],
        "PIP_EXTRA_INDEX_URL": rest,
    }
