"""Links of operators to other systems. User code made them as the task ran; here they are text."""

from __future__ import annotations

from urllib.parse import urlsplit

import msgspec

from tradewind.errors import NotFound
from tradewind.model.ids import UNMAPPED, TiKey
from tradewind.model.spec import LINK_KEY_PREFIX
from tradewind.store import xcoms
from tradewind.web.access import Access
from tradewind.web.api.task_instances import TASK, the_task
from tradewind.web.api.task_shapes import tasks_by_id
from tradewind.web.api.xcoms import native
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.shapes import Shape

routes = Routes("Extra Links")


class LinksQuery(msgspec.Struct, kw_only=True):
    """Which instance of a mapped task is meant; try_number: the latest try's links are kept."""

    map_index: int = UNMAPPED
    try_number: int | None = None


class ExtraLinkCollectionResponse(Shape):
    """Links by name; those that the task has not made are left out."""

    extra_links: dict[str, str]
    total_entries: int


@routes.get(f"{TASK}/links", Access.DAG_READ)
def get_extra_links(call: Call[LinksQuery, None]) -> ExtraLinkCollectionResponse:
    """Return a task instance's links to other systems."""
    row = the_task(call, call.query.map_index)
    task = tasks_by_id(call.site, row.run).get(row.ti.task_id)
    made = {name: _link(call, row.ti.key, name) for name in (task.extra_links if task else ())}
    shown = {name: url for name, url in made.items() if url is not None}
    return ExtraLinkCollectionResponse(extra_links=shown, total_entries=len(shown))


def _link(call: Call[LinksQuery, None], ti: TiKey, name: str) -> str | None:
    try:
        url = native(xcoms.value(call.site.db, ti, LINK_KEY_PREFIX + name))
    except NotFound:
        return None
    return url if isinstance(url, str) and _leads_elsewhere(url) else None


def _leads_elsewhere(url: str) -> bool:
    """Tell whether a browser may follow it: javascript: and the like run code here."""
    try:
        return urlsplit(url).scheme.lower() in {"http", "https"}
    except ValueError:
        return False
