from __future__ import annotations

import json

import msgspec
import pytest

from tests.unit.actions.catalog import NOW, Leader, dag, drain, published
from tests.unit.cli.conftest import Cli
from tradewind.clock import SystemClock
from tradewind.model.event import RunChange
from tradewind.model.run import TaskInstance
from tradewind.model.schedule import CronTrigger
from tradewind.model.spec import TaskSpec
from tradewind.model.state import RunState, TaskState, TriggerRule
from tradewind.store import components, inbox
from tradewind.store.catalog import PublishedFile, publish
from tradewind.store.connect import Database
from tradewind.store.read import runs
from tradewind.store.turn import RenderedWrite
from tradewind.wire import logs

DAILY = CronTrigger(expressions=("0 0 * * *",))


@pytest.fixture(autouse=True)
def catalog(lite: Database) -> None:
    published(lite, dag(schedule=DAILY, tags=("x", "y"), description="loads"), dag("idle"))


def ended_run(cli: Cli, lite: Database) -> None:
    cli("dags", "trigger", "etl", "-r", "mine")
    run_pk = runs.runs(lite, "etl")[0].run_pk
    leader = Leader(lite)
    leader.answer()
    states = {"a": TaskState.SUCCESS, "b": TaskState.FAILED}
    leader.commit(
        created=[
            TaskInstance(run_pk=run_pk, task_id=t, state=s, try_number=1, fence=1, started_at=NOW)
            for t, s in states.items()
        ]
    )


# ---- dags -------------------------------------------------------------------------------


def test_dags_are_listed(cli: Cli) -> None:
    rows = cli.json("dags", "list")
    assert [row["dag_id"] for row in rows] == ["etl", "idle"]
    assert rows[0]["tags"] == ["x", "y"]
    assert [row["dag_id"] for row in cli.json("dags", "list", "DL")] == ["idle"]
    assert "etl" in cli("dags", "list")


def test_an_unknown_dag_names_the_nearest(cli: Cli) -> None:
    for args in (["details"], ["trigger"], ["pause"], ["list-runs"], ["next-execution"], ["show"]):
        cli("dags", *args, "elt", code=3)
        assert "did you mean etl?" in cli.err, args


def test_import_errors_fail_the_check(cli: Cli, lite: Database) -> None:
    cli("dags", "list-import-errors")
    broken = PublishedFile(dag_file="b.py", source_hash="s", import_error="Boom!", parsed_at=NOW)
    publish(lite, [broken], NOW)
    assert "Boom!" in cli("dags", "list-import-errors", code=1)
    assert {row["file"] for row in cli.json("dags", "report")} == {"b.py", "dags.py"}


def test_a_run_is_triggered_and_listed(cli: Cli, lite: Database) -> None:
    [one] = cli.json("dags", "trigger", "etl", "-c", '{"x": 1}', "-r", "mine")
    assert (one["run_id"], one["state"], one["run_type"]) == ("mine", "queued", "manual")
    assert runs.runs(lite, "etl")[0].conf == {"x": 1}
    [dated] = cli.json("dags", "trigger", "etl", "-l", "2026-03-01")
    assert dated["logical_date"] == "2026-03-01T00:00:00+00:00"
    listed = cli.json("dags", "list-runs", "etl")
    assert {row["run_id"] for row in listed} == {"mine", dated["run_id"]}
    assert cli.json("dags", "list-runs", "etl", "--state", "failed") == []
    assert cli("dags", "state", "etl", "mine") == "queued\n"
    assert cli("dags", "state", "etl", "2026-03-01") == "queued\n"
    cli("dags", "state", "etl", "min", code=3)
    assert "did you mean mine?" in cli.err


def test_dates_without_a_zone_are_in_the_default_one(cli: Cli) -> None:
    cli.env["TRADEWIND__CORE__DEFAULT_TIMEZONE"] = "Europe/Paris"
    [row] = cli.json("dags", "trigger", "etl", "-l", "2026-03-01T06:00")
    assert row["logical_date"] == "2026-03-01T05:00:00+00:00"


