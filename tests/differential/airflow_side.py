"""Apache Airflow in a process of its own, asked in JSON lines; `driver/` is its side."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

DRIVER = Path(__file__).parent / "driver"

CORPUS_ENVIRONMENT = {
    "AIRFLOW_VAR_CITY": "Delft",
    "AIRFLOW_VAR_SETTINGS": '{"n": 3}',
    "AIRFLOW_CONN_SHOP": "http://me:pw@shop.example:8080/v1?timeout=5",
}
"""Variables and a connection that files of the corpus read."""


class Refused(Exception):
    """Airflow raised; the text is its error."""


class AirflowSide:
    """The driver's process.

    Args:
        python: the Python that has Airflow.
        home: an empty folder for its database, settings and logs.
    """

    def __init__(self, python: Path, home: Path) -> None:
        self.fernet_key = Fernet.generate_key().decode()
        self.database_url = f"sqlite:///{home}/airflow.db"
        dags_folder = home / "dags"
        dags_folder.mkdir()
        settings = {
            **CORPUS_ENVIRONMENT,
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__FERNET_KEY": self.fernet_key,
            "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
            "AIRFLOW__CORE__DAGS_FOLDER": str(dags_folder),
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR",
        }
        self._environment = {**os.environ, **settings}
        made = subprocess.run(
            [python.with_name("airflow"), "db", "migrate"],
            env=self._environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert made.returncode == 0, made.stderr[-2000:]
        self._log_path = home / "driver.log"
        self._log = self._log_path.open("w", encoding="utf-8")
        self._process = subprocess.Popen(
            [python, str(DRIVER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
            text=True,
        )
        self.version = str(self._read()["ready"])

    def ask(self, do: str, **arguments: Any) -> Any:
        """Return the driver's answer.

        Raises:
            Refused: Airflow raised.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._read()
        if "error" in answer:
            raise Refused(answer["error"] + "\n" + answer["traceback"])
        return answer["answer"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"Airflow ended: {self._log_path.read_text(encoding='utf-8')[-2000:]}"
        found: dict[str, Any] = json.loads(line)
        return found
