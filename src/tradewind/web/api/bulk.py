"""Many changes of one kind in one request: each entity succeeds or fails by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Generic, Literal, Protocol, TypeVar

import msgspec
from msgspec import Meta

from tradewind.errors import AlreadyExists, NotFound, TradewindError, UserError
from tradewind.web.access import Forbidden
from tradewind.web.shapes import Shape

E = TypeVar("E")
K_contra = TypeVar("K_contra", contravariant=True)
_MOST = Meta(max_length=1_000)


class BulkCreate(
    msgspec.Struct,
    Generic[E],
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="action",
    tag="create",
):
    """Make entities."""

    entities: Annotated[list[E], _MOST]
    action_on_existence: Literal["fail", "skip", "overwrite"] = "fail"


class BulkUpdate(
    msgspec.Struct,
    Generic[E],
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="action",
    tag="update",
):
    """Change entities."""

    entities: Annotated[list[E], _MOST]
    update_mask: list[str] | None = None
    action_on_non_existence: Literal["fail", "skip"] = "fail"


class BulkDelete(
    msgspec.Struct,
    Generic[E],
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="action",
    tag="delete",
):
    """Remove entities, named or given whole."""

    entities: Annotated[list[str | E], _MOST]
    action_on_non_existence: Literal["fail", "skip"] = "fail"


class BulkActionResponse(Shape):
    """What became of the entities of one kind of action."""

    success: list[str]
    errors: list[dict[str, Any]]


class BulkResponse(Shape):
    """What became of a bulk request."""

    create: BulkActionResponse | None = None
    update: BulkActionResponse | None = None
    delete: BulkActionResponse | None = None


class Kept(Protocol[K_contra]):
    """Entities that can be changed one by one."""

    def key(self, entity: K_contra) -> str:
        """Return an entity's name."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is one of this name."""
        ...

    def create(self, entity: K_contra) -> None:
        """Make one, or make one anew."""
        ...

    def update(self, entity: K_contra, mask: Sequence[str]) -> None:
        """Change one that exists."""
        ...

    def delete(self, key: str) -> None:
        """Remove one that exists."""
        ...


def carry_out(
    actions: Sequence[BulkCreate[E] | BulkUpdate[E] | BulkDelete[E]], kept: Kept[E]
) -> BulkResponse:
    """Carry out actions in their order."""
    response = BulkResponse()
    for action in actions:
        if isinstance(action, BulkCreate):
            done = response.create = response.create or _nothing()
            for entity in action.entities:
                _one(done, kept.key(entity), partial(_create, kept, entity, action))
        elif isinstance(action, BulkUpdate):
            done = response.update = response.update or _nothing()
            for entity in action.entities:
                _one(done, kept.key(entity), partial(_update, kept, entity, action))
        else:
            done = response.delete = response.delete or _nothing()
            for named in action.entities:
                key = named if isinstance(named, str) else kept.key(named)
                _one(done, key, partial(_delete, kept, key, action))
    return response


def _nothing() -> BulkActionResponse:
    return BulkActionResponse(success=[], errors=[])


def _one(done: BulkActionResponse, key: str, change: Callable[[], bool]) -> None:
    try:
        if change():
            done.success.append(key)
    except TradewindError as error:
        done.errors.append({"error": f"{key}: {error}", "status_code": _status(error)})


def _status(error: TradewindError) -> int:
    kinds = ((Forbidden, 403), (NotFound, 404), (AlreadyExists, 409), (UserError, 400))
    return next((status for kind, status in kinds if isinstance(error, kind)), 409)


def _create(kept: Kept[E], entity: E, action: BulkCreate[E]) -> bool:
    key = kept.key(entity)
    if kept.exists(key):
        if action.action_on_existence == "skip":
            return False
        if action.action_on_existence == "fail":
            raise AlreadyExists("exists already")
    kept.create(entity)
    return True


def _update(kept: Kept[E], entity: E, action: BulkUpdate[E]) -> bool:
    if not _there(kept, kept.key(entity), action.action_on_non_existence):
        return False
    kept.update(entity, action.update_mask or [])
    return True


def _delete(kept: Kept[E], key: str, action: BulkDelete[E]) -> bool:
    if not _there(kept, key, action.action_on_non_existence):
        return False
    kept.delete(key)
    return True


def _there(kept: Kept[E], key: str, otherwise: str) -> bool:
    if kept.exists(key):
        return True
    if otherwise == "fail":
        raise NotFound("does not exist")
    return False
