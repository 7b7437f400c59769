"""The bases of what the API takes and gives."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class Shape(msgspec.Struct, kw_only=True):
    """What an endpoint answers: every field is always there."""


class Body(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """What an endpoint takes: nothing that it does not know."""


Count = Annotated[int, Meta(ge=0)]


class Page(msgspec.Struct, kw_only=True):
    """The part of a list that is wanted. limit: 0 is as many as usual."""

    limit: Count = 0
    offset: Count = 0
    order_by: list[str] = []
