"""Whether a file is there: asked by the file sensor and its trigger."""

from __future__ import annotations

import glob
from pathlib import Path


def found_file(pattern: str, *, recursive: bool) -> str | None:
    """Return a file that fits, or None.

    Args:
        pattern: a path, maybe with wildcards. A folder fits when it has a file in it, however
            deep.
        recursive: whether `**` means any depth.
    """
    for name in glob.iglob(pattern, recursive=recursive):  # noqa: PTH207  patterns may be absolute
        path = Path(name)
        if path.is_file():
            return name
        if path.is_dir() and any(inner.is_file() for inner in path.rglob("*")):
            return name
    return None
