"""Make the checkout ready: `.venv` with everything from `uv.lock`.

Needs Python 3.11+ with its standard library, and the package registry; nothing else. uv comes
from the PATH, else through pip into `.tools`; pip comes from this Python, else from ensurepip,
else (Debian splits both off) as a wheel from the registry.

Run by the Makefile. A second run with the same lock file takes milliseconds.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
TOOLS = ROOT / ".tools"
STAMP = VENV / ".synced"
OLDEST_UV = (0, 5)


def main() -> None:
    if sys.version_info < (3, 11):
        sys.exit(
            f"Tradewind needs Python 3.11 or newer; {sys.executable} is {sys.version.split()[0]}.\n"
            "Name another one: make PYTHON=python3.12 …"
        )
    state = fingerprint()
    if STAMP.exists() and STAMP.read_text() == state:
        return
    uv = find_uv()
    print("Installing what uv.lock says into .venv …", file=sys.stderr)
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV)}
    # An activated environment of somebody else's must not be changed.
    environment.pop("VIRTUAL_ENV", None)
    command = [uv, "sync", "--locked", "--quiet", "--python", sys.executable]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=False)
    if done.returncode:
        sys.exit(f"`{' '.join(command)}` failed; is the package registry reachable?")
    STAMP.write_text(state)


def fingerprint() -> str:
    """Name what .venv depends on: the lock, the project file, this Python, this place."""
    digest = hashlib.sha256(f"{sys.executable} {sys.version} {ROOT}".encode())
    for name in ("uv.lock", "pyproject.toml"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def find_uv() -> str:
    """Return the path of a uv, installing one into .tools if need be."""
    own = TOOLS / "bin" / "uv"
    for candidate in (shutil.which("uv"), str(own)):
        if candidate and works(candidate):
            return candidate
    print("Installing uv into .tools …", file=sys.stderr)
    command = [*pip(), "install", "--quiet", "--upgrade", "--target", str(TOOLS), "uv"]
    if subprocess.run(command, check=False).returncode or not works(str(own)):
        sys.exit("uv could not be installed; see https://docs.astral.sh/uv/ and try again")
    return str(own)


def works(uv: str) -> bool:
    """Tell whether this uv runs and is new enough."""
    try:
        done = subprocess.run([uv, "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    found = re.search(r"(\d+)\.(\d+)", done.stdout)
    return found is not None and (int(found[1]), int(found[2])) >= OLDEST_UV


def pip() -> list[str]:
    """Return a command line that is pip."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    nest = TOOLS / "pip"
    with contextlib.suppress(subprocess.CalledProcessError):
        subprocess.run([sys.executable, "-m", "venv", str(nest)], capture_output=True, check=True)
        return [str(nest / "bin" / "python"), "-m", "pip"]
    return [sys.executable, str(pip_wheel() / "pip")]


def pip_wheel() -> Path:
    """Fetch pip itself from the registry: a wheel is a zip file that Python can run."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    request = urllib.request.Request(  # noqa: S310  the registry the user configured
        f"{index}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            files = json.load(answer)["files"]
        wheel = max(
            (f for f in files if stable(f["filename"]) and not f.get("yanked")),
            key=lambda f: stable(f["filename"]),
        )
        with urllib.request.urlopen(wheel["url"], timeout=60) as answer:  # noqa: S310
            content = answer.read()
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"pip is missing and {index} gave none ({error}); apt install python3-pip helps")
    if hashlib.sha256(content).hexdigest() != wheel["hashes"]["sha256"]:
        sys.exit(f"{wheel['url']} is not what the registry says it is")
    path = TOOLS / wheel["filename"]
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


def stable(filename: str) -> tuple[int, ...]:
    """Return the version of a released wheel for any Python 3; empty for other files."""
    found = re.fullmatch(r"pip-(\d+(?:\.\d+)*)-py3-none-any\.whl", filename)
    return tuple(int(part) for part in found[1].split(".")) if found else ()


if __name__ == "__main__":
    main()
