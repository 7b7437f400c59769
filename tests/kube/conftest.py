from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.kube import cluster as clusters
from tests.kube.cluster import Cluster


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    try:
        with clusters.running() as started:
            yield started
    except clusters.Missing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
def namespace(cluster: Cluster) -> str:
    return cluster.namespace()