@pytest.mark.parametrize(
    ("args", "code"),
    [
        (["-c", "{"], 1),
        (["-c", "[]"], 1),
        (["-l", "yesterday"], 2),
        (["-r", "a/b"], 1),
    ],
)
def test_triggers_that_are_not_right(cli: Cli, args: list[str], code: int) -> None:
    cli("dags", "trigger", "etl", *args, code=code)


def test_dags_are_paused(cli: Cli) -> None:
    assert cli.json("dags", "pause", "etl") == [{"dag_id": "etl", "is_paused": True}]
    assert [d["dag_id"] for d in cli.json("dags", "list", "--paused")] == ["etl"]
    cli("dags", "trigger", "etl")
    assert "unpause" in cli.err
    cli("dags", "pause", "--treat-dag-id-as-regex", ".*", "--yes")
    assert len(cli.json("dags", "list", "--paused")) == 2
    cli("dags", "unpause", "etl", "idle")
    assert cli.json("dags", "list", "--paused") == []
    cli("dags", "pause", "--treat-dag-id-as-regex", "e", "--yes", code=1)
    cli("dags", "pause", "--treat-dag-id-as-regex", "(", "--yes", code=1)


def test_next_executions(cli: Cli) -> None:
    times = cli.json("dags", "next-execution", "etl", "-n", "3")
    assert len(times) == 3
    assert cli.json("dags", "next-execution", "idle") == []


def test_details(cli: Cli) -> None:
    about = cli.json("dags", "details", "etl")
    assert (about["tasks"], about["description"], about["version"]) == (2, "loads", 1)
    assert "loads" in cli("dags", "details", "etl")


def test_a_dag_is_drawn(cli: Cli, lite: Database) -> None:
    tasks = (
        TaskSpec(task_id="a"),
        TaskSpec(task_id="b", upstream=(0,)),
        TaskSpec(task_id="c", upstream=(0,)),
        TaskSpec(task_id="d", upstream=(1, 2), trigger_rule=TriggerRule.ALL_DONE),
    )
    published(lite, dag("diamond", tasks=tasks), file="diamond.py")
    assert cli("dags", "show", "diamond").splitlines() == [
        "a  <BaseOperator>",
        "├── b  <BaseOperator>",
        "│   └── d  <BaseOperator> (all_done)",
        "└── c  <BaseOperator>",
        "    └── d  <BaseOperator> (all_done) …",
    ]
    assert "t1 --> t3" in cli("dags", "show", "diamond", "--mermaid")
    assert "t1 -> t3;" in cli("dags", "show", "diamond", "--dot")


def test_a_backfill_is_planned_and_done(cli: Cli, lite: Database) -> None:
    span = ["-s", "2026-01-01", "-e", "2026-01-03"]
    rows = cli.json("dags", "backfill", "etl", *span, "--dry-run")
    assert [row["action"] for row in rows] == ["create"] * 3
    assert runs.runs(lite, "etl") == []
    cli("dags", "backfill", "etl", *span)
    assert len(runs.runs(lite, "etl")) == 3
    cli("dags", "backfill", "etl", *span, code=1)
    assert cli.json("dags", "list-runs", "etl", "--no-backfill") == []
    cli("dags", "backfill", "idle", *span, code=1)


# ---- tasks ------------------------------------------------------------------------------


def test_tasks_are_listed(cli: Cli) -> None:
    rows = cli.json("tasks", "list", "etl")
    assert [(r["task_id"], r["upstream"]) for r in rows] == [("a", []), ("b", ["a"])]


