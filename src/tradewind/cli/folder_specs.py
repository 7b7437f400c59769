"""Read a DAG folder with no server: `python -m tradewind.cli.folder_specs FOLDER`.

User code runs, so this is a process of its own, which is given no credentials, and each file is
imported in a fork of it. One line of JSON a file goes to standard output; what the files print
goes to standard error.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from tradewind.errors import UserError
from tradewind.model.spec import DagSpec


class ReadFile(msgspec.Struct, kw_only=True):
    """What came of a DAG file. error: why it does not load, or one of its DAGs does not."""

    dag_file: str
    specs: tuple[DagSpec, ...] = ()
    error: str | None = None


def read_folder(folder: Path, env: Mapping[str, str], *, timeout_s: float) -> list[ReadFile]:
    """Return what the files of a folder define, read in another process.

    Args:
        folder: the DAG folder.
        env: the environment of user code; without credentials.
        timeout_s: the longest that one file may take.

    Raises:
        UserError: the folder is not there.
    """
    command = [sys.executable, "-m", "tradewind.cli.folder_specs", str(folder), str(timeout_s)]
    done = subprocess.run(command, env=dict(env), stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise UserError(f"the DAG folder {folder} could not be read; the reason stands above")
    return [msgspec.json.decode(line, type=ReadFile) for line in done.stdout.splitlines()]


def main() -> None:
    """Print what the files of the folder define."""
    from tradewind.compat import airflow
    from tradewind.processor.folder import Folder
    from tradewind.sdk import defaults

    folder, timeout_s = Path(sys.argv[1]).resolve(), float(sys.argv[2])
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    defaults.install_from(os.environ)
    airflow.install()
    for dag_file in sorted(Folder(folder).scan().dag_files()):
        answers.write(_in_a_fork(folder, dag_file, timeout_s) + b"\n")
        answers.flush()


def _in_a_fork(folder: Path, dag_file: str, timeout_s: float) -> bytes:
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)  # unhandled, the signal ends the process
        with os.fdopen(writes, "wb") as pipe:
            pipe.write(msgspec.json.encode(_read(folder, dag_file)))
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(pid, 0)
    if status == 0 and answer:
        return answer
    code = os.waitstatus_to_exitcode(status)
    why = f"took longer than {timeout_s:g} s" if code == -signal.SIGALRM else f"ended with {code}"
    return msgspec.json.encode(ReadFile(dag_file=dag_file, error=f"its import {why}"))


def _read(folder: Path, dag_file: str) -> ReadFile:
    specs: list[DagSpec] = []
    try:
        specs.extend(_dags(folder, dag_file))  # keeps those before the one that is wrong
    except BaseException as error:  # noqa: BLE001 - sys.exit() in a DAG file, too
        from tradewind.processor.report import describe

        text = describe(error, str(folder), 0)
        return ReadFile(dag_file=dag_file, specs=tuple(specs), error=text.rstrip())
    return ReadFile(dag_file=dag_file, specs=tuple(specs))


def _dags(folder: Path, dag_file: str) -> Iterator[DagSpec]:
    from tradewind.sdk import runtime
    from tradewind.sdk.build import to_spec
    from tradewind.sdk.loading import load_dag_file
    from tradewind.testing.parsing import ParseRuntime
    from tradewind.testing.store import MemoryStore

    runtime.install(ParseRuntime(MemoryStore()))
    for dag in load_dag_file(f"{folder}/{dag_file}", str(folder)).dags.values():
        yield to_spec(dag)


if __name__ == "__main__":
    main()
