from __future__ import annotations

from tradewind.processor.folder import Item, Scan
from tradewind.processor.known import MAX_BACKOFF, Import, Known, Owners
from tradewind.wire.snapshot import Kind


def scan(listings: dict[str, str] | None = None, **contents: str) -> Scan:
    items = {
        f"{name}.py": Item((0, 0, 0, 0), content, Kind.FILE) for name, content in contents.items()
    }
    return Scan(items=items, listings=listings or {})


def known(imported: Import, name: str = "dag.py") -> Known:
    book = Known(slow_round_s=300)
    book.record(name, imported, now=0)
    return book


def test_a_file_is_due_when_anything_it_read_changed() -> None:
    book = known(Import(contents={"dag.py": "1", "helper.py": "a"}))
    before = scan(dag="1", helper="a", other="x")
    assert book.due_by_change(before, scan(dag="1", helper="a", other="y")) == set()
    assert book.due_by_change(before, scan(dag="1", helper="b", other="x")) == {"dag.py"}
    assert book.due_by_change(before, scan(dag="1", other="x")) == {"dag.py"}


def test_a_file_that_it_looked_for_may_appear() -> None:
    book = known(Import(contents={"dag.py": "1", "config.py": None}))
    assert book.due_by_change(scan(dag="1"), scan(dag="1", config="x")) == {"dag.py"}


def test_other_names_in_a_folder_that_it_listed() -> None:
    book = known(Import(contents={"dag.py": "1"}, listings={"sql": "names1"}))
    before = scan({"sql": "names1"}, dag="1")
    assert book.due_by_change(before, scan({"sql": "names2"}, dag="1")) == {"dag.py"}
    assert book.due_by_change(before, scan({"sql": "names1", "x": "y"}, dag="1")) == set()


def test_a_missing_module_may_have_appeared() -> None:
    book = known(Import(contents={"dag.py": "1"}, missing=("helpers.dates",)))
    before = scan({"": "a"}, dag="1")
    assert book.due_by_change(before, scan({"": "b"}, dag="1", helpers="x")) == {"dag.py"}
    assert book.due_by_change(before, scan({"": "b"}, dag="1", unrelated="x")) == set()


def test_another_variable() -> None:
    book = known(Import(contents={"dag.py": "1"}, reads={"variable/x": "old"}))
    assert book.reads() == {"variable/x"}
    assert book.due_by_reads({"variable/x": "old"}) == set()
    assert book.due_by_reads({"variable/y": "new"}) == set()
    assert book.due_by_reads({"variable/x": "new"}) == {"dag.py"}


def test_the_slow_round_backs_off_while_nothing_changes() -> None:
    imported = Import(contents={"dag.py": "1"}, unsteady=("clock",), result="same")
    book = known(imported)
    assert book.due_by_round(299) == set()
    assert book.due_by_round(300) == {"dag.py"}
    assert book.due_by_round(301) == set(), "it is on its way already"
    book.record("dag.py", imported, now=300)
    assert book.next_round() == 300 + 600
    for _ in range(10):
        book.record("dag.py", imported, now=1000)
    assert book.next_round() == 1000 + 300 * MAX_BACKOFF


def test_a_change_ends_the_back_off() -> None:
    book = known(Import(contents={}, unsteady=("clock",), result="1"))
    book.record("dag.py", Import(contents={}, unsteady=("clock",), result="1"), now=0)
    book.record("dag.py", Import(contents={}, unsteady=("clock",), result="2"), now=0)
    assert book.next_round() == 300


def test_a_steady_file_has_no_round() -> None:
    book = known(Import(contents={}, unsteady=("network",)))
    book.record("dag.py", Import(contents={}), now=0)
    assert book.next_round() is None


def test_a_forgotten_file_is_not_due() -> None:
    book = known(Import(contents={"dag.py": "1"}, unsteady=("clock",)))
    book.forget("dag.py")
    assert book.due_by_change(scan(dag="1"), scan(dag="2")) == set()
    assert book.due_by_round(10_000) == set()
    assert not book.paths()
    book.forget("dag.py")


def test_the_first_file_keeps_a_dag() -> None:
    owners = Owners({"old": "a.py"})
    assert owners.claim("b.py", ["old", "new"]) == ({"old"}, set())
    assert owners.owner("old") == "a.py"
    assert owners.owner("new") == "b.py"


def test_a_dag_that_its_file_gives_up_is_free() -> None:
    owners = Owners()
    owners.claim("a.py", ["x", "y"])
    assert owners.claim("a.py", ["y"]) == (set(), {"x"})
    assert owners.claim("b.py", ["x"]) == (set(), set())
    assert owners.release("a.py") == {"y"}
    assert owners.of("b.py") == {"x"}


def test_files_hindered_by_a_dag_are_found() -> None:
    book = known(Import(contents={}, hindered=("x",)))
    assert book.hindered_by({"x"}) == {"dag.py"}
    assert book.hindered_by({"y"}) == set()
