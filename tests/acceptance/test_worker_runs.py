"""A launch becomes a process, a log and an outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.worker_world import NOW, World, callback_of, launch_of, world
from tradewind.model.outcome import Failed, Succeeded, Vanished
from tradewind.wire import snapshot
from tradewind.wire.messages import Finish, GetConnection, GetVariable, Launch, Reply, Request

pytestmark = pytest.mark.acceptance


@pytest.fixture
def there(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, import_timeout_s=6.0) as found:
        yield found


def vanished(finish: Finish) -> Vanished:
    assert isinstance(finish.outcome, Vanished), finish
    return finish.outcome


def failed(finish: Finish) -> Failed:
    assert isinstance(finish.outcome, Failed), finish
    return finish.outcome


def witness(there: World) -> list[str]:
    path = there.worker.dags / "witness"
    return path.read_text(encoding="utf-8").split() if path.exists() else []


SEEN = """
import os
def seen(text):
    with open(os.path.join(folder, 'witness'), 'a') as file:
        file.write(f'{text}\\n')
"""


def test_a_launch_is_claimed_run_logged_and_finished(there: World) -> None:
    there.worker.write("def t(a): print('hello from', a.task_id)\nTASKS = {'t': t}")
    launch = launch_of()
    finish = there.scheduler.run(launch)
    assert finish.outcome == Succeeded()
    assert [c.attempt_id for c in there.scheduler.claims] == [launch.attempt_id]
    assert finish.nonce == there.scheduler.claims[0].nonce
    assert "hello from t" in there.worker.events(launch)
    assert there.worker.events(launch)[-1] == "attempt ended: succeeded"


def test_no_user_code_before_the_claim_is_accepted(there: World) -> None:
    there.worker.write(SEEN + "TASKS = {'t': lambda a: seen('ran')}")
    there.scheduler.claim_reply = lambda claim: None
    launch = launch_of()
    there.scheduler.submit(launch)
    there.scheduler.until(lambda: there.scheduler.claims)
    for _ in range(20):
        there.scheduler.pump(0.01)
    assert witness(there) == []
    there.scheduler.send(Reply(seq=there.scheduler.claims[0].seq))
    there.scheduler.finish_of(launch)
    assert witness(there) == ["ran"]


def test_a_refused_claim_runs_nothing_and_says_nothing(there: World) -> None:
    there.worker.write(SEEN + "TASKS = {'t': lambda a: seen(a.attempt_id)}")
    refused, accepted = launch_of(), launch_of(fence=2)
    there.scheduler.claim_reply = lambda claim: Reply(
        seq=claim.seq, error="fenced" if claim.attempt_id == refused.attempt_id else None
    )
    there.scheduler.submit(refused)
    there.scheduler.run(accepted)
    assert witness(there) == [accepted.attempt_id]
    assert refused.attempt_id not in there.scheduler.finishes
    assert there.worker.log(refused) == []


def test_a_repeated_launch_is_the_same(there: World) -> None:
    there.worker.write(SEEN + "TASKS = {'t': lambda a: seen('ran')}")
    launch = launch_of()
    there.scheduler.submit(launch, launch, launch)
    there.scheduler.finish_of(launch)
    there.scheduler.run(launch_of("t", fence=2))
    assert len(there.scheduler.claims) == 2
    assert witness(there) == ["ran", "ran"]


def test_a_file_is_imported_once_and_each_attempt_has_a_process(there: World) -> None:
    text = SEEN + "seen('import')\nTASKS = {'t': lambda a: seen(os.getpid())}"
    there.worker.write(text)
    launches = [launch_of(fence=n) for n in range(8)]
    there.scheduler.submit(*launches)
    for launch in launches:
        there.scheduler.finish_of(launch)
    assert witness(there).count("import") == 1
    assert len(set(witness(there))) == 9


def test_a_new_source_is_imported_anew(there: World) -> None:
    there.worker.write("TASKS = {'t': lambda a: print('old')}")
    old, new = launch_of(fence=1), launch_of(fence=2, source="s2")
    there.scheduler.run(old)
    there.worker.write("TASKS = {'t': lambda a: print('new')}")
    there.scheduler.run(new)
    assert "old" in there.worker.events(old)
    assert "new" in there.worker.events(new)


def test_everything_that_is_written_is_in_the_log_in_order(there: World) -> None:
    there.worker.write(
        "import logging, os, subprocess, sys\n"
        "def t(a):\n"
        "    print('printed')\n"
        "    subprocess.run(['echo', 'by a subprocess'], check=True)\n"
        "    os.write(1, b'by a descriptor\\n')\n"
        "    logging.getLogger('my.hook').warning('logged %d', 5)\n"
        "    try: 1 / 0\n"
        "    except ZeroDivisionError: logging.getLogger('x').exception('oh')\n"
        "    print('no newline', end='')\n"
        "    print('to stderr', file=sys.stderr)\n"
        "TASKS = {'t': t}"
    )
    launch = launch_of()
    there.scheduler.run(launch)
    lines = [
        line for line in there.worker.log(launch) if line.source not in {"tradewind", "stderr"}
    ]
    assert [(line.source, line.level, line.event) for line in lines] == [
        ("stdout", "info", "printed"),
        ("stdout", "info", "by a subprocess"),
        ("stdout", "info", "by a descriptor"),
        ("my.hook", "warning", "logged 5"),
        ("x", "error", "oh"),
        ("stdout", "info", "no newline"),
    ]
    assert "ZeroDivisionError" in (lines[4].exc or "")
    assert ("stderr", "to stderr") in {(i.source, i.event) for i in there.worker.log(launch)}


def test_lines_are_readable_while_the_task_runs(there: World) -> None:
    there.worker.write(
        "import os, time\n"
        "def t(a):\n"
        "    print('halfway')\n"
        "    while not os.path.exists(os.path.join(folder, 'go')): time.sleep(0.01)\n"
        "TASKS = {'t': t}"
    )
    launch = launch_of()
    there.scheduler.submit(launch)
    there.scheduler.until(lambda: "halfway" in there.worker.events(launch), 5.0)
    assert launch.attempt_id not in there.scheduler.finishes
    (there.worker.dags / "go").touch()
    there.scheduler.finish_of(launch)


def test_the_attempt_is_named_in_the_environment(there: World) -> None:
    there.worker.write(
        "import json, os\n"
        "def t(a): print(json.dumps({k: v for k, v in os.environ.items()\n"
        "    if k in ('TRADEWIND_ATTEMPT_ID', 'TRADEWIND_FENCE')}))\n"
        "TASKS = {'t': t}"
    )
    launch = launch_of(fence=9)
    there.scheduler.run(launch)
    printed = next(e for e in there.worker.events(launch) if e.startswith("{"))
    assert json.loads(printed) == {
        "TRADEWIND_ATTEMPT_ID": launch.attempt_id,
        "TRADEWIND_FENCE": "9",
    }


def test_calls_are_answered_and_their_secrets_masked(there: World) -> None:
    def reply(request: Request) -> Reply:
        match request.call:
            case GetVariable(key="token"):
                return Reply(seq=request.seq, body={"value": "t0p/secret"})
            case GetConnection():
                return Reply(seq=request.seq, body={"password": "pa ss", "extra": "{}"})
        return Reply(seq=request.seq, error="not_found", message="no such thing")

    there.scheduler.request_reply = reply
    there.worker.write(
        "import sys\n"
        "from urllib.parse import quote\n"
        "from tradewind.errors import NotFound\n"
        "from tradewind.sdk import runtime\n"
        "from tradewind.wire.messages import GetConnection, GetVariable\n"
        "def t(a):\n"
        "    call = runtime.current().call\n"
        "    token, c = call(GetVariable('token'))['value'], call(GetConnection('c'))\n"
        "    sys.stdout.write('got ' + token[:4]); sys.stdout.flush()\n"
        "    print(token[4:], c['password'])\n"
        "    print('as url', quote(token, safe=''))\n"
        "    runtime.current().mask('custom-secret'); print('custom-secret')\n"
        "    try: call(GetVariable('none'))\n"
        "    except NotFound as e: print('error:', e)\n"
        "    raise ValueError(token)\n"
        "TASKS = {'t': t}"
    )
    launch = launch_of()
    finish = there.scheduler.run(launch)
    events = there.worker.events(launch)
    assert [e for e in events if e.startswith(("got", "as", "***", "error:"))] == [
        "got *** ***",
        "as url ***",
        "***",
        "error: no such thing",
    ]
    assert failed(finish).error == "ValueError: ***"
    assert all(r.nonce == finish.nonce for r in there.scheduler.requests)
    for path in there.worker.log_folder.rglob("*.jsonl"):
        assert b"secret" not in path.read_bytes()


@pytest.mark.parametrize(
    ("body", "reason", "code", "signum"),
    [
        ("os._exit(3)", "exit code 3", 3, None),
        ("os._exit(0)", "exit code 0, before the task's code returned", 0, None),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL (out of memory?)", None, 9),
        ("os.kill(os.getpid(), 11)", "killed by SIGSEGV", None, 11),
    ],
)
def test_a_process_that_ends_without_a_word(
    there: World, body: str, reason: str, code: int | None, signum: int | None
) -> None:
    there.worker.write(f"import os\ndef t(a): {body}\nTASKS = {{'t': t}}")
    launch = launch_of()
    finish = there.scheduler.run(launch)
    assert vanished(finish) == Vanished(reason=reason, exit_code=code, exit_signal=signum)
    assert (finish.exit_code, finish.exit_signal) == (code, signum)
    assert there.worker.events(launch)[-1] == f"attempt ended: {reason}"


def test_what_cannot_be_run_fails_and_says_why(there: World) -> None:
    there.worker.write("raise RuntimeError('no database')", "broken.py")
    there.worker.write("TASKS = {}")
    broken, gone = launch_of(dag_file="broken.py"), launch_of("other", fence=2)
    error = failed(there.scheduler.run(broken))
    assert error.error == "importing the DAG file broken.py failed: RuntimeError: no database"
    assert error.retryable
    assert any("Traceback" in (line.exc or "") for line in there.worker.log(broken))
    error = failed(there.scheduler.run(gone))
    assert error.error == "DAG 'd' in dag.py has no task 'other' any more"
    assert not error.retryable


def keep(there: World) -> str:
    """Store the DAG folder as it is, and return the tree's name."""
    data = (there.worker.dags / "dag.py").read_bytes()
    leaf = snapshot.Leaf(snapshot.Kind.FILE, snapshot.object_name(data))
    built = snapshot.build({"dag.py": leaf})
    for name, content in {**built.trees, leaf.hash: data}.items():
        there.scheduler.objects[name] = snapshot.pack(content)
    return built.root


