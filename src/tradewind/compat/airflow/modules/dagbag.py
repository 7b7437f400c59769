"""`airflow.models.DagBag`: import all DAG files of a folder in this process.

Users' tests of their DAGs begin with it. Files are chosen as the DAG processor does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tradewind.sdk.loading import load_dag_file


class DagBag:
    """The DAGs of a file, or of a folder and what is below it.

    Args:
        dag_folder: the file or folder; by default `conf`'s core.dags_folder.
        include_examples, safe_mode, read_dags_from_db, …: Airflow's; without effect here.

    Attributes:
        dags: by id.
        import_errors: by file, what went wrong; a test asserts that it is empty.
    """

    def __init__(self, dag_folder: str | Path | None = None, *_more: Any, **_options: Any) -> None:
        if dag_folder is None:
            from tradewind.compat.airflow.modules.configuration import conf  # noqa: PLC0415

            dag_folder = conf.get("core", "dags_folder")
        self.dag_folder = str(dag_folder)
        self.dags: dict[str, Any] = {}
        self.import_errors: dict[str, str] = {}
        self.collect_dags()

    @property
    def dag_ids(self) -> list[str]:
        """Return the DAGs' ids."""
        return list(self.dags)

    def size(self) -> int:
        """Return how many DAGs there are."""
        return len(self.dags)

    def get_dag(self, dag_id: str, session: Any = None) -> Any:
        """Return a DAG, or None."""
        del session
        return self.dags.get(dag_id)

    def collect_dags(self, *_more: Any, **_options: Any) -> None:
        """Import all files."""
        root = Path(self.dag_folder)
        for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
            if _may_hold_dags(path):
                self.process_file(str(path))

    def process_file(self, filepath: str, *_more: Any, **_options: Any) -> list[Any]:
        """Import a file and return its DAGs."""
        root = Path(self.dag_folder)
        folder = root if root.is_dir() else root.parent
        try:
            loaded = load_dag_file(str(Path(filepath).absolute()), str(folder.absolute()))
        except (Exception, SystemExit) as error:  # noqa: BLE001  a DAG file may raise anything
            self.import_errors[filepath] = f"{type(error).__name__}: {error}"
            return []
        self.dags.update(loaded.dags)
        return list(loaded.dags.values())


def _may_hold_dags(path: Path) -> bool:
    text = path.read_bytes().lower()
    return b"dag" in text and (b"airflow" in text or b"tradewind" in text)
