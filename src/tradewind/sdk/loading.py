"""Import a DAG file and collect its DAGs."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
import warnings as warning_messages
import zipimport
from pathlib import Path

import msgspec

from tradewind.errors import DagError
from tradewind.sdk import dag_definition
from tradewind.sdk.dag_definition import DAG


class Loaded(msgspec.Struct, frozen=True):
    """A DAG file's DAGs by id, and the warnings that it gave."""

    dags: dict[str, DAG]
    warnings: tuple[str, ...] = ()


def load_dag_file(path: str, dag_folder: str) -> Loaded:
    """Import a DAG file in this process.

    Args:
        path: the file, or "archive.zip/inner.py".
        dag_folder: put on `sys.path`, so that DAG files can import what lies beside them.

    Raises:
        DagError: two DAGs have one id.
        Exception: whatever the file raises.
    """
    if dag_folder not in sys.path:
        sys.path.insert(0, dag_folder)
    dag_definition.registered.clear()
    with warning_messages.catch_warnings(record=True) as caught:
        warning_messages.simplefilter("default")
        module = _import(path)
    found: dict[str, DAG] = {}
    seen = [*vars(module).values(), *dag_definition.registered]
    for value in seen:
        if not isinstance(value, DAG):
            continue
        known = found.get(value.dag_id)
        if known is not None and known is not value:
            raise DagError(f"{path} has two DAGs {value.dag_id!r}; give one another dag_id")
        value.fileloc = value.fileloc or path
        found[value.dag_id] = value
    return Loaded(found, tuple(str(w.message) for w in caught))


def _import(path: str) -> object:
    # A stable name, unlike any the file could have: two files of one name do not collide.
    stem = Path(path).stem
    name = f"tradewind_dag_{hashlib.sha256(path.encode()).hexdigest()[:12]}_{stem}"
    archive, dot_zip, inner = path.partition(".zip/")
    if dot_zip:
        archive += ".zip"
        if archive not in sys.path:
            sys.path.insert(0, archive)
        source = zipimport.zipimporter(archive).get_source(inner.removesuffix(".py"))
        module = type(sys)(name)
        module.__file__ = path
        sys.modules[name] = module
        exec(compile(source or "", path, "exec"), vars(module))  # noqa: S102  it is a DAG file
        return module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise DagError(f"{path} cannot be imported: it is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
