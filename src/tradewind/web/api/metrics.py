"""/metrics for Prometheus."""

from __future__ import annotations

from starlette.responses import Response

from tradewind.errors import NotFound
from tradewind.web.access import Access, Forbidden, NotSignedIn
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.metrics.exposition import CONTENT_TYPE, render
from tradewind.web.metrics.readings import readings

routes = Routes("Monitor")


@routes.get("/metrics", Access.PUBLIC)
def get_metrics(call: Call[None, None]) -> Response:
    """Return figures in Prometheus's text format."""
    _check(call)
    return Response(render(readings(call.site, call.site.tally)), media_type=CONTENT_TYPE)


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
