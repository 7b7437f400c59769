"""`tradewind migrate check`: whether a file will run, without running it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from tradewind.cli.main import cli
from tradewind.compat.airflow.check import Report, Verdict, check_folder, check_source

RUNS, CHANGE, UNSUPPORTED = Verdict.RUNS, Verdict.CHANGE, Verdict.UNSUPPORTED


def checked(source: str, folder: Path = Path("/nowhere")) -> Report:
    return check_source(source.encode(), "my_dag.py", folder)


@pytest.mark.parametrize(
    ("source", "verdict", "what", "fix"),
    [
        ("from airflow import DAG, __version__", RUNS, "", ""),
        ("from airflow.sdk import *", RUNS, "", ""),
        ("from airflow.operators.bash_operator import BashOperator", RUNS, "gone", "now:"),
        ("from airflow.operators.subdag import SubDagOperator", UNSUPPORTED, "SubDag", "TaskGroup"),
        ("from airflow.utils.session import provide_session", UNSUPPORTED, "provide_", "db clean"),
        ("from airflow import settings\nsettings.Session()", UNSUPPORTED, "Session", "database"),
        ("from airflow.models import DagModel", UNSUPPORTED, "DagModel", "no database"),
        ("import airflow.www.app", UNSUPPORTED, "airflow.www.app", "compatibility"),
        (
            "from airflow.operators.bash import BashOperater",
            UNSUPPORTED,
            "Operater",
            "did you mean",
        ),
        ("from airflow.models import PythonOperator", UNSUPPORTED, "there is no", "it is in"),
        ("from airflow.providers.nobody.hooks import X", CHANGE, "there is no", "pip install"),
        ("import surely_not_there", CHANGE, "'surely_not_there' is not installed", "install"),
        ("print 'hello'", CHANGE, "no Python 3", "write it for Python 3"),
        ("import json, os.path", RUNS, "", ""),
        ("from . import mine", RUNS, "", ""),
        (
            "from airflow import DAG\nDAG('a', schedule_interval=None)",
            RUNS,
            "schedule_interval",
            "now: schedule",
        ),
        ("from airflow import DAG\nDAG('a', schedul=None)", CHANGE, "no argument 'schedul'", ""),
        (
            "from airflow.operators.bash import BashOperator as B\nB(task_id='a', bash_comand='x')",
            CHANGE,
            "B() has no argument 'bash_comand'",
            "",
        ),
        (
            "from airflow.operators.bash import BashOperator\nBashOperator(**given, what=1)",
            RUNS,
            "",
            "",
        ),
    ],
)
def test_findings(source: str, verdict: Verdict, what: str, fix: str) -> None:
    report = checked(source)
    assert report.verdict is verdict
    assert len(report.findings) == (1 if what else 0)
    for finding in report.findings:
        assert what in finding.what
        assert fix in finding.fix
        assert finding.line in {1, 2}


def test_guards_of_the_authors_own_are_let_be() -> None:
    guarded = (
        "try:\n    from airflow.operators.subdag import SubDagOperator\n"
        "except (ImportError, ValueError):\n    SubDagOperator = None\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from airflow.models import DagModel\n"
    )
    assert checked(guarded).verdict is RUNS
    not_guarded = guarded.replace("(ImportError, ValueError)", "KeyError")
    assert checked(not_guarded).verdict is UNSUPPORTED


def test_which_airflow_a_file_is_for() -> None:
    old = "from airflow import DAG\nDAG('a', schedule_interval='@daily')"
    report = checked(old)
    assert report.airflow == 2
    assert any("catchup is left out" in finding.what for finding in report.findings)
    for quiet in (
        "# tradewind: airflow=2\n" + old,
        old.replace("@daily", ""),
        old[:-1] + ", catchup=1)",
    ):
        assert not any("catchup" in finding.what for finding in checked(quiet).findings)


def test_a_folder_is_checked_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "mine.py").write_text("x = 1")
    (tmp_path / "sub" / "beside.py").write_text("x = 1")
    (tmp_path / "good.py").write_text("import mine\nfrom airflow import DAG")
    (tmp_path / "sub" / "bad.py").write_text("import beside, mine\nfrom airflow.models import Log")
    reports = list(check_folder(tmp_path))
    assert [(r.file, r.verdict) for r in reports] == [
        ("good.py", RUNS),
        ("sub/bad.py", UNSUPPORTED),
    ]
    assert [r.file for r in check_folder(tmp_path / "mine.py")] == ["mine.py"]


def test_an_installed_provider_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = tmp_path / "airflow" / "providers" / "acme" / "hooks"
    hooks.mkdir(parents=True)
    (hooks / "acme.py").write_text("raise RuntimeError('it is not to be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert checked("from airflow.providers.acme.hooks.acme import Hook").verdict is RUNS
    assert checked("from airflow.providers.acme.nothing import Hook").verdict is CHANGE


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "good.py").write_text("from airflow.operators.dummy import DummyOperator")
    (tmp_path / "bad.py").write_text("\nfrom airflow.models import Log")
    run = CliRunner().invoke
    shown = run(cli, ["migrate", "check", str(tmp_path)])
    assert shown.exit_code == 0
    assert "bad.py" in shown.stdout
    assert "good.py" not in shown.stdout
    assert "files: 2 (runs: 1, needs a change: 0, not supported: 1)" in shown.stderr
    assert "good.py" in run(cli, ["migrate", "check", str(tmp_path), "--notes"]).stdout
    told = json.loads(run(cli, ["migrate", "check", str(tmp_path), "-o", "json"]).stdout)
    assert told[0]["file"] == "bad.py"
    assert told[0]["verdict"] == "not supported"
    assert told[0]["findings"][0]["line"] == 2
    assert told[1]["airflow"] == 2
