"""Import a DAG file and collect its DAGs.

A file's DAGs are the `DAG` objects among its global names, and those that were made while it
was imported (Airflow loses one that is neither bound to a name nor entered by `with`).
`auto_register=False` keeps a DAG out that is bound to no global name.

The module's name is made of the file's path in the DAG folder, so that it is the same in the
processor, in a worker and in the triggerer, and so that two files named `etl.py` in different
folders do not meet. A member of an archive is named "folder/archive.zip/inner.py".
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import sys
import warnings as python_warnings
import zipimport
from collections.abc import Iterable
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import msgspec

from tradewind.errors import DagError
from tradewind.sdk import plugins, policies, scope
from tradewind.sdk.dag_definition import DAG
from tradewind.sdk.vocabulary import Meaning, spoken

MODULE_PREFIX = "tradewind_dag_"


class LoadedFile(msgspec.Struct, frozen=True):
    """A DAG file's DAGs by id, in the order of definition, and the warnings that it gave."""

    dags: dict[str, DAG]
    warnings: tuple[str, ...] = ()


Loaded = LoadedFile


def load_dag_file(path: str, dag_folder: str) -> LoadedFile:
    """Import a DAG file in this process.

    Args:
        path: the file, or "archive.zip/inner.py".
        dag_folder: put on `sys.path`, so that DAG files can import what lies beside them.

    Raises:
        DagError: two of its DAGs have the same id, or there is no such file.
        BaseException: whatever the file raises.
    """
    if dag_folder not in sys.path:
        sys.path.insert(0, dag_folder)
    broken = plugins.loaded().errors
    outside = scope.step_out()
    scope.take_registered()
    try:
        with python_warnings.catch_warnings(record=True) as caught:
            python_warnings.simplefilter("default")
            module, told = _import(path, dag_folder)
    finally:
        registered = scope.take_registered()
        scope.step_in(outside)
    dags = _collect([*vars(module).values(), *registered], path)
    dags = {dag_id: dag for dag_id, dag in dags.items() if policies.keeps(dag)}
    for dag in dags.values():
        plugins.add_links(dag.tasks)
        dag.relative_fileloc = _relative(dag.fileloc, dag_folder)
        dag.written_for = told or dag.written_for or Meaning()
    found = [*broken, *(_text(warning) for warning in caught), *_unfinished(dags.values())]
    return LoadedFile(dags=dags, warnings=tuple(dict.fromkeys(found)))


def module_name(path: str, dag_folder: str) -> str:
    """Return the name under which a DAG file is imported, the same in every process."""
    relative = _relative(path, dag_folder)
    digest = hashlib.sha256(relative.encode()).hexdigest()[:12]
    stem = re.sub(r"\W", "_", Path(path).stem)
    return f"{MODULE_PREFIX}{digest}_{stem}"


def _relative(path: str, dag_folder: str) -> str:
    return path.removeprefix(dag_folder.rstrip("/") + "/")


class _DagFileLoader(SourceFileLoader):
    """Import a DAG file from its source, never from a bytecode cache; note what it speaks.

    Bytecode is matched to its source by whole seconds and size: an edit within a second that
    keeps the size would be missed for ever. Nothing is written into the DAG folder either.
    """

    def path_stats(self, path: str | os.PathLike[str]) -> Any:
        """Refuse, which skips the cache."""
        raise OSError(f"{os.fspath(path)} is imported from its source")

    spoken: Meaning | None = None
    _source = b""

    def get_data(self, path: str | os.PathLike[str]) -> bytes:
        """Read the file."""
        self._source = super().get_data(os.fspath(path))
        return self._source

    def get_code(self, fullname: str) -> CodeType | None:
        """Compile the file."""
        code = super().get_code(fullname)
        self.spoken = spoken(self._source, code)
        return code


def _import(path: str, dag_folder: str) -> tuple[ModuleType, Meaning | None]:
    """Import the file; tell which Airflow it says that it is written for."""
    name = module_name(path, dag_folder)
    archive, _, inner = path.rpartition(".zip/")
    if archive:
        return _import_member(name, f"{archive}.zip", inner)
    if not Path(path).is_file():
        raise DagError(f"there is no DAG file {path}")
    loader = _DagFileLoader(name, path)
    spec = importlib.util.spec_from_loader(name, loader, origin=path)
    assert spec is not None
    spec.has_location = True
    module = importlib.util.module_from_spec(spec)
    return _execute(module, lambda: loader.exec_module(module)), loader.spoken


def _import_member(name: str, archive: str, inner: str) -> tuple[ModuleType, Meaning | None]:
    if archive not in sys.path:
        sys.path.insert(0, archive)  # what lies beside it in the archive
    try:
        importer = zipimport.zipimporter(archive)
        source = importer.get_data(f"{archive}/{inner}")
    except (zipimport.ZipImportError, OSError) as error:
        raise DagError(f"{archive} cannot be read, or has no {inner}: {error}") from error
    module = ModuleType(name)
    module.__file__ = f"{archive}/{inner}"
    module.__loader__ = importer
    code = compile(source, module.__file__, "exec", dont_inherit=True)
    run = lambda: exec(code, vars(module))  # noqa: E731, S102  a DAG file is code
    return _execute(module, run), spoken(source, code)


def _execute(module: ModuleType, run: object) -> ModuleType:
    sys.modules[module.__name__] = module
    try:
        run()  # type: ignore[operator]
    except BaseException:
        sys.modules.pop(module.__name__, None)
        raise
    return module


def _collect(values: Iterable[object], path: str) -> dict[str, DAG]:
    found: dict[str, DAG] = {}
    for value in values:
        if not isinstance(value, DAG):
            continue
        known = found.setdefault(value.dag_id, value)
        if known is not value:
            raise DagError(
                f"{path} has two DAGs with the dag_id {value.dag_id!r}; give one another dag_id"
            )
    return found


def _unfinished(dags: Iterable[DAG]) -> Iterable[str]:
    for dag in dags:
        for partial in dag.open_partials:
            yield f"{partial.where}: .partial() without .expand() makes no task"


def _text(warning: python_warnings.WarningMessage) -> str:
    where = f"{warning.filename}:{warning.lineno}"
    return f"{where}: {warning.category.__name__}: {warning.message}"
