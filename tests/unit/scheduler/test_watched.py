"""The leader announces its turns for a while after somebody asked for it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.scheduler.town import Town, dag
from tradewind.store.commits import ANNOUNCED_S, ASK_S


def test_turns_are_announced_while_somebody_asks(tmp_path: Path, sqlite_template: Path) -> None:
    town = Town(tmp_path, sqlite_template, dag())
    (node,) = town.cluster.nodes.values()
    seen = [node.scheduler.watched]
    for wait_s in (ASK_S, ANNOUNCED_S - 1):
        node.signal.askings += 1
        seen.append(node.scheduler.watched)
        town.after(wait_s)
        seen.append(node.scheduler.watched)
    town.after(2)
    seen.append(node.scheduler.watched)
    assert seen == [False, True, True, True, True, False]
