"""Say whether a DAG file will run here, without running it.

The file is parsed, and what it imports of `airflow` and gives to DAGs and operators is held
against the tables. What only shows at run time (a name that is computed, a helper's argument)
is not seen; parsing the file by `tradewind run` or the DAG processor has the last word.

An import inside `try: … except ImportError:` is the author's own guard and is let be.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Iterator
from enum import StrEnum
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any, NamedTuple

from tradewind.compat.airflow.entry import Gone, value_of
from tradewind.compat.airflow.missing import (
    PROVIDERS,
    advice_about_module,
    advice_about_name,
)
from tradewind.compat.airflow.modules.session import NO_SESSION
from tradewind.compat.airflow.tables import TABLE
from tradewind.sdk import renamed
from tradewind.sdk.construction import OperatorMeta, accepted_arguments
from tradewind.sdk.dag_definition import DAG, DAG_ARGUMENTS, dag
from tradewind.sdk.vocabulary import Meaning, spoken

_GUARDS = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "AirflowException"})


_REFUSED_WHEN_CALLED = dict.fromkeys(("compat.session",), NO_SESSION)
"""Names that provider packages may import, by their targets; a DAG file cannot use them."""


class Verdict(StrEnum):
    """What becomes of a file. The worst of its findings decides."""

    RUNS = "runs"
    CHANGE = "needs a change"
    UNSUPPORTED = "not supported"


class Finding(NamedTuple):
    """Something about a line. A finding with the verdict "runs" is a note."""

    line: int
    verdict: Verdict
    what: str
    fix: str


class Report(NamedTuple):
    """A file's findings, in the order of its lines. airflow: which one it is written for."""

    file: str
    verdict: Verdict
    airflow: int
    findings: tuple[Finding, ...]


def check_folder(path: Path) -> Iterator[Report]:
    """Check a file, or the Python files in a folder that mention airflow, by name.

    Args:
        path: the file or folder.
    """
    folder = path.parent if path.is_file() else path
    for file in [path] if path.is_file() else sorted(path.rglob("*.py")):
        source = file.read_bytes()
        if b"airflow" in source or path.is_file():
            yield check_source(source, str(file.relative_to(folder)), folder)


