from __future__ import annotations

import os
from pathlib import Path

from tradewind.scheduler.channel import Channel


def test_a_scheduler_that_leads_again_watches_again(tmp_path: Path) -> None:
    woken = os.eventfd(0)
    channel = Channel(tmp_path / "workers.sock")
    for _ in range(2):
        channel.open()
        channel.watch(woken)
        os.eventfd_write(woken, 1)
        assert channel.poll(30.0) == []
        os.eventfd_read(woken)
        channel.close()
    os.close(woken)
