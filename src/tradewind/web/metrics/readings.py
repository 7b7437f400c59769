"""Everything that is measured, as one look finds it."""

from __future__ import annotations

from tradewind import __version__
from tradewind.executors.capacity import configured_capacity
from tradewind.store import components
from tradewind.store.read import figures, occupancy
from tradewind.web.health import PARTS, limits_s
from tradewind.web.metrics import gauges
from tradewind.web.metrics.exposition import Family
from tradewind.web.metrics.tally import Tally
from tradewind.web.site import Site


def readings(site: Site, tally: Tally) -> list[Family]:
    """Look, and return every family.

    Args:
        site: the server.
        tally: what was counted before; it counts what is new.
    """
    now = site.clock.now()
    found = figures.figures(site.db)
    parts = [part for kind in PARTS if (part := components.latest(site.db, kind)) is not None]
    limits, core = limits_s(site.config), site.config.core
    up = [p for p in parts if p.kind == "triggerer" and p.stopped_at is None]
    deferred = sum(n for (_, state), n in found.tasks.items() if state == "deferred")
    return [
        gauges.gauge(
            "tradewind_build_info", "The version that runs.", [({"version": __version__}, 1)]
        ),
        *gauges.part_families(parts, limits, now),
        *gauges.pool_families(occupancy.pool_uses(site.db)),
        *gauges.executor_families(configured_capacity(core).executors, core.parallelism, found),
        *gauges.work_families(found),
        gauges.number(
            "airflow_triggerer_capacity_left",
            "Tasks that the triggerer could take more.",
            max(0, site.config.triggerer.capacity - deferred) if up else 0,
        ),
        *gauges.file_families(found, now),
        *tally.look(parts),
    ]
