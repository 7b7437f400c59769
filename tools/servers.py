"""See that the servers which the tests need are installed; today that is PostgreSQL.

The tests start servers of their own, on free ports and in temporary folders; they only need
the programs (or a server of yours, named in TRADEWIND_TEST_POSTGRES_URL). With the right to
(root), they are installed with apt; else this says what to install, and the tests that need
them are skipped (on CI: they fail).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path


def main() -> None:
    if os.environ.get("TRADEWIND_TEST_POSTGRES_URL") or has_postgresql():
        return
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("Installing PostgreSQL with apt …", file=sys.stderr)
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (
            [apt, "update", "-qq"],
            [apt, "install", "-y", "-qq", "--no-install-recommends", "postgresql"],
        ):
            if subprocess.run(command, env=environment, check=False).returncode:
                break
        if has_postgresql():
            return
    hint = "apt install postgresql" if apt else "PostgreSQL 14 or newer"
    print(
        f"PostgreSQL is not installed, so its tests cannot run. Install it: {hint}\n"
        "(its programs, no running server: the tests start their own)",
        file=sys.stderr,
    )
    if os.environ.get("CI"):
        sys.exit(1)


def has_postgresql() -> bool:
    """Tell whether initdb is somewhere the tests look for it."""
    return bool(shutil.which("initdb")) or any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


if __name__ == "__main__":
    main()
