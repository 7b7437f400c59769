"""Virtual environments: what Airflow 2 and providers ask of them.

`airflow.operators.python.is_venv_installed`, and `prepare_virtualenv` of the standard provider, by
which the hook of Apache Beam runs a pipeline in a Python of its own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tradewind.sdk.venvs import Recipe, interpreter

_VERSION = re.compile(r"python(\d+\.\d+)")


def is_venv_installed() -> bool:
    """Tell whether virtual environments can be made: always."""
    return True


def prepare_virtualenv(
    venv_directory: str,
    python_bin: str,
    system_site_packages: bool,
    requirements: Sequence[str] | None = None,
    requirements_file_path: str | None = None,
    pip_install_options: Sequence[str] | None = None,
    index_urls: Sequence[str] | None = None,
) -> str:
    """Make a virtual environment and return the path of its Python.

    Args:
        venv_directory: the folder in which it is made.
        python_bin: "python3.12" and the like name another version than this Python's.
        system_site_packages: whether it sees the packages of that Python.
        requirements: packages to install.
        requirements_file_path: a file of them; not both.
        pip_install_options: further options of `pip install`.
        index_urls: indexes to install from, the first in place of PyPI.

    Raises:
        ValueError: both ways to name the packages are used.
        AirflowException: it cannot be made; says which program failed and what it said.
    """
    if requirements is not None and requirements_file_path is not None:
        raise ValueError("give requirements or requirements_file_path, not both")
    lines = list(requirements or ())
    if requirements_file_path:
        lines = Path(requirements_file_path).read_text(encoding="utf-8").splitlines()
    version = _VERSION.fullmatch(Path(python_bin).name)
    recipe = Recipe(
        requirements=tuple(line.strip() for line in lines if line.strip()),
        python_version=version[1] if version else None,
        system_site_packages=system_site_packages,
        options=tuple(pip_install_options or ()),
        index_urls=tuple(index_urls or ()),
    )
    return str(interpreter(recipe, Path(venv_directory)))
