"""A file that loops, exits, crashes, kills or eats memory harms only itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.processors import RunningProcessor
from tradewind.clock import SystemClock
from tradewind.store.secrets import ConnectionValue

pytestmark = pytest.mark.acceptance

HEAD = "from tradewind.sdk import DAG  # a DAG file\n"
GOOD = HEAD + "DAG('good')\n"


@pytest.fixture
def processor(sqlite_url: str, tmp_path: Path) -> Iterator[RunningProcessor]:
    with RunningProcessor(
        sqlite_url, tmp_path / "dags", parse_timeout_s=4.0, memory_limit_mb=300
    ) as running:
        yield running


BAD = {
    "syntax": ("def f(:\n", "line 2\n    def f(:"),
    "raises": ("1 / 0\n", "ZeroDivisionError"),
    "exits": ("import os\nos._exit(0)\n", "exit code 0"),
    "sys_exit": ("import sys\nsys.exit(3)\n", "SystemExit: 3"),
    "loops": ("def spin():\n    while True: pass\nspin()\n", "in spin"),
    "sleeps": ("import time\ntime.sleep(1e6)\n", "dag_file_processor_timeout"),
    "segfaults": ("import ctypes\nctypes.string_at(0)\n", "SIGSEGV"),
    "aborts": ("import os\nos.abort()\n", "SIGABRT"),
    "kills_its_parent": (
        "import os, time\nos.kill(os.getppid(), 9)\ntime.sleep(60)\n",
        "SIGKILL",
    ),
    "kills_its_group": ("import os\nos.killpg(0, 9)\n", "SIGKILL"),
    "eats_memory": ("x = bytearray(1 << 30)\n", "300 MB"),
    "eats_files": ("x = [open('/dev/null') for _ in range(100000)]\n", "Too many open files"),
    "forks": ("import os, time\nfor _ in range(5): os.fork()\ntime.sleep(60)\n", "timeout"),
    "ignores_signals": (
        (
            "from signal import *\nfor s in {*Signals} - {9, 19}: signal(s, SIG_IGN)\n"
            "while True: pass\n"
        ),
        "dag_file_processor_timeout",
    ),
    "floods": ("while True: print('x' * 100000)\n", "timeout"),
    "forges": ("import os\nos.write(3, b'\\0\\0\\0\\5abcde')\n", "sent no result"),
    "forges_length": ("import os\nos.write(3, b'\\xff' * 100)\n", "sent no result"),
    "sends_too_much": ("DAG('big', doc_md='x' * (100 << 20))\n", "MB"),
    "circle": (
        (
            "from tradewind.sdk import EmptyOperator\nwith DAG('circle'):\n"
            "    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n    a >> b >> a\n"
        ),
        "circle",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_harms_only_itself(processor: RunningProcessor, name: str) -> None:
    source, expected = BAD[name]
    processor.write("bad.py", HEAD + source)
    processor.write("good.py", GOOD)
    processor.wait_for_dag("good")
    error = processor.wait_for_error("bad.py")
    assert expected in error
    processor.write("after.py", HEAD + "DAG('after')\n")
    processor.wait_for_dag("after")


def test_the_last_good_version_stays(processor: RunningProcessor) -> None:
    processor.write("one.py", HEAD + "DAG('one', description='good')\n")
    before = processor.wait_for_dag("one")
    processor.write("one.py", HEAD + "DAG('one', description='bad')\n1 / 0\n")
    processor.wait_for_error("one.py")
    after = processor.dag("one") or {}
    assert after["active"]
    assert after["version_id"] == before["version_id"]
    processor.write("one.py", HEAD + "DAG('one', description='better')\n")
    processor.wait_for_dag("one", description="better")
    processor.wait_until_fine("one.py")


def test_one_bad_dag_of_two(processor: RunningProcessor) -> None:
    processor.write(
        "both.py",
        HEAD + "from tradewind.sdk import EmptyOperator\nDAG('fine')\nwith DAG('round'):\n"
        "    a, b = EmptyOperator(task_id='a'), EmptyOperator(task_id='b')\n    a >> b >> a\n",
    )
    processor.wait_for_dag("fine")
    assert "round" in processor.wait_for_error("both.py")


def test_what_an_import_leaves_running_is_killed(
    processor: RunningProcessor, tmp_path: Path
) -> None:
    note = tmp_path / "pid"
    processor.write(
        "leaves.py",
        HEAD + "import subprocess\n"
        "p = subprocess.Popen(['sleep', '1000'], start_new_session=True)\n"
        f"open({str(note)!r}, 'w').write(str(p.pid))\nDAG('leaves')\n",
    )
    processor.wait_for_dag("leaves")
    with pytest.raises(ProcessLookupError):
        os.kill(int(note.read_text()), 0)


def test_children_have_no_credentials(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADEWIND__DATABASE__SQL_ALCHEMY_CONN", sqlite_url)
    monkeypatch.setenv("TRADEWIND_CONN_DB", "postgres://u:canary@h/d")
    with RunningProcessor(sqlite_url, tmp_path / "dags") as processor:
        processor.write(
            "one.py",
            HEAD + "import os, sys\n"
            "found = [k for k in os.environ if 'SQL_ALCHEMY' in k or 'TRADEWIND_CONN' in k]\n"
            "found += [m for m in sys.modules if m.startswith(('sqlalchemy', 'tradewind.store'))]\n"
            "found += [os.readlink(f'/proc/self/fd/{n}') for n in os.listdir('/proc/self/fd')"
            " if int(n) > 3 and os.path.exists(f'/proc/self/fd/{n}')]\n"
            "DAG('one', description=repr(found))\n",
        )
        assert processor.wait_for_dag("one")["description"] == "[]"


def test_a_secret_is_not_shown(processor: RunningProcessor) -> None:
    processor.secrets.set_connection(
        ConnectionValue(conn_id="db", conn_type="x", password="canary-word")
    )
    processor.write(
        "one.py",
        HEAD + "from tradewind.sdk import Connection\n"
        "raise ValueError('no way in with ' + Connection.get('db').password)\n",
    )
    error = processor.wait_for_error("one.py")
    assert "no way in with ***" in error
    assert "canary-word" not in error


def test_a_fork_server_that_is_killed_is_replaced(processor: RunningProcessor) -> None:
    processor.write("one.py", HEAD + "DAG('one')\n")
    processor.wait_for_dag("one")
    pattern = "tradewind.processor.fork_server"
    servers = {
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
        if pattern in Path(f"/proc/{pid}/cmdline").read_text()
    }
    assert servers
    for pid in servers:
        os.kill(pid, signal.SIGKILL)
    processor.write("two.py", HEAD + "DAG('two')\n")
    processor.wait_for_dag("two")


def test_a_processor_that_is_killed_leaves_nothing_behind(sqlite_url: str, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    dags = tmp_path / "dags"
    dags.mkdir()
    (dags / "stuck.py").write_text(
        HEAD + f"import os, time\nopen({str(note)!r} + '.new', 'w').write(str(os.getpid()))\n"
        f"os.rename({str(note)!r} + '.new', {str(note)!r})\ntime.sleep(1000)\n"
    )
    env = {
        **os.environ,
        "TRADEWIND_HOME": str(tmp_path),
        "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": sqlite_url,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tradewind.processor"], env=env, stderr=subprocess.DEVNULL
    )
    clock = SystemClock()
    deadline = clock.monotonic() + 20
    while not note.exists():
        assert clock.monotonic() < deadline
        assert process.poll() is None
    child = os.pidfd_open(int(note.read_text()))
    process.kill()
    process.wait()
    assert select.select([child], [], [], 10)[0], "the child outlived the processor"
    os.close(child)
