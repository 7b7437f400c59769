from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kube import cluster as clusters
from tests.kube.attached import KUBECONFIG, attached
from tests.kube.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    named = os.environ.get(KUBECONFIG)
    try:
        with attached(Path(named)) if named else clusters.running() as started:
            yield started
    except clusters.Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    return cluster.namespace()
