"""Source packages of providers, fetched for the tests and kept in the user's cache.

The wheels have no examples; the source packages have them in `tests/system`.
"""

from __future__ import annotations

import functools
import hashlib
import io
import json
import os
import shutil
import tarfile
import tempfile
import urllib.request
from pathlib import Path

import pytest

_TIMEOUT_S = 60


@functools.cache
def system_tests(name: str, version: str) -> Path:
    """Return the folder `tests/system` of a provider's source package.

    A machine that cannot fetch it skips the test; a build server must be able to.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tradewind-tests"
    full = f"apache_airflow_providers_{name.replace('-', '_')}-{version}"
    found = cache / full / "tests" / "system"
    if found.is_dir():
        return found
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache))
    try:
        with tarfile.open(fileobj=io.BytesIO(_fetched(name, f"{full}.tar.gz"))) as archive:
            archive.extractall(partial, filter="data")
        (partial / full).rename(cache / full)
    except OSError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(f"cannot fetch the source package of provider {name}: {error}")
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return found


def _fetched(name: str, filename: str) -> bytes:
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    request = urllib.request.Request(  # noqa: S310 - the registry the user configured
        f"{index}/apache-airflow-providers-{name}/",
        headers={"Accept": "application/vnd.pypi.simple.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
        files = json.load(answer)["files"]
    (file,) = (file for file in files if file["filename"] == filename)
    with urllib.request.urlopen(file["url"], timeout=_TIMEOUT_S) as answer:  # noqa: S310
        content: bytes = answer.read()
    assert hashlib.sha256(content).hexdigest() == file["hashes"]["sha256"], filename
    return content