def test_a_run_keeps_the_code_that_it_is_pinned_to(there: World) -> None:
    there.worker.write("TASKS = {'t': lambda a: print('old')}")
    old = keep(there)
    there.worker.write("TASKS = {'t': lambda a: print('new')}")
    new = keep(there)
    for fence, (tree, in_place) in enumerate(
        [(old, True), (new, True), (old, False), (new, True)], 1
    ):
        launch = launch_of(fence=fence, source=tree, tree_hash=tree, in_place=in_place)
        assert there.scheduler.run(launch).outcome == Succeeded()
        assert ("old" if tree == old else "new") in there.worker.events(launch)
    fetched = len(there.scheduler.wanted)
    assert fetched == 4, "two closures to compare, the old tree and its file once"


@pytest.mark.parametrize("line", ["import socket; sock = socket.socket()", "raise ValueError"])
def test_clean_processes_run_the_pinned_code_too(there: World, line: str) -> None:
    there.worker.write(f"print('old', flush=True)\n{line}\nTASKS = {{'t': lambda a: None}}")
    old = keep(there)
    there.worker.write("print('new')\nTASKS = {'t': lambda a: None}")
    for fence in (1, 2):
        launch = launch_of(fence=fence, source=old, tree_hash=old, in_place=False)
        there.scheduler.run(launch)
        assert "old" in there.worker.events(launch)


