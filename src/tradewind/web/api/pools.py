"""Pools and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.actions import pools as change
from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.run import Pool
from tradewind.store.pools import all_pools
from tradewind.store.read.occupancy import PoolUse, pool_uses
from tradewind.store.read.paging import BadOrder, Page
from tradewind.web.access import Access
from tradewind.web.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate, carry_out
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, MaskQuery, Name, Shape, slice_of
from tradewind.web.site import Site

routes = Routes("Pool")
_ALL = "/api/v2/pools"
_ONE = f"{_ALL}/{{pool_name:path}}"
_Slots = Annotated[int, Meta(ge=-1, le=2**31 - 1)]
_UNLIMITED = -1


class PoolBody(Body):
    """A pool. slots: -1 is any number."""

    name: Name
    slots: _Slots
    description: str | None = None
    include_deferred: bool = False
    team_name: Annotated[str, Meta(max_length=50)] | None = None


class PoolPatchBody(Body):
    """What may be changed of a pool."""

    pool: str | None = None
    slots: _Slots | None = None
    description: str | None = None
    include_deferred: bool | None = None
    team_name: Annotated[str, Meta(max_length=50)] | None = None


class PoolsQuery(Page, kw_only=True):
    """Which pools are wanted."""

    pool_name_pattern: str | None = None
    pool_name_prefix_pattern: str | None = None


class PoolResponse(Shape):
    """A pool with its slots by what holds them."""

    name: str
    slots: int
    description: str | None
    include_deferred: bool
    occupied_slots: int
    running_slots: int
    queued_slots: int
    scheduled_slots: int
    open_slots: int
    deferred_slots: int
    team_name: str | None


class PoolCollectionResponse(Shape):
    """Pools."""

    pools: list[PoolResponse]
    total_entries: int


class BulkBody(Body):
    """Many changes of pools."""

    actions: list[BulkCreate[PoolBody] | BulkUpdate[PoolBody] | BulkDelete[PoolBody]]


@routes.get(_ALL, Access.VIEW)
def get_pools(call: Call[PoolsQuery, None]) -> PoolCollectionResponse:
    """List pools."""
    query = call.query
    part = slice_of(call.site.config, query, "name")
    found = [
        use
        for use in pool_uses(call.site.db)
        if _matches(use.pool.name, query.pool_name_pattern, query.pool_name_prefix_pattern)
    ]
    for name in reversed(part.order_by):
        field = {"name": "name", "pool": "name", "id": "name", "slots": "slots"}.get(
            name.removeprefix("-")
        )
        if field is None:
            raise BadOrder(
                f"Ordering with '{name}' is disallowed; pools are ordered by name, slots"
            )
        found.sort(key=lambda use: getattr(use.pool, field), reverse=name.startswith("-"))
    page = found[part.offset : part.offset + part.limit]
    return PoolCollectionResponse(pools=[_shape(use) for use in page], total_entries=len(found))


@routes.get(_ONE, Access.VIEW)
def get_pool(call: Call[None, None]) -> PoolResponse:
    """Return a pool."""
    return _the_pool(call.site, call.path["pool_name"])


@routes.post(_ALL, Access.OP, status=201)
def post_pool(call: Call[None, PoolBody]) -> PoolResponse:
    """Make a pool."""
    kept, body = Pools(call.site), call.body
    if kept.exists(body.name):
        raise AlreadyExists(f"there is a pool {body.name!r} already")
    kept.create(body)
    call.audit(after=msgspec.to_builtins(body))
    return _the_pool(call.site, body.name)


@routes.patch(_ONE, Access.OP)
def patch_pool(call: Call[MaskQuery, PoolPatchBody]) -> PoolResponse:
    """Change a pool."""
    name, body, mask = call.path["pool_name"], call.body, call.query.update_mask
    if body.pool is not None and body.pool != name:
        raise invalid("pool", "pools are not renamed; make another one", body.pool)
    fields = {
        n: v
        for n, v in msgspec.structs.asdict(body).items()
        if n in {"slots", "description", "include_deferred"} and v is not None
    }
    before = _named(call.site, name)
    changed = {n: v for n, v in fields.items() if not mask or n in mask}
    after = msgspec.structs.replace(before, **changed)
    site = call.site
    change.set_pool(site.db, site.signal, site.clock, after)
    call.audit(before=msgspec.to_builtins(before), after=msgspec.to_builtins(after))
    return _the_pool(site, name)


@routes.patch(_ALL, Access.OP)
def bulk_pools(call: Call[None, BulkBody]) -> BulkResponse:
    """Make, change and remove many pools."""
    done = carry_out(call.body.actions, Pools(call.site))
    call.audit(after=msgspec.to_builtins(done))
    return done


@routes.delete(_ONE, Access.OP)
def delete_pool(call: Call[None, None]) -> None:
    """Remove a pool."""
    before = _named(call.site, call.path["pool_name"])
    Pools(call.site).delete(before.name)
    call.audit(before=msgspec.to_builtins(before))


class Pools:
    """Pools that can be changed one by one."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def key(self, entity: PoolBody) -> str:
        """Return a pool's name."""
        return entity.name

    def exists(self, key: str) -> bool:
        """Tell whether there is a pool of this name."""
        return any(pool.name == key for pool in all_pools(self._site.db))

    def create(self, entity: PoolBody) -> None:
        """Make a pool."""
        site = self._site
        made = Pool(
            name=entity.name,
            slots=entity.slots,
            description=entity.description or "",
            include_deferred=entity.include_deferred,
        )
        change.set_pool(site.db, site.signal, site.clock, made)

    def update(self, entity: PoolBody, mask: Sequence[str]) -> None:
        """Change a pool."""
        old = _named(self._site, entity.name)
        given: dict[str, Any] = {
            "slots": entity.slots,
            "description": entity.description or "",
            "include_deferred": entity.include_deferred,
        }
        changed = {n: v for n, v in given.items() if not mask or n in mask}
        site = self._site
        change.set_pool(site.db, site.signal, site.clock, msgspec.structs.replace(old, **changed))

    def delete(self, key: str) -> None:
        """Remove a pool."""
        site = self._site
        change.delete_pool(site.db, site.signal, site.clock, key)


def _named(site: Site, name: str) -> Pool:
    for pool in all_pools(site.db):
        if pool.name == name:
            return pool
    raise NotFound(f"there is no pool {name!r}")


def _the_pool(site: Site, name: str) -> PoolResponse:
    for use in pool_uses(site.db):
        if use.pool.name == name:
            return _shape(use)
    raise NotFound(f"there is no pool {name!r}")


def _matches(name: str, pattern: str | None, prefix: str | None) -> bool:
    like = pattern in {None, "~"} or any(
        part.strip("%").lower() in name.lower() for part in (pattern or "").split("|")
    )
    begins = prefix in {None, "~"} or name.startswith(tuple((prefix or "").split("|")))
    return like and begins


def _shape(use: PoolUse) -> PoolResponse:
    return PoolResponse(
        name=use.pool.name,
        slots=use.pool.slots,
        description=use.pool.description,
        include_deferred=use.pool.include_deferred,
        occupied_slots=use.occupied,
        running_slots=use.running,
        queued_slots=use.queued,
        scheduled_slots=use.scheduled,
        open_slots=_UNLIMITED if use.open is None else use.open,
        deferred_slots=use.deferred,
        team_name=None,
    )
