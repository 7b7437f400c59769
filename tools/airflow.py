"""Make an environment with Apache Airflow in it, for the tests that compare Tradewind with it.

It lies outside the checkout, in the user's cache, and is made once for each version. Airflow is
installed as its own package has it: nothing of Tradewind's is in there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from environment import find_uv

VERSION = "3.3.2"
PACKAGES = (
    f"apache-airflow-core=={VERSION}",
    "apache-airflow-providers-standard==1.21.0",
    "time-machine==3.3.0",
)


def home() -> Path:
    """Return the environment's folder."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "tradewind" / f"airflow-{VERSION}"


def python() -> Path:
    """Return the Python in which `import airflow` is Apache Airflow."""
    return home() / "bin" / "python"


def install() -> None:
    """Make the environment, unless it is there and complete."""
    stamp = home() / ".installed"
    wanted = "\n".join(PACKAGES)
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    uv = find_uv()
    print(f"Installing Apache Airflow {VERSION} into {home()} …", file=sys.stderr)
    interpreter = f"{sys.version_info.major}.{sys.version_info.minor}"
    for command in (
        [uv, "venv", "--quiet", "--clear", "--python", interpreter, str(home())],
        [uv, "pip", "install", "--quiet", "--python", str(python()), *PACKAGES],
    ):
        if subprocess.run(command, check=False).returncode:
            sys.exit(f"`{' '.join(command)}` failed; is the package registry reachable?")
    stamp.write_text(wanted, encoding="utf-8")


if __name__ == "__main__":
    install()
    if "--print" in sys.argv:
        print(python())