def test_states_of_a_run(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    rows = cli.json("tasks", "states-for-dag-run", "etl", "mine")
    assert [(r["task_id"], r["state"]) for r in rows] == [("a", "success"), ("b", "failed")]
    assert cli("tasks", "state", "etl", "b", "mine") == "failed\n"
    cli("tasks", "state", "etl", "bb", "mine", code=3)
    assert "did you mean b?" in cli.err
    cli("tasks", "state", "etl", "a", "mine", "--map-index", "2", code=3)


def test_why_a_task_does_not_run(cli: Cli, lite: Database) -> None:
    swims = TaskSpec(task_id="swims", pool="nope")
    published(lite, dag("etl", tasks=(swims, TaskSpec(task_id="b", upstream=(0,)))))
    cli("dags", "trigger", "etl", "-r", "mine")
    found = cli.json("tasks", "why", "etl", "mine", "swims")
    assert [reason["code"] for reason in found] == ["no_scheduler", "run_queued"]
    leader = Leader(lite)
    leader.answer()
    components.register(lite, "scheduler", SystemClock().now())
    run = runs.runs(lite, "etl")[0]
    running = msgspec.structs.replace(run, state=RunState.RUNNING, started_at=NOW)
    leader.commit(
        run_changes=[RunChange(run, running)],
        created=[
            TaskInstance(run_pk=run.run_pk, task_id="swims", state=TaskState.SCHEDULED),
            TaskInstance(run_pk=run.run_pk, task_id="b"),
        ],
    )
    [reason] = cli.json("tasks", "why", "etl", "mine", "swims")
    told = "pool 'nope' does not exist; create it (tradewind pools set nope SLOTS DESCRIPTION)"
    assert reason["reason"].startswith(told)
    assert {**reason, "reason": ""} == {"code": "unknown_pool", "reason": "", "until": None}
    assert cli("tasks", "state", "etl", "swims", "mine") == "scheduled\n"
    assert cli.err.startswith(told)
    rows = cli.json("tasks", "states-for-dag-run", "etl", "mine")
    assert {r["task_id"]: r["reason"] for r in rows} == {"swims": reason["reason"], "b": None}
    assert "upstream" in cli("tasks", "why", "etl", "mine", "b")
    cli("tasks", "why", "etl", "mine", "swms", code=3)
    assert "did you mean swims?" in cli.err


def test_the_doctor_names_pools_that_do_not_exist(cli: Cli, lite: Database) -> None:
    published(lite, dag("idle", tasks=(TaskSpec(task_id="swims", pool="nope"),)))
    text = cli("doctor", code=1)
    assert "pool 'nope' does not exist, and idle.swims waits for it" in text
    assert "tradewind pools set nope SLOTS DESCRIPTION" in text
    cli("pools", "set", "nope", "1", "made now")
    assert "none is missing" in cli("doctor")


def test_nothing_holds_back_what_has_ended(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    assert cli.json("tasks", "why", "etl", "mine", "a") == []
    cli("tasks", "why", "etl", "mine", "a")
    assert cli.err == "nothing holds task 'a' back: it is success\n"


def test_a_clear_shows_what_it_does(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    rows = cli.json("tasks", "clear", "etl", "-f", "--dry-run")
    assert rows == [{"run_id": "mine", "task_id": "b", "map_index": -1}]
    assert inbox.pending(lite, 10) == []
    cli("tasks", "clear", "etl", "-t", "^a$", "-d", code=1)
    assert "--yes" in cli.err
    cli("tasks", "clear", "etl", "-t", "^zz", code=3)
    cli("tasks", "clear", "etl", "-t", "(", code=1)
    cli("tasks", "clear", "etl", "-r", "mine", "-t", "^a$", "-d", "--yes")
    [event] = drain(lite)
    assert event.payload["keys"] == [["a", -1], ["b", -1]]


def test_a_mark_shows_what_it_does(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    rows = cli.json("tasks", "mark", "etl", "mine", "failed", "-t", "^a$", "--dry-run")
    assert rows == [
        {"run_id": "mine", "task_id": "a", "map_index": -1, "action": "mark failed"},
        {"run_id": "mine", "task_id": "b", "map_index": -1, "action": "run again"},
    ]
    assert cli.json("tasks", "mark", "etl", "mine", "success", "-t", "^a$") == []
    assert inbox.pending(lite, 10) == []
    cli("tasks", "mark", "etl", "mine", "success", "-t", "^b$", code=1)
    assert "--yes" in cli.err
    cli("tasks", "mark", "etl", "mine", "success", "-t", "^b$", "--yes")
    cli("dags", "mark", "etl", "mine", "failed", code=1)
    cli("dags", "mark", "etl", "mine", "success", "--dry-run")
    cli("dags", "mark", "etl", "mine", "success", "--yes")
    assert [(e.kind, e.payload["state"]) for e in drain(lite)] == [
        ("marked", "success"),
        ("run_marked", "success"),
    ]


def test_dags_and_tasks_are_tried_without_a_server(cli: Cli) -> None:
    folder = cli.home / "dags"
    folder.mkdir()
    (folder / "dags.py").write_text(
        "import os\n"
        "from tradewind.sdk import DAG, task\n"
        "with DAG('etl'):\n"
        "    @task\n"
        "    def a(): print('a sees', os.environ.get('TRADEWIND__DATABASE__SQL_ALCHEMY_CONN'))\n"
        "    @task\n"
        "    def b(): raise ValueError('told to fail')\n"
        "    a() >> b()\n",
        encoding="utf-8",
    )
    cli.env["TRADEWIND__DATABASE__SQL_ALCHEMY_CONN"] = f"sqlite:///{cli.home}/tradewind.db"
    cli("tasks", "test", "etl", "a")
    cli("dags", "test", "etl", "2026-03-01", code=1)
    cli("dags", "test", "idle", code=3)
    assert cli.json("dags", "list-runs", "etl") == []
    cli("dags", "test", "etl", "-f", str(folder / "gone.py"), code=2)


def test_rendered_fields_are_shown(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    cli("tasks", "render", "etl", "a", "mine", code=3)
    run_pk = runs.runs(lite, "etl")[0].run_pk
    ti = TaskInstance(run_pk=run_pk, task_id="a").key
    written = RenderedWrite(ti=ti, attempt_id="x", fields=b'{"bash_command": "echo 1"}')  # type: ignore[arg-type]
    Leader(lite).commit(rendered=[written])
    assert "echo 1" in cli("tasks", "render", "etl", "a", "mine")


def test_logs_are_printed_attempt_by_attempt(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    cli("tasks", "logs", "etl", "mine", "a", code=3)
    root = cli.home / "logs"
    folder = logs.instance_folder(root, "etl", "mine", "a", -1)
    for number in (1, 2):
        path = logs.segment_path(folder, number, number)
        path.parent.mkdir(parents=True)
        lines = [
            {"ts": "2026-03-10T12:00:00.000Z", "level": "info", "event": f"hello {number}"},
            {"ts": "2026-03-10T12:00:00.000Z", "level": "error", "event": "ouch"},
        ]
        path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    text = cli("tasks", "logs", "etl", "mine", "a")
    assert text.splitlines() == [
        "── try 1, attempt 1",
        "12:00:00.000 hello 1",
        "12:00:00.000 ERROR ouch",
        "── try 2, attempt 2",
        "12:00:00.000 hello 2",
        "12:00:00.000 ERROR ouch",
    ]
    last = cli("tasks", "logs", "etl", "mine", "a", "--tail", "1")
    assert "hello" not in last
    assert last.count("ouch") == 2
    only = cli("tasks", "logs", "etl", "mine", "a", "--try", "2", "--follow")
    assert "hello 1" not in only
    assert "hello 2" in only


def test_a_log_that_is_elsewhere_is_fetched(cli: Cli, lite: Database) -> None:
    ended_run(cli, lite)
    root, storage = cli.home / "logs", cli.home / "storage"
    path = logs.segment_path(logs.instance_folder(root, "etl", "mine", "a"), 1, 1)
    there = storage / path.relative_to(root)
    there.parent.mkdir(parents=True)
    there.write_text('{"ts": "2026-03-10T12:00:00.000Z", "level": "info", "event": "from afar"}\n')
    cli.env["TRADEWIND__LOGGING__REMOTE_LOGGING"] = "true"
    assert "remote_base_log_folder is empty" in cli("doctor", code=1)
    cli.env["TRADEWIND__LOGGING__REMOTE_BASE_LOG_FOLDER"] = f"file://{storage}"
    assert f"file://{storage} answers" in cli("doctor")
    assert "from afar" in cli("tasks", "logs", "etl", "mine", "a")
