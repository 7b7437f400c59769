"""Which code an attempt runs."""

from __future__ import annotations

from pathlib import Path

from tradewind.errors import DagError
from tradewind.wire.messages import Assignment


def resolve(assignment: Assignment, dags_folder: Path) -> tuple[Path, Path]:
    """Return the DAG file to import and the DAG folder that it is in.

    Raises:
        DagError: the assignment names a file outside of the DAG folder.
    """
    path = Path(assignment.dag_file)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise DagError(f"{assignment.dag_file!r} is not a path inside the DAG folder")
    return dags_folder / path, dags_folder
