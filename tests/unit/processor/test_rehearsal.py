from __future__ import annotations

import sys

from tradewind.processor.rehearsal import rehearse
from tradewind.sdk import scope


def test_a_rehearsal_leaves_nothing_behind() -> None:
    rehearse()  # what it imports for the first time stays, and is to
    path, modules = list(sys.path), set(sys.modules)
    rehearse()
    assert sys.path == path
    assert set(sys.modules) == modules
    assert scope.take_registered() == []
