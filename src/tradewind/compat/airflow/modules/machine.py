"""The machine and its processes: `airflow.utils.net`, `.platform` and `.process_utils`."""

from __future__ import annotations

import getpass
import logging
import os
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

log = logging.getLogger(__name__)

IS_WINDOWS = False


def get_hostname() -> str:
    """Return this machine's name."""
    return socket.getfqdn()


def getuser() -> str:
    """Return the name of the user that this process runs as."""
    return getpass.getuser()


@contextmanager
def patch_environ(new_env_variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables inside the block and put back what was there."""
    before = {name: os.environ.get(name) for name in new_env_variables}
    os.environ.update(new_env_variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def execute_in_subprocess(
    cmd: Sequence[str], cwd: str | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command and log what it prints.

    Raises:
        subprocess.CalledProcessError: it ended with another code than 0.
    """
    log.info("Executing cmd: %s", shlex.join(cmd))
    with subprocess.Popen(
        cmd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd, env=env
    ) as process:
        for line in process.stdout or ():
            log.info("%s", line.decode(errors="replace").rstrip())
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, cmd)
