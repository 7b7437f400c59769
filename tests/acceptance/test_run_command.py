"""`tradewind run FILE`: real processes, no server, no database."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.acceptance

FILE = """
from datetime import timedelta
import os, signal
from tradewind.sdk import DAG, BaseOperator, BashOperator, TriggerDagRunOperator
from tradewind.sdk import Param, Variable, task

from tradewind.sdk.triggers.temporal import TimeDeltaTrigger

TOP = Variable.get("top", default="none")

class Waits(BaseOperator):
    def execute(self, context):
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0.1)), method_name="go_on")
    def go_on(self, context, event):
        print("went on")

def failed(context):
    print("callback of it")

with DAG("main", params={"n": Param(2, type="integer")}, on_failure_callback=failed) as main:
    @task
    def numbers(n):
        print("top is", TOP)
        return list(range(n))

    @task
    def double(x):
        return [2 * x, os.getpid()]

    @task(trigger_rule="all_done")
    def total(xs, ti):
        xs = list(xs)
        print("total", sum(x for x, _ in xs), "processes", len({p for _, p in xs}))
        if Variable.get("fail", default=""):
            raise ValueError("told to fail")

    @task(retries=1, retry_delay=0.1)
    def killed(ti):
        if ti.try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)

    waits = Waits(task_id="waits")
    triggers = TriggerDagRunOperator(
        task_id="triggers", trigger_dag_id="other", wait_for_completion=True, poke_interval=0.1
    )
    [killed(), waits, triggers] >> total(double.expand(x=numbers(main.param("n"))))

with DAG("other"):
    BashOperator(task_id="sh", bash_command="echo from the shell")

with DAG("slow"):
    class Slow(BaseOperator):
        def execute(self, context):
            print("it starts")
            signal.pause()
        def on_kill(self):
            print("it is killed")
    Slow(task_id="slow")
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "flow.py"
    path.write_text(FILE)
    return path


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "tradewind.cli", "run", *args]


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*args), capture_output=True, text=True, check=False, timeout=50)


def test_a_run_that_succeeds(file: Path) -> None:
    done = run(str(file), "--dag", "main", "--conf", '{"n": 5}')
    assert done.returncode == 0, done.stdout + done.stderr
    assert "top is none" in done.stdout
    assert "total 20 processes 5" in done.stdout
    assert re.search(r"killed: up_for_retry: its process was killed by SIGKILL", done.stdout)
    assert "waits: deferred" in done.stdout
    assert "from the shell" in done.stdout
    last = done.stdout.strip().splitlines()[-1]
    assert re.fullmatch(r"main: success in \d+\.\d s \(10 success\)", last)


def test_a_run_that_fails_says_so_in_its_exit_code(file: Path, tmp_path: Path) -> None:
    variables = tmp_path / "v.env"
    variables.write_text("fail=yes\ntop=from a file\n")
    done = run(
        str(file),
        "--dag",
        "main",
        "--variables",
        str(variables),
        "--mark-success",
        "waits|triggers",
    )
    assert done.returncode == 1
    assert "top is from a file" in done.stdout
    assert "callback of it" in done.stdout
    assert done.stdout.strip().endswith("total: ValueError: told to fail")


def test_only_some_tasks(file: Path) -> None:
    done = run(str(file), "--dag", "main", "--task", "numbers")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip().splitlines()[-1].endswith("(1 success)")


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        ((), 1, "several DAGs; choose one with --dag: main, other, slow"),
        (("--dag", "mein"), 3, "has no DAG 'mein'; it has: main, other, slow"),
        (("--dag", "main", "--conf", "{"), 1, "--conf is not JSON"),
        (("--dag", "main", "--conf", '{"n": "x"}'), 1, "param 'n'"),
        (("--dag", "main", "--conf", "[1]"), 1, "must be a JSON object"),
        (("--dag", "main", "--task", "numbres"), 3, "no task 'numbres'; did you mean 'numbers'?"),
    ],
)
def test_what_is_wrong_is_named(file: Path, args: tuple[str, ...], code: int, message: str) -> None:
    done = run(str(file), *args)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr


def test_a_file_that_does_not_import_shows_the_authors_line(tmp_path: Path) -> None:
    path = tmp_path / "broken.py"
    path.write_text("from tradewind.sdk import DAG\nDAG('d', schedul=None)\n")
    done = run(str(path))
    assert done.returncode == 1
    assert "unknown argument 'schedul'; did you mean 'schedule'?" in done.stderr
    assert "line 2" in done.stderr


def test_ctrl_c_stops_the_tasks_and_leaves_nothing(file: Path) -> None:
    process = subprocess.Popen(
        command(str(file), "--dag", "slow"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "it starts" in line:
            break
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "it is killed" in out
    assert err.strip() == "interrupted; the tasks that ran were stopped"


def test_a_terminal_gets_a_live_table(file: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(str(file), "--dag", "other"),
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"},
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 30)[0]:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:
            break
        if not data:
            break
        shown += data
    os.close(ours)
    assert process.wait(30) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert re.search(r"task +state +try +seconds +says", text)
    assert re.search(r"sh +success +1 +\d+\.\d +INFO the command ended with exit code 0", text)
    assert "sh │ INFO from the shell" in text
    assert re.search(r"other: success in \d+\.\d s \(1 success\)", text)


def test_a_secrets_backend_is_asked_where_user_code_runs(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "company_vault.py").write_text(
        "from airflow.secrets import BaseSecretsBackend\n"
        "class Vault(BaseSecretsBackend):\n"
        "    def __init__(self, prefix):\n"
        "        self.prefix = prefix\n"
        "    def get_variable(self, key, team_name=None):\n"
        "        return f'{self.prefix} {key}' if key != 'none' else None\n"
    )
    path = tmp_path / "flow.py"
    path.write_text(
        "from tradewind.sdk import DAG, Variable, task\n"
        "TOP = Variable.get('top')\n"
        "with DAG('vault'):\n"
        "    @task\n"
        "    def tells():\n"
        "        print('told', TOP, '/', Variable.get('inner'), '/', Variable.get('none', 'x'))\n"
        "    tells()\n"
    )
    env = {
        **os.environ,
        "TRADEWIND_HOME": str(tmp_path),
        "AIRFLOW__SECRETS__BACKEND": "company_vault.Vault",
        "AIRFLOW__SECRETS__BACKEND_KWARGS": '{"prefix": "of the vault"}',
    }
    test = [sys.executable, "-m", "tradewind.cli", "dags", "test", "vault", "--file", str(path)]
    done = subprocess.run(test, env=env, capture_output=True, text=True, check=False, timeout=50)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "told of the vault top / of the vault inner / x" in done.stdout