def test_code_that_is_not_stored_fails_the_attempt(there: World) -> None:
    there.worker.write("TASKS = {'t': lambda a: None}")
    gone = snapshot.object_name(b"")
    finish = there.scheduler.run(launch_of(source=gone, tree_hash=gone, in_place=False))
    assert "Clear the run to go on with the latest version" in failed(finish).error


def test_a_file_outside_of_the_folder_is_not_run(there: World) -> None:
    finish = there.scheduler.run(launch_of(dag_file="../../etc/passwd"))
    assert vanished(finish).before_start
    assert "not a path inside the DAG folder" in vanished(finish).reason


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (
            (
                "from threading import Event, Thread\n"
                "Thread(target=Event().wait, daemon=True).start()"
            ),
            "thread",
        ),
        ("import socket; sock = socket.socket()", "socket"),
        ("file = open(__file__)", "dag.py open"),
        ("import subprocess; child = subprocess.Popen(['sleep', '60'])", "child process"),
        (
            (
                "from tradewind.sdk import runtime\n"
                "from tradewind.wire.messages import GetVariable\n"
                "value = runtime.current().call(GetVariable('k'))"
            ),
            "GetVariable",
        ),
    ],
)
def test_a_file_that_cannot_be_shared_gets_clean_processes(
    there: World, line: str, why: str
) -> None:
    text = (
        SEEN
        + f"{line}\nseen(f'import-{{os.getpid()}}')\nTASKS = {{'t': lambda a: seen(os.getpid())}}"
    )
    there.worker.write(text)
    for fence in (1, 2):
        assert there.scheduler.run(launch_of(fence=fence)).outcome == Succeeded()
    pids = [w for w in witness(there) if not w.startswith("import")]
    assert len(set(pids)) == 2
    assert {f"import-{pid}" for pid in pids} <= set(witness(there))
    assert why in there.worker.output()


