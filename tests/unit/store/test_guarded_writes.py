"""Every UPDATE and DELETE of a run, a task instance or an attempt names what it expects.

Read from the source: a statement on one of these tables must have a condition on a state, a
fence, a nonce or an epoch, so that whoever comes late changes nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[3] / "src" / "tradewind"
GUARDED = {"dag_run", "task_instance", "attempt"}
GUARD = re.compile(r"\b(state|b_state|b_before|fence|b_fence|nonce|epoch|_ENDED|LIVE)\b")

EXCEPTIONS = {
    "store/cleaning.py::_delete_slice": "the run's row is locked and has ended: `_has_ended`",
    "store/runs.py::set_note": "a note is no state: the last one to write it is right",
    "store/runs.py::set_trigger_key": "no state: it names the latest request that cleared the run",
}


def statements(source: str) -> Iterator[tuple[str, str, str]]:
    """Yield (function, table, condition) of every UPDATE and DELETE; "?": a table unknown here."""
    tree = ast.parse(source)
    names = tables_by_name(tree)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for node in ast.walk(tree):
        table = written(node, names)
        if table is None:
            continue
        outermost: ast.AST = node
        function = ""
        while outermost in parents and isinstance(
            parents[outermost], ast.Attribute | ast.Call | ast.keyword
        ):
            outermost = parents[outermost]
        above: ast.AST | None = node
        while above is not None:
            if isinstance(above, ast.FunctionDef):
                function = above.name
            above = parents.get(above)
        yield function, table, conditions(outermost)


def conditions(statement: ast.AST) -> str:
    """Return the text of a statement's `where(…)`."""
    return ", ".join(
        ast.unparse(argument)
        for node in ast.walk(statement)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "where"
        for argument in node.args
    )


def written(node: ast.AST, names: dict[str, str]) -> str | None:
    """Return the table that an `update(t)`, `delete(t)`, `t.update()` or `t.delete()` writes."""
    if not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Name) and node.func.id in {"update", "delete"} and node.args:
        return names.get(ast.unparse(node.args[0]), "?")
    if isinstance(node.func, ast.Attribute) and node.func.attr in {"update", "delete"}:
        return names.get(ast.unparse(node.func.value))
    return None


def tables_by_name(tree: ast.Module) -> dict[str, str]:
    """Return what each name of a module stands for: `_ti` for task_instance, …"""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").endswith(
            ("store.tables", "store.account_tables")
        ):
            found |= {alias.asname or alias.name: alias.name for alias in node.names}
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found |= dict(assigned(target, node.value))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "tables":
            found[ast.unparse(node)] = node.attr
    return found


def assigned(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, str]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for one, other in zip(target.elts, value.elts, strict=True):
            yield from assigned(one, other)
    elif isinstance(value, ast.Attribute) and ast.unparse(value.value) == "tables":
        yield ast.unparse(target), value.attr


def unguarded(source: str) -> list[tuple[str, str, str]]:
    return [
        (function, table, condition)
        for function, table, condition in statements(source)
        if table in GUARDED | {"?"} and not GUARD.search(condition)
    ]


def modules() -> list[str]:
    return sorted(
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if "migrations" not in path.parts and "sqlalchemy" in path.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("name", modules())
def test_every_write_of_state_names_what_it_expects(name: str) -> None:
    found = [
        (function, table, condition)
        for function, table, condition in unguarded((SOURCE / name).read_text(encoding="utf-8"))
        if f"{name}::{function}" not in EXCEPTIONS and table in GUARDED
    ]
    assert found == []


def test_a_write_of_a_table_that_is_a_parameter_is_an_exception_with_a_reason() -> None:
    generic = {
        f"{name}::{function}"
        for name in modules()
        for function, table, condition in unguarded((SOURCE / name).read_text(encoding="utf-8"))
        if table == "?"
    }
    # These take tables of secrets, users and the like; `cleaning` is the one that takes any.
    assert "store/cleaning.py::_delete_slice" in generic
    assert {g.partition("::")[0] for g in generic} <= {
        "store/cleaning.py",
        "store/secrets.py",
        "store/accounts.py",
        "store/states.py",  # of tasks and of assets: values that no state depends on
        "store/celery_results.py",  # Celery's own table, which no state depends on
    }


def test_state_is_written_in_few_places() -> None:
    writers = {
        name
        for name in modules()
        for _, table, _ in statements((SOURCE / name).read_text(encoding="utf-8"))
        if table == "task_instance"
    }
    assert writers == {"store/apply.py"}


@pytest.mark.parametrize(
    "bad",
    [
        "from tradewind.store.tables import attempt as t\nupdate(t).where(t.c.attempt_id == 1)",
        "_a, _ti = tables.attempt, tables.task_instance\n_ti.update().where(_ti.c.run_pk == 1)",
        "update(tables.attempt).where(tables.attempt.c.run_pk == 1).values(state='lost')",
        "delete(tables.dag_run).where(tables.dag_run.c.run_pk == 1).returning()",
    ],
)
def test_a_write_without_a_guard_is_found(bad: str) -> None:
    assert len(unguarded(bad)) == 1


def test_a_guarded_write_is_not() -> None:
    assert not unguarded("u = update(tables.attempt).where(tables.attempt.c.state == 'queued')")
