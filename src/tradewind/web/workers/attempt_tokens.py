"""Tokens for one attempt each: who has one may speak for that attempt, for minutes.

A token is made when an attempt is claimed and renewed when it beats. It says where the attempt's
log goes, so that lines are taken without asking the database. Once expired it opens nothing but
a beat (`Grant.expired`), and the beat counts only while the attempt is current.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.web.auth.signing import SigningKey

AUDIENCE = "urn:tradewind:worker"
LIFETIME_S = 600
_LEEWAY_S = 10
_REMEMBERED = 4096
"""Tokens whose signature is not computed again."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a token allows. log_path: of the attempt's log, relative to the log folder."""

    attempt_id: AttemptId
    log_path: str
    expired: bool
    renew: bool


class AttemptTokens:
    """Make and read tokens of attempts."""

    def __init__(self, key: SigningKey, clock: Clock, lifetime_s: int = LIFETIME_S) -> None:
        self._key = key
        self._clock = clock
        self._lifetime_s = lifetime_s
        self._verified: dict[str, dict[str, Any]] = {}

    def make(self, attempt_id: AttemptId, log_path: str) -> str:
        """Return a token for an attempt."""
        now_s = int(self._clock.now().timestamp())
        return self._key.sign(
            AUDIENCE,
            {
                "sub": attempt_id,
                "log": log_path,
                "iat": now_s,
                "nbf": now_s,
                "exp": now_s + self._lifetime_s,
            },
        )

    def read(self, attempt_id: AttemptId, token: str) -> Grant | None:
        """Return what a token allows; None when it is not a token of this attempt."""
        claims = self._claims(token)
        if claims is None or claims["sub"] != attempt_id or not isinstance(claims.get("log"), str):
            return None
        now_s = self._clock.now().timestamp()
        if claims["nbf"] - _LEEWAY_S > now_s:
            return None
        return Grant(
            attempt_id=attempt_id,
            log_path=claims["log"],
            expired=claims["exp"] <= now_s,
            renew=claims["exp"] - now_s < self._lifetime_s / 2,
        )

    def _claims(self, token: str) -> dict[str, Any] | None:
        """Return what a token claims. A signature that was right once is right for good."""
        known = self._verified.get(token)
        if known is None:
            known = self._key.claims(AUDIENCE, token)
            if known is not None:
                if len(self._verified) >= _REMEMBERED:
                    self._verified.clear()
                self._verified[token] = known
        return known
