"""What a warm pool wants done: of the API server, and of its pods."""

from __future__ import annotations

import msgspec

from tradewind.wire.warm import ToPod


class Make(msgspec.Struct, frozen=True):
    """Order: create a pod."""

    name: str


class MakeSecret(msgspec.Struct, frozen=True):
    """Order: create a pod's Secret; it may be there."""

    name: str
    uid: str


class Call(msgspec.Struct, frozen=True):
    """Order: keep a connection to a pod."""

    name: str
    address: str


class HangUp(msgspec.Struct, frozen=True):
    """Order: close it."""

    name: str


class Say(msgspec.Struct, frozen=True):
    """Order: tell a pod."""

    name: str
    message: ToPod


WarmOrder = Make | MakeSecret | Call | HangUp | Say
