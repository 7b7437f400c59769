"""Passwords: argon2id, with constant work for names that do not exist."""

from __future__ import annotations

import secrets
import string
import threading
from functools import cache
from typing import TYPE_CHECKING

from tradewind.errors import UserError

if TYPE_CHECKING:
    # A server in which nobody signs in need not hold it in memory.
    from argon2 import PasswordHasher

SHORTEST = 8
LONGEST = 256
"""A longer one is no safer, and hashing it costs."""

_ALPHABET = string.ascii_letters + string.digits
_GENERATED = 20

_one_at_a_time = threading.Lock()
"""A hash takes 19 MiB: many at once would take the machine's memory."""


def check_new(password: str) -> None:
    """Refuse a password that is too short or too long.

    Raises:
        UserError: it is.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise UserError(f"a password has {SHORTEST} to {LONGEST} characters")


def generate() -> str:
    """Return a random password."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_GENERATED))


def hash_of(password: str) -> str:
    """Return the hash to store."""
    with _one_at_a_time:
        return _hasher().hash(password)


def matches(stored: str | None, password: str) -> bool:
    """Tell whether a password is the one that was hashed; None takes as long, and is False."""
    from argon2.exceptions import Argon2Error, InvalidHashError  # noqa: PLC0415

    with _one_at_a_time:
        try:
            _hasher().verify(stored or _nobodys_hash(), password[:LONGEST])
        except (Argon2Error, InvalidHashError):
            return False
    return stored is not None


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher  # noqa: PLC0415

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


@cache
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_hex())
