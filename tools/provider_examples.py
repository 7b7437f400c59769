"""Write docs/provider-examples.md: which example DAG files of provider packages load."""

from __future__ import annotations

from tests.providers.conftest import (
    LIBRARIES,
    MORE_LIBRARIES,
    MORE_PROVIDERS,
    PROVIDERS,
    made,
    runner,
)
from tests.providers.test_examples import PAGE, rows

HEAD = """# The example DAGs of providers

The example DAG files in the source packages of `apache-airflow-providers-…` (`tests/system`),
parsed by Tradewind, unchanged, with the packages installed without Apache Airflow. They call the
services that they are for, so they are not run here. Written by `python -m
tools.provider_examples`; `tests/providers/test_examples.py` (`make providers`) holds it against
what happens. What the files use of `tests_common`, Airflow's own test tools, which no registry has,
stands in the test.

The libraries of the google provider take 1.6 GB, so its files are no part of that test. Loaded by
hand (version 22.8.0, with the libraries and the other providers that they import): 186 of 194; the
other eight need confluent-kafka, mysqlclient, parts of the Azure SDK, or say themselves that what
they need is not there.

| provider | files | load | DAGs | others |
|---|---|---|---|---|
"""


def main() -> None:
    libraries = (*LIBRARIES, *MORE_LIBRARIES)
    python = made("more-providers", {**PROVIDERS, **MORE_PROVIDERS}, libraries)
    PAGE.write_text(HEAD + "\n".join(rows(runner(python))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
