"""The bases of what the API takes and gives, and parts that several resources show."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Protocol
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta

from tradewind.config import Config
from tradewind.store.read.dag_list import BUNDLE
from tradewind.store.read.paging import Slice
from tradewind.store.read.versions import VersionRow

Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Note = Annotated[str, Meta(max_length=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=250)]

_NAMESPACE = UUID("9d8b1f5e-6c1a-4f0e-8a75-0a6d0f3f5f11")


class Shape(msgspec.Struct, kw_only=True):
    """What an endpoint answers: every field is always there."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an endpoint takes: nothing that it does not know."""


class MaskQuery(msgspec.Struct, kw_only=True):
    """Which fields of the body a PATCH means; none is all that are given."""

    update_mask: list[str] = []


class Paged(Protocol):
    """A query for a part of a list."""

    limit: int
    offset: int
    order_by: list[str]


def slice_of(config: Config, page: Paged, default_order: str) -> Slice:
    """Return the part of a list that is wanted, within the server's limits."""
    order = tuple(name for name in page.order_by if name) or (default_order,)
    return Slice(limit=bounded_limit(config, page.limit), offset=page.offset, order_by=order)


def bounded_limit(config: Config, limit: int) -> int:
    """Return how many entries an answer has."""
    return min(limit or config.api.page_limit, config.api.maximum_page_limit)


def stable_uuid(*parts: object) -> UUID:
    """Return the id of something whose own key is of other parts."""
    return uuid5(_NAMESPACE, "\x1f".join(map(str, parts)))


class DagVersionResponse(Shape):
    """A version of a DAG."""

    id: UUID
    version_number: int
    dag_id: str
    dag_display_name: str
    bundle_name: str | None
    bundle_version: str | None
    bundle_url: str | None
    created_at: datetime


def version_shape(version: VersionRow, display_name: str | None = None) -> DagVersionResponse:
    """Return a version as the API shows it."""
    return DagVersionResponse(
        id=stable_uuid("version", version.version_id),
        version_number=version.number,
        dag_id=version.dag_id,
        dag_display_name=display_name or version.dag_id,
        bundle_name=BUNDLE,
        bundle_version=version.tree_hash or None,
        bundle_url=None,
        created_at=version.created_at,
    )


def duration_s(start: datetime | None, end: datetime | None) -> float | None:
    """Return how long something took."""
    return (end - start).total_seconds() if start and end else None


def masked(body: Any, mask: list[str]) -> dict[str, Any]:
    """Return the fields of a body that a PATCH means."""
    given = {
        name: value
        for name, value in msgspec.structs.asdict(body).items()
        if value is not msgspec.UNSET
    }
    return {name: value for name, value in given.items() if not mask or name in mask}
