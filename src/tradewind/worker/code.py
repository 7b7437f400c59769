"""Which code an attempt runs."""

from __future__ import annotations

from pathlib import Path

import tradewind
from tradewind.errors import DagError
from tradewind.wire.messages import Assignment

_EXAMPLES = Path(tradewind.__file__).parent / "example_dags"


def resolve(assignment: Assignment, dags_folder: Path) -> tuple[Path, Path]:
    """Return the DAG file to import and the DAG folder that it is in.

    Example DAGs are named by their full path, everything else within the DAG folder.

    Raises:
        DagError: the assignment names a file outside of the DAG folder.
    """
    path = Path(assignment.dag_file)
    if ".." in path.parts or not path.parts:
        raise _outside(assignment)
    if not path.is_absolute():
        return dags_folder / path, dags_folder
    if not path.is_relative_to(_EXAMPLES):
        raise _outside(assignment)
    return path, _EXAMPLES


def _outside(assignment: Assignment) -> DagError:
    return DagError(f"{assignment.dag_file!r} is not a path inside the DAG folder")