def check_source(source: bytes, name: str, folder: Path) -> Report:
    """Check a file's text.

    Args:
        source: the text.
        name: the file's name, below the folder.
        folder: the DAG folder: modules in it are the author's own.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an invalid escape is no concern of ours
            tree = ast.parse(source)
            meaning = spoken(source, compile(tree, name, "exec", dont_inherit=True))
    except (SyntaxError, ValueError) as error:
        version = ".".join(map(str, sys.version_info[:2]))
        what = f"no Python {version}: {error}"
        fix = "write it for Python 3" if "print" in str(error) else "correct the syntax"
        found = Finding(getattr(error, "lineno", None) or 1, Verdict.CHANGE, what, fix)
        return Report(name, Verdict.CHANGE, 3, (found,))
    checker = _Checker(folder, (folder / name).parent)
    checker.visit(tree)
    findings = [*checker.found, *_about_meaning(checker, meaning)]
    findings.sort(key=lambda finding: finding.line)
    worst = max((f.verdict for f in findings), key=list(Verdict).index, default=Verdict.RUNS)
    return Report(name, worst, (meaning or Meaning()).airflow, tuple(dict.fromkeys(findings)))


def _about_meaning(checker: _Checker, meaning: Meaning | None) -> Iterator[Finding]:
    """Note where a file for Airflow 2 does something else here."""
    if meaning is None or meaning.airflow != 2 or meaning.said:
        return
    for line in checker.without_catchup:
        yield Finding(
            line,
            Verdict.RUNS,
            "catchup is left out: in Airflow 2 the DAG catches up, here it does not",
            "catchup=True, or the line `# tradewind: airflow=2` at the top, if it is to catch up",
        )


class _Checker(ast.NodeVisitor):
    """Walk through a file and note what is found."""

    def __init__(self, folder: Path, own: Path) -> None:
        self.found: list[Finding] = []
        self.without_catchup: list[int] = []
        self._folders = [str(own), str(folder)]
        self._names: dict[str, Any] = {}
        """What names of the file stand for, of those that it imports from airflow."""
        self._modules: dict[str, str] = {}
        """The modules of airflow that names of the file stand for."""
        self._guarded = 0

    # ---- imports ------------------------------------------------------------------------

    def visit_Try(self, node: ast.Try) -> None:
        """Leave out what is guarded against not being there."""
        guarded = any(_catches_import_errors(handler) for handler in node.handlers)
        self._guarded += guarded
        for part in node.body:
            self.visit(part)
        self._guarded -= guarded
        for rest in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(rest)

    def visit_If(self, node: ast.If) -> None:
        """Leave out what is only for type checkers."""
        if "TYPE_CHECKING" in ast.unparse(node.test):
            for part in node.orelse:
                self.visit(part)
            return
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        """Check `import a.b`."""
        for alias in node.names:
            self._module(node.lineno, alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Check `from a.b import c`."""
        module = node.module or ""
        if node.level or not self._module(node.lineno, module):
            return
        if module not in TABLE:
            return
        for alias in node.names:
            self._name(node.lineno, module, alias.name, alias.asname or alias.name)

    def _module(self, line: int, module: str) -> bool:
        """Check that there is such a module; note it if not."""
        root = module.partition(".")[0]
        if root == "airflow":
            return self._airflow_module(line, module)
        if not self._exists(root):
            self._note(
                line,
                Verdict.CHANGE,
                f"the package of {root!r} is not installed",
                f"install what has {root!r} beside Tradewind",
            )
        return True

    def _airflow_module(self, line: int, module: str) -> bool:
        entry = TABLE.get(module)
        if entry is not None:
            if entry.moved:
                self._note(
                    line, Verdict.RUNS, f"{module} is gone in Airflow 3", f"now: {entry.moved}"
                )
            return True
        if not (module.startswith(PROVIDERS) and _is_installed(module)):
            verdict = Verdict.CHANGE if module.startswith(PROVIDERS) else Verdict.UNSUPPORTED
            advice = advice_about_module(module, TABLE)
            self._note(line, verdict, f"there is no {module}", advice)
        return False

    def _name(self, line: int, module: str, name: str, bound: str) -> None:
        full = f"{module}.{name}"
        if name == "*":
            return
        if full in TABLE:
            self._modules[bound] = full
            return
        target = TABLE[module].names.get(name)
        advice = _REFUSED_WHEN_CALLED.get(target) if isinstance(target, str) else None
        if isinstance(target, Gone) or advice:
            advice = advice or advice_about_name(module, name, TABLE)
            self._note(line, Verdict.UNSUPPORTED, f"{full} does not work", advice)
            return
        try:
            self._names[bound] = value_of(name, target or f"{TABLE[module].whole}:{name}")
        except (AttributeError, KeyError, ImportError):
            if not (TABLE[module].on_disk and _is_installed(full)):
                advice = advice_about_name(module, name, TABLE)
                self._note(line, Verdict.UNSUPPORTED, f"there is no {full}", advice)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """Check `settings.Session`, where `settings` is a module of airflow's."""
        self.generic_visit(node)
        module = self._modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
        gone = TABLE[module].names.get(node.attr) if module is not None else None
        if isinstance(gone, Gone):
            what = f"{module}.{node.attr} does not work"
            self._note(node.lineno, Verdict.UNSUPPORTED, what, gone.instead)

    def _exists(self, root: str) -> bool:
        if root in sys.stdlib_module_names or root == "tradewind":
            return True
        return any(PathFinder.find_spec(root, path) is not None for path in (self._folders, None))

    # ---- calls --------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        """Check the arguments of a DAG or an operator."""
        self.generic_visit(node)
        called = self._names.get(node.func.id) if isinstance(node.func, ast.Name) else None
        names = [keyword.arg for keyword in node.keywords if keyword.arg is not None]
        if called in {DAG, dag}:
            self._dag(node, names)
        elif isinstance(called, OperatorMeta) and None not in {k.arg for k in node.keywords}:
            accepted = accepted_arguments(called)
            kept: Callable[[str], bool] = lambda name: name in accepted  # noqa: E731
            self._arguments(node, names, renamed.OF_OPERATORS, kept)

    def _dag(self, node: ast.Call, names: list[str]) -> None:
        self._arguments(
            node, names, renamed.OF_DAGS, lambda name: name in {"dag_id", *DAG_ARGUMENTS}
        )
        schedule = next(
            (k for k in node.keywords if k.arg in {"schedule", "schedule_interval"}), None
        )
        never = (
            schedule is not None
            and isinstance(schedule.value, ast.Constant)
            and not schedule.value.value
        )
        if "catchup" not in names and schedule is not None and not never:
            self.without_catchup.append(node.lineno)

    def _arguments(
        self,
        node: ast.Call,
        names: list[str],
        old: dict[str, str | None],
        known: Callable[[str], bool],
    ) -> None:
        called = ast.unparse(node.func)
        for name in names:
            if known(name):
                continue
            if name in old:
                new = old[name]
                self._note(
                    node.lineno,
                    Verdict.RUNS,
                    f"{called}({name}=…) is an old name",
                    f"now: {new}" if new else "it has no effect; leave it out",
                )
            else:
                self._note(
                    node.lineno,
                    Verdict.CHANGE,
                    f"{called}() has no argument {name!r}",
                    "leave it out, or correct its name",
                )

    def _note(self, line: int, verdict: Verdict, what: str, fix: str) -> None:
        if not self._guarded:
            self.found.append(Finding(line, verdict, what, fix))


def _catches_import_errors(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(ast.unparse(one).rpartition(".")[2] in _GUARDS for one in types)


def _is_installed(module: str) -> bool:
    """Tell whether an installed package has a module; nothing is imported to find out."""
    below = module.replace(".", "/")
    return any(
        (Path(entry) / below).is_dir() or (Path(entry) / f"{below}.py").is_file()
        for entry in sys.path
    )
