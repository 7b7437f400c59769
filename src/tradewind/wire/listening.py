"""Who listens at a path: the leader, until the next one takes the path.

A leader that stands still (it was stopped, or its machine swaps) keeps its connections and says
nothing. The next leader listens at the same path with a socket of its own, so a look at the path
tells whether a connection still leads to whoever listens there.
"""

from __future__ import annotations

from pathlib import Path

LOOK_S = 2.0
"""How often to look: a part of what a take-over takes."""


def listener_at(path: str | Path) -> int | None:
    """Return what tells one listener at a path from the next; None when nobody listens.

    It is the socket's inode, which is not used again while its socket is there.
    """
    try:
        return Path(path).stat().st_ino
    except OSError:
        return None
