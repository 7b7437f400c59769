from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

AUTHORING = Path(__file__).with_name("authoring.py")


def run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_authors_write_passes_mypy_strict(tmp_path: Path) -> None:
    run("mypy", "--strict", "--cache-dir", str(tmp_path), str(AUTHORING))


def test_what_authors_write_passes_pyright_strict(tmp_path: Path) -> None:
    settings = {
        "include": [str(AUTHORING)],
        "typeCheckingMode": "strict",
        "reportUnusedExpression": False,  # `a >> b` is a statement to authors
    }
    project = tmp_path / "pyrightconfig.json"
    project.write_text(json.dumps(settings))
    run("pyright", "--pythonpath", sys.executable, "-p", str(project))
