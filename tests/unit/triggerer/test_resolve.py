from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tradewind.errors import DagError
from tradewind.model.ids import AttemptId
from tradewind.sdk import serde
from tradewind.triggerer.resolve import Resolver
from tradewind.wire.messages import Assignment, RunInfo, TriggerCall

NOW = datetime(2024, 1, 1, tzinfo=UTC)
TRIGGER = """
from tradewind.sdk.triggers.base import BaseTrigger
class Mine(BaseTrigger):
    NAME = {name!r}
    def __init__(self, x=0):
        self.x = x
class NoTrigger:
    pass
"""


@pytest.fixture(autouse=True)
def own_modules() -> Iterator[None]:
    modules, path = set(sys.modules), list(sys.path)
    yield
    for name in set(sys.modules) - modules:
        del sys.modules[name]
    sys.path[:] = path


def assignment(classpath: str, **kwargs: object) -> Assignment:
    return Assignment(
        kind="trigger",
        attempt_id=AttemptId("trigger.1"),
        fence=1,
        try_number=1,
        max_tries=0,
        dag_file="dag.py",
        source_hash="s",
        task_id="wait",
        run=RunInfo(dag_id="d", run_id="r", run_type="manual", run_after=NOW),
        trigger=TriggerCall(classpath=classpath, kwargs=serde.dumps(kwargs)),
    )


def test_a_class_in_the_dag_folder(tmp_path: Path) -> None:
    (tmp_path / "tw_waits.py").write_text(TRIGGER.format(name="one"))
    made = Resolver(tmp_path).make(assignment("tw_waits.Mine", x=5))
    assert vars(made) == {"x": 5}


def test_an_edit_is_seen_by_the_next_trigger(tmp_path: Path) -> None:
    path = tmp_path / "tw_waits_edit.py"
    path.write_text(TRIGGER.format(name="one"))
    resolver = Resolver(tmp_path)
    first = resolver.make(assignment("tw_waits_edit.Mine"))
    path.write_text(TRIGGER.format(name="another"))
    second = resolver.make(assignment("tw_waits_edit.Mine"))
    assert type(first).__dict__["NAME"] == "one"
    assert type(second).__dict__["NAME"] == "another"


@pytest.mark.parametrize(
    ("classpath", "message"),
    [
        ("tw_waits_bad.Absent", "no 'Absent' in tw_waits_bad"),
        ("tw_waits_bad.NoTrigger", "is not a trigger"),
        ("tw_nothing_here.Mine", "cannot import 'tw_nothing_here'"),
        ("Mine", "is no class path"),
        ("os.system", "is not a trigger"),
    ],
)
def test_what_is_no_trigger_is_named(tmp_path: Path, classpath: str, message: str) -> None:
    (tmp_path / "tw_waits_bad.py").write_text(TRIGGER.format(name="one"))
    with pytest.raises(DagError, match=message):
        Resolver(tmp_path).make(assignment(classpath))