@pytest.mark.parametrize("crash", ["os._exit(4)", "os.kill(os.getpid(), 11)"])
def test_an_import_that_kills_its_process_harms_its_attempt_only(there: World, crash: str) -> None:
    there.worker.write(f"import os\n{crash}", "bad.py")
    there.worker.write("TASKS = {'t': lambda a: None}")
    bad, good = launch_of(dag_file="bad.py"), launch_of(fence=2)
    there.scheduler.submit(bad, good)
    assert there.scheduler.finish_of(good).outcome == Succeeded()
    reason = vanished(there.scheduler.finish_of(bad)).reason
    assert reason in {"exit code 4", "killed by SIGSEGV"}


def test_an_import_that_hangs_is_given_up(there: World) -> None:
    there.worker.write("while True: pass")
    launch = launch_of()
    finish = there.scheduler.run(launch)
    assert failed(finish).error == "importing the DAG file dag.py took longer than 6 s"
    assert there.worker.events(launch)[-1].startswith("attempt ended: importing the DAG file")


def test_what_an_import_prints_is_in_the_log_that_waited(there: World) -> None:
    there.worker.write("print('importing')\nTASKS = {'t': lambda a: None}")
    launch = launch_of()
    there.scheduler.run(launch)
    assert "importing" in there.worker.events(launch)


def test_callbacks(there: World) -> None:
    there.worker.write(
        "def bad(a): raise ValueError('mail server is down')\n"
        "CALLBACKS = {'success': lambda a: print('yes'), 'failure': bad}"
    )
    good, bad = callback_of("success", 1, run=run_of()), callback_of("failure", 2, task_id="")
    there.scheduler.submit(good, bad)
    there.scheduler.until(lambda: len(there.scheduler.callbacks) == 2)
    done = {c.callback_id: c.error for c in there.scheduler.callbacks}
    assert done == {1: None, 2: "ValueError: mail server is down"}
    assert "yes" in there.worker.events(good)
    assert there.worker.events(bad)[-1] == "attempt ended: ValueError: mail server is down"


def run_of() -> object:
    return launch_of().assignment.run


def test_large_assignments_and_outcomes(there: World) -> None:
    there.worker.write(
        "from tradewind.model.outcome import Succeeded\n"
        "from tradewind.wire.messages import XComValue\n"
        "from tests.acceptance.worker_userland import Execution\n"
        "def t(a):\n"
        "    big = XComValue(key='k', value=a.run.conf['x'].encode())\n"
        "    return Execution(Succeeded(), (big,), mapped_length=3, returned=True)\n"
        "TASKS = {'t': t}"
    )
    conf = {"x": "y" * 3_000_000}
    run = launch_of().assignment.run.__class__(
        dag_id="d", run_id="r", run_type="manual", run_after=NOW, conf=conf
    )
    finish = there.scheduler.run(launch_of(run=run))
    assert len(finish.xcoms[0].value) == 3_000_000
    assert (finish.mapped_length, finish.returned) == (3, True)


def test_many_at_once(there: World) -> None:
    there.worker.write("TASKS = {'t': lambda a: print(a.attempt_id)}")
    launches: list[Launch] = [launch_of(fence=n) for n in range(200)]
    there.scheduler.submit(*launches)
    there.scheduler.until(lambda: len(there.scheduler.finishes) == 200, 30.0)
    assert all(launch.attempt_id in there.worker.events(launch) for launch in launches)
