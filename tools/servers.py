"""See that the programs which the tests need are installed: servers and a browser.

The tests start servers of their own, on free ports and in temporary folders; they only need
the programs (or a database server of yours, named in TRADEWIND_TEST_POSTGRES_URL). With the
right to (root), they are installed with apt; else this says what to install, and the tests that
need them are skipped (on CI: they fail).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


def main() -> None:
    missing = [package for package, is_there in NEEDED.items() if not is_there()]
    apt = shutil.which("apt-get")
    if missing and apt and os.geteuid() == 0:
        print(f"Installing {' and '.join(missing)} with apt …", file=sys.stderr)
        # In run level 1 Debian starts no service that it installs: the tests start their own.
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for command in (
            [apt, "update", "-qq"],
            [apt, "install", "-y", "-qq", "--no-install-recommends", *missing],
        ):
            if subprocess.run(command, env=environment, check=False).returncode:
                break
        missing = [package for package in missing if not NEEDED[package]()]
    for package in missing:
        hint = f"apt install {package}" if apt else package
        print(f"{package} is missing, so its tests cannot run. Install it: {hint}", file=sys.stderr)
    if missing and os.environ.get("CI"):
        sys.exit(1)


def has_postgresql() -> bool:
    """Tell whether initdb is somewhere the tests look for it, or a server is named."""
    return bool(
        os.environ.get("TRADEWIND_TEST_POSTGRES_URL")
        or shutil.which("initdb")
        or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    )


def has_redis() -> bool:
    """Tell whether there is a Redis server."""
    return shutil.which("redis-server") is not None


def has_rabbitmq() -> bool:
    """Tell whether there is a RabbitMQ server where the tests look for it."""
    return bool(shutil.which("rabbitmq-server") or Path("/usr/lib/rabbitmq/bin").is_dir())


def has_chromium() -> bool:
    """Tell whether there is a browser for the tests of the UI."""
    return any(shutil.which(name) for name in CHROMIUM)


NEEDED: dict[str, Callable[[], bool]] = {
    "postgresql": has_postgresql,
    "redis-server": has_redis,
    "rabbitmq-server": has_rabbitmq,
    "chromium": has_chromium,
}
"""How to tell that a package is not needed any more, by its name in Debian."""


if __name__ == "__main__":
    main()
