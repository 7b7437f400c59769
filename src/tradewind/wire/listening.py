"""Who listens at a path: the leader, until the next one takes the path.

A leader that stands still (it was stopped, or its machine swaps) keeps its connections and says
nothing. The next leader listens at the same path with a socket of its own, so a look at the path
tells whether a connection still leads to whoever listens there.
"""

from __future__ import annotations

from pathlib import Path

LOOK_S = 2.0
"""How often to look: a part of what a take-over takes."""


class Listener:
    """Whoever listened at a path when it was last noted.

    One is told from the next by the socket's inode, which is not used again while its socket is
    there.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._noted: int | None = None

    def note(self) -> None:
        """Note who listens now; to be called before connecting, so that no change is missed."""
        self._noted = self._inode()

    def is_another(self) -> bool:
        """Tell whether somebody else listens by now. Nobody is not somebody else."""
        now = self._inode()
        return now is not None and now != self._noted

    def _inode(self) -> int | None:
        try:
            return self._path.stat().st_ino
        except OSError:
            return None
