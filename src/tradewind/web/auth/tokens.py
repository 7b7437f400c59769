"""API tokens: signed, and good while the database knows their session.

What a token's owner may do is read from the database at each use, not from the token.
"""

from __future__ import annotations

from tradewind.clock import Clock
from tradewind.store.accounts import Session
from tradewind.web.auth.signing import SigningKey

AUDIENCE = "urn:tradewind:api"
_LEEWAY_S = 10


class Tokens:
    """Sign and read API tokens."""

    def __init__(self, key: SigningKey, clock: Clock) -> None:
        self.key = key
        self._clock = clock

    def sign(self, session: Session, role: str) -> str:
        """Return the token of a session."""
        return self.key.sign(
            AUDIENCE,
            {
                "sub": session.username,
                "role": role,
                "jti": session.session_id,
                "iat": session.created_at,
                "nbf": session.created_at,
                "exp": session.expires_at,
            },
        )

    def session_id(self, token: str) -> str | None:
        """Return the id of a token's session; None when the token is not one of ours."""
        claims = self.key.claims(AUDIENCE, token)
        if claims is None:
            return None
        found, now_s = claims.get("jti"), self._clock.now().timestamp()
        if not claims["nbf"] - _LEEWAY_S <= now_s < claims["exp"]:
            return None
        return found if isinstance(found, str) else None
