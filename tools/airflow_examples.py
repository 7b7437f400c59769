"""Write docs/airflow-examples.md: what becomes of the example DAG files of Airflow's packages."""

from __future__ import annotations

import logging

from tests.compat.examples import OLDER, files
from tests.compat.test_examples import PAGE, at_home, older_row, outcome
from tests.compat.wheels import PACKAGES, unpacked

HEAD = f"""# Airflow's example DAGs

The example DAG files in {" and ".join(f"`{name.replace('==', ' ')}`" for name in PACKAGES)}, parsed
and run by Tradewind, unchanged. Written by `python -m tools.airflow_examples`;
`tests/compat/test_examples.py` holds it against what happens.

| file | DAGs | outcome |
|---|---|---|
"""


OLD_HEAD = """
## Those of older versions

The example DAG files in the packages of older versions of `apache-airflow`, parsed. They are
written in the words of their time; Airflow 3 itself loads few of them.

| version | files | parse | others |
|---|---|---|---|"""


def main() -> None:
    logging.disable(logging.CRITICAL)
    lines = []
    for name in files(unpacked()):
        with at_home(unpacked()) as root:
            lines.append(outcome(root, name))
    lines += [OLD_HEAD, *(older_row(version, python) for version, python in OLDER.items())]
    PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
