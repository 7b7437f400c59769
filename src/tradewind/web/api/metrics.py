"""/metrics for Prometheus."""

from __future__ import annotations

from starlette.responses import Response

from tradewind import __version__
from tradewind.errors import NotFound
from tradewind.executors.capacity import configured_capacity
from tradewind.store import components
from tradewind.store.read import figures, occupancy
from tradewind.web.access import Access, Forbidden, NotSignedIn
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.health import PARTS, limits_s
from tradewind.web.metrics import gauges
from tradewind.web.metrics.exposition import CONTENT_TYPE, render

routes = Routes("Monitor")


@routes.get("/metrics", Access.PUBLIC)
def get_metrics(call: Call[None, None]) -> Response:
    """Return figures in Prometheus's text format."""
    _check(call)
    site, now = call.site, call.site.clock.now()
    found = figures.figures(site.db)
    parts = [part for kind in PARTS if (part := components.latest(site.db, kind)) is not None]
    limits, core = limits_s(site.config), site.config.core
    up = [p for p in parts if p.kind == "triggerer" and p.stopped_at is None]
    deferred = sum(n for (_, state), n in found.tasks.items() if state == "deferred")
    families = [
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
        *site.tally.look(parts),
    ]
    return Response(render(families), media_type=CONTENT_TYPE)


def _check(call: Call[None, None]) -> None:
    """Refuse whom the setting keeps out: the figures name every DAG.

    Raises:
        NotFound: they are switched off.
        NotSignedIn: they are for accounts, and it is nobody.
        Forbidden: the account does not see all DAGs.
    """
    access = call.site.config.api.metrics_access
    if access == "off":
        raise NotFound("there are no metrics here: api.metrics_access is off")
    if access == "public":
        return
    if call.caller.account is None:
        raise NotSignedIn
    if call.caller.readable is not None:
        raise Forbidden
