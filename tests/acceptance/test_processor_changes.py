"""New, edited, renamed and deleted DAG files, and everything they depend on."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.acceptance.processors import RunningProcessor
from tradewind.clock import SystemClock
from tradewind.store import code, parse_requests, tables
from tradewind.wire import snapshot

pytestmark = pytest.mark.acceptance

DAG = """
from tradewind.sdk import DAG, EmptyOperator
with DAG({dag_id!r}):
    for name in {tasks!r}:
        EmptyOperator(task_id=name)
"""


def dag(dag_id: str, *tasks: str) -> str:
    return DAG.format(dag_id=dag_id, tasks=list(tasks) or ["a"])


@pytest.fixture
def processor(sqlite_url: str, tmp_path: Path) -> Iterator[RunningProcessor]:
    with RunningProcessor(sqlite_url, tmp_path / "dags") as running:
        yield running


def test_a_new_file_is_visible_at_once(processor: RunningProcessor) -> None:
    processor.write("warm.py", dag("warm"))
    processor.wait_for_dag("warm")
    clock = SystemClock()
    started = clock.monotonic()
    processor.write("fresh.py", dag("fresh"))
    processor.wait_for_dag("fresh")
    assert clock.monotonic() - started < 1.0


def test_an_edit_makes_a_version_only_when_the_structure_changes(
    processor: RunningProcessor,
) -> None:
    processor.write("one.py", dag("one", "a"))
    first = processor.wait_for_dag("one", version_number=1)
    processor.write("one.py", dag("one", "a", "b"))
    second = processor.wait_for_dag("one", version_number=2)
    assert second["source_hash"] != first["source_hash"]
    processor.write("one.py", "# a comment\n" + dag("one", "a", "b"))
    processor.wait_for(
        lambda: (processor.dag("one") or {})["source_hash"] != second["source_hash"], "new source"
    )
    assert (processor.dag("one") or {})["version_number"] == 2


def test_a_file_is_parsed_again_when_somebody_asks(processor: RunningProcessor) -> None:
    processor.write("one.py", dag("one"))
    first = processor.wait_for_dag("one")["last_parsed_at"]
    with processor.db.write() as conn:
        parse_requests.ask(conn, "one.py", SystemClock().now())
        parse_requests.ask(conn, "unknown.py", SystemClock().now())
    processor.wait_for(
        lambda: (processor.dag("one") or {})["last_parsed_at"] > first, "another parse"
    )
    assert parse_requests.take(processor.db) == []


def test_a_deleted_file_leaves_inactive_dags_that_come_back(processor: RunningProcessor) -> None:
    path = processor.write("one.py", dag("one"))
    processor.wait_for_dag("one")
    path.unlink()
    processor.wait_for_dag("one", active=False)
    processor.write("one.py", dag("one"))
    processor.wait_for_dag("one", active=True)


def test_a_renamed_file_keeps_its_dags_active(processor: RunningProcessor) -> None:
    path = processor.write("one.py", dag("one"))
    processor.wait_for_dag("one")
    seen: list[bool] = []

    def moved() -> bool:
        row = processor.dag("one") or {}
        seen.append(row["active"])
        return bool(row["dag_file"] == "two.py")

    path.rename(processor.folder / "two.py")
    processor.wait_for(moved, "the DAG in its new file")
    assert all(seen)


def test_a_dag_that_leaves_its_file_is_inactive(processor: RunningProcessor) -> None:
    processor.write("both.py", dag("one") + dag("two"))
    processor.wait_for_dag("two")
    processor.write("both.py", dag("one"))
    processor.wait_for_dag("two", active=False)
    assert (processor.dag("one") or {})["active"]


def test_an_imported_module_an_opened_file_and_a_listed_folder(
    processor: RunningProcessor,
) -> None:
    processor.write("helpers/names.py", "NAMES = ['a']\n")
    processor.write("extra.txt", "b")
    processor.write("sql/one.sql", "")
    processor.write(
        "one.py",
        "import os\nfrom pathlib import Path\nfrom helpers.names import NAMES\n"
        "HERE = Path(__file__).parent\n"
        "NAMES = NAMES + [(HERE / 'extra.txt').read_text()] + "
        "[n.removesuffix('.sql') for n in sorted(os.listdir(HERE / 'sql'))]\n"
        "from tradewind.sdk import DAG, EmptyOperator\n"
        "with DAG('one', description=','.join(NAMES)): EmptyOperator(task_id='a')\n",
    )
    processor.wait_for_dag("one", description="a,b,one")
    assert processor.depends("one.py") == {
        "files": ["extra.txt", "helpers/names.py", "one.py"],
        "reads": [],
        "unsteady": [],
    }
    processor.write("helpers/names.py", "NAMES = ['x']\n")
    processor.wait_for_dag("one", description="x,b,one")
    processor.write("extra.txt", "y")
    processor.wait_for_dag("one", description="x,y,one")
    processor.write("sql/two.sql", "")
    processor.wait_for_dag("one", description="x,y,one,two")


def test_two_edits_of_a_module_within_a_second_and_of_one_size(
    processor: RunningProcessor,
) -> None:
    source = "import helper\nfrom tradewind.sdk import DAG\nDAG('one', description=helper.NAME)\n"
    processor.write("helper.py", "NAME = 'v0'\n")
    processor.write("one.py", source)
    for number in range(5):
        processor.write("helper.py", f"NAME = 'v{number}'\n")
        processor.wait_for_dag("one", description=f"v{number}")


def test_a_module_that_was_missing_appears(processor: RunningProcessor) -> None:
    processor.write("one.py", "from later import NAME\n" + dag("one"))
    processor.wait_for_error("one.py", "No module named 'later'")
    processor.write("later.py", "NAME = 1\n")
    processor.wait_for_dag("one")
    processor.wait_until_fine("one.py")


def test_an_ignored_helper_is_no_dag_file_but_a_dependency(processor: RunningProcessor) -> None:
    processor.write(".airflowignore", "lib/\n")
    processor.write("lib/tools.py", "# tradewind dag helper\nNAME = 'x'\n")
    processor.write(
        "one.py",
        "from lib.tools import NAME\nfrom tradewind.sdk import DAG\nDAG('one', description=NAME)\n",
    )
    row = processor.wait_for_dag("one", description="x")

    def fetch(names: object) -> dict[str, bytes]:
        return code.get_objects(processor.db, list(names))  # type: ignore[call-overload]

    assert "lib/tools.py" in dict(snapshot.leaves(row["tree_hash"], fetch))
    processor.write("lib/tools.py", "# tradewind dag helper\nNAME = 'y'\n")
    processor.wait_for_dag("one", description="y")


def test_a_variable_and_a_connection_that_it_read(processor: RunningProcessor) -> None:
    processor.write(
        "one.py",
        "from tradewind.sdk import DAG, Variable\nDAG('one', description=Variable.get('team'))\n",
    )
    error = processor.wait_for_error("one.py", "there is no variable 'team'")
    assert 'one.py", line 2' in error
    processor.secrets.set_variable("team", "blue")
    processor.wait_for_dag("one", description="blue")
    processor.secrets.set_variable("team", "red")
    processor.wait_for_dag("one", description="red")
    assert processor.depends("one.py")["reads"] == ["variable/team"]


def test_the_first_of_two_files_keeps_a_dag(processor: RunningProcessor) -> None:
    first = processor.write("first.py", dag("one", "a"))
    processor.wait_for_dag("one")
    processor.write("second.py", dag("one", "b") + dag("two"))
    error = processor.wait_for_error("second.py")
    assert "first.py" in error
    assert "second.py" in error
    assert processor.wait_for_dag("two")["dag_file"] == "second.py"
    assert (processor.dag("one") or {})["dag_file"] == "first.py"
    first.unlink()
    processor.wait_for_dag("one", dag_file="second.py")
    processor.wait_until_fine("second.py")


def test_dags_in_a_zip(processor: RunningProcessor) -> None:
    processor.folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(processor.folder / "pack.zip", "w") as archive:
        archive.writestr("inner.py", "from helper_in_zip import NAME\n" + dag("zipped"))
        archive.writestr("helper_in_zip.py", "NAME = 'x'\n")
    assert processor.wait_for_dag("zipped")["dag_file"] == "pack.zip/inner.py"
    (processor.folder / "pack.zip").unlink()
    processor.wait_for_dag("zipped", active=False)


def test_what_happened_while_it_was_down(processor: RunningProcessor) -> None:
    gone = processor.write("gone.py", dag("gone"))
    processor.write("kept.py", dag("kept"))
    processor.write("broken.py", "import nothing_here  # tradewind dag")
    processor.wait_for_dag("gone")
    processor.wait_for_dag("kept")
    processor.wait_for_error("broken.py")
    processor.stop()
    gone.unlink()
    (processor.folder / "broken.py").unlink()
    processor.write("kept.py", dag("kept", "a", "b"))
    processor.start()
    processor.wait_for_dag("kept", version_number=2)
    processor.wait_for_dag("gone", active=False)
    processor.wait_until_fine("broken.py")


def test_a_file_that_reads_the_clock_is_imported_again(sqlite_url: str, tmp_path: Path) -> None:
    with RunningProcessor(sqlite_url, tmp_path / "dags", slow_round_s=0.2) as processor:
        processor.write(
            "one.py",
            "import time\nfrom tradewind.sdk import DAG\n"
            "DAG('one', description=str(time.time()))\n",
        )
        first = processor.wait_for_dag("one")["description"]
        processor.wait_for(
            lambda: (processor.dag("one") or {})["description"] != first, "another time"
        )
        assert processor.depends("one.py")["unsteady"] == ["clock"]


def test_folders_that_cannot_be_watched_are_polled(sqlite_url: str, tmp_path: Path) -> None:
    with RunningProcessor(
        sqlite_url, tmp_path / "dags", watch_by_polling=True, poll_s=0.1
    ) as processor:
        processor.write("one.py", dag("one"))
        processor.wait_for_dag("one")


def test_a_dag_folder_that_was_replaced_is_watched_again(sqlite_url: str, tmp_path: Path) -> None:
    with RunningProcessor(sqlite_url, tmp_path / "dags", rescan_s=0.3) as processor:
        processor.write("one.py", dag("one"))
        processor.wait_for_dag("one")
        processor.folder.rename(tmp_path / "away")
        processor.write("one.py", dag("one", "a", "b"))
        processor.wait_for_dag("one", version_number=2)
        processor.write("one.py", dag("one", "a", "b", "c"))
        processor.wait_for_dag("one", version_number=3)


def test_the_snapshot_holds_what_ran(processor: RunningProcessor, tmp_path: Path) -> None:
    processor.write("helper.py", "NAME = 'old'\n")
    processor.write("unrelated.txt", "1")
    old = "import helper\n" + dag("one", "a")
    processor.write("one.py", old)
    first = processor.wait_for_dag("one")
    processor.write("one.py", "import helper\n" + dag("one", "b"))
    second = processor.wait_for_dag("one", version_number=2)

    def fetch(names: object) -> dict[str, bytes]:
        return code.get_objects(processor.db, list(names))  # type: ignore[call-overload]

    target = tmp_path / "cache" / first["tree_hash"]
    snapshot.materialise(first["tree_hash"], target, fetch, live=processor.folder)
    assert (target / "one.py").read_text() == old
    assert sorted(p.name for p in target.iterdir()) == ["helper.py", "one.py", "unrelated.txt"]
    assert not snapshot.is_live(first["source_hash"], processor.folder, fetch)
    assert snapshot.is_live(second["source_hash"], processor.folder, fetch)
    assert dict(snapshot.leaves(second["source_hash"], fetch)).keys() == {"helper.py", "one.py"}
    with processor.db.read() as conn:
        sizes = [len(row.data) for row in conn.execute(select(tables.blob))]
    assert len(sizes) == 4, "two versions of one file, two other files"


def test_a_change_of_another_file_moves_the_live_tree(processor: RunningProcessor) -> None:
    processor.write("one.py", dag("one"))
    first = processor.wait_for_dag("one")
    processor.write("imported_by_a_task.py", "x = 1\n")
    processor.wait_for(
        lambda: (processor.dag("one") or {})["tree_hash"] != first["tree_hash"], "another tree"
    )
    assert (processor.dag("one") or {})["source_hash"] == first["source_hash"]
