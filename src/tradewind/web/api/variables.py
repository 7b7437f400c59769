"""Variables. A value under a telling name goes in and never comes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from tradewind.errors import AlreadyExists, NotFound
from tradewind.model.telling import SHOWN, hide, is_telling, restore
from tradewind.store.read import secret_list
from tradewind.store.read.paging import Page
from tradewind.store.secrets import Secrets, VariableValue
from tradewind.web.access import Access
from tradewind.web.api.bulk import BulkCreate, BulkDelete, BulkResponse, BulkUpdate, carry_out
from tradewind.web.call import Call
from tradewind.web.endpoint import Routes
from tradewind.web.refusals import invalid
from tradewind.web.shapes import Body, MaskQuery, Name, Shape, slice_of

routes = Routes("Variable")
_ALL = "/api/v2/variables"
_ONE = f"{_ALL}/{{variable_key:path}}"
_MASK = frozenset({"key", "value", "description", "team_name"})


class VariableBody(Body):
    """A variable. A value that is no text is kept as JSON."""

    key: Name
    value: Any
    description: str | None = None
    team_name: Annotated[str, Meta(max_length=50)] | None = None


class VariablesQuery(Page, kw_only=True):
    """Which variables are wanted."""

    variable_key_pattern: str | None = None
    variable_key_prefix_pattern: str | None = None


class VariableResponse(Shape):
    """A variable; what is secret of its value is hidden."""

    key: str
    value: str | None
    description: str | None
    is_encrypted: bool
    team_name: str | None


class VariableCollectionResponse(Shape):
    """Variables."""

    variables: list[VariableResponse]
    total_entries: int


class BulkBody(Body):
    """Many changes of variables."""

    actions: list[BulkCreate[VariableBody] | BulkUpdate[VariableBody] | BulkDelete[VariableBody]]


@routes.get(_ALL, Access.OP)
def get_variables(call: Call[VariablesQuery, None]) -> VariableCollectionResponse:
    """List variables."""
    query = call.query
    keys, total = secret_list.variable_keys(
        call.site.db,
        query.variable_key_pattern,
        query.variable_key_prefix_pattern,
        slice_of(call.site.config, query, "key"),
    )
    shown = [_shape(call.site.secrets.variable(key)) for key in keys]
    return VariableCollectionResponse(variables=shown, total_entries=total)


@routes.get(_ONE, Access.OP)
def get_variable(call: Call[None, None]) -> VariableResponse:
    """Return a variable."""
    return _shape(call.site.secrets.variable(call.path["variable_key"]))


@routes.post(_ALL, Access.OP, status=201)
def post_variable(call: Call[None, VariableBody]) -> VariableResponse:
    """Make a variable."""
    kept, body = Variables(call.site.secrets), call.body
    if kept.exists(body.key):
        raise AlreadyExists(f"there is a variable {body.key!r} already")
    kept.create(body)
    call.audit(after={"key": body.key, "description": body.description})
    return _shape(call.site.secrets.variable(body.key))


@routes.patch(_ONE, Access.OP)
def patch_variable(call: Call[MaskQuery, VariableBody]) -> VariableResponse:
    """Change a variable. A value that comes back hidden stays as it is."""
    key, body, mask = call.path["variable_key"], call.body, call.query.update_mask
    if body.key != key:
        raise invalid("key", f"is not the key in the path, {key!r}", body.key)
    if not set(mask) <= _MASK:
        raise invalid("update_mask", f"names no field of a variable: {mask}", where="query")
    before = call.site.secrets.variable(key)
    Variables(call.site.secrets).update(body, mask)
    after = call.site.secrets.variable(key)
    call.audit(
        before={"description": before.description},
        after={"description": after.description, "value_changed": before.value != after.value},
    )
    return _shape(after)


@routes.patch(_ALL, Access.OP)
def bulk_variables(call: Call[None, BulkBody]) -> BulkResponse:
    """Make, change and remove many variables."""
    done = carry_out(call.body.actions, Variables(call.site.secrets))
    call.audit(after=msgspec.to_builtins(done))
    return done


@routes.delete(_ONE, Access.OP)
def delete_variable(call: Call[None, None]) -> None:
    """Remove a variable."""
    Variables(call.site.secrets).delete(call.path["variable_key"])


class Variables:
    """Variables that can be changed one by one."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def key(self, entity: VariableBody) -> str:
        """Return a variable's key."""
        return entity.key

    def exists(self, key: str) -> bool:
        """Tell whether there is a variable of this key."""
        return key in self._secrets.variable_keys(key)

    def create(self, entity: VariableBody) -> None:
        """Make a variable."""
        self._secrets.set_variable(entity.key, _text(entity.value), entity.description)

    def update(self, entity: VariableBody, mask: Sequence[str]) -> None:
        """Change a variable; hidden parts stay as they are."""
        old = self._secrets.variable(entity.key)
        value = _restored(entity.value, old.value) if not mask or "value" in mask else old.value
        described = entity.description if not mask or "description" in mask else None
        self._secrets.set_variable(entity.key, value, described)

    def delete(self, key: str) -> None:
        """Remove a variable.

        Raises:
            NotFound: there is none.
        """
        if not self._secrets.delete_variable(key):
            raise NotFound(f"there is no variable {key!r}")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _restored(value: Any, old: str) -> str:
    if value == SHOWN:
        return old
    was = _parsed(old)
    now = _parsed(value) if isinstance(value, str) else value
    if isinstance(now, dict | list) and isinstance(was, dict | list):
        return _text(restore(now, was))
    return _text(value)


def _parsed(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


def _shape(found: VariableValue) -> VariableResponse:
    value = found.value
    if is_telling(found.key):
        value = SHOWN
    else:
        parsed = _parsed(value)
        if isinstance(parsed, dict | list):
            hidden = hide(parsed)
            value = value if hidden == parsed else _text(hidden)
    return VariableResponse(
        key=found.key,
        value=value,
        description=found.description,
        is_encrypted=True,
        team_name=None,
    )
