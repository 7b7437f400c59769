"""What a warm pool is asked to be."""

from __future__ import annotations

import msgspec

from tradewind.executors.kubernetes.warm.pods import WarmPods
from tradewind.executors.kubernetes.warm.stock import Warmth


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """A warm pool as the settings want it. port: where its pods listen."""

    warmth: Warmth
    pods: WarmPods
    port: int
