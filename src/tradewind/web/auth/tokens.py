"""API tokens: JSON web tokens signed with Ed25519, good while the database knows their id.

The algorithm is pinned, and the audience is the API's: a token of another kind does not open
it. What a token's owner may do is read from the database at each use, not from the token.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from tradewind.clock import Clock
from tradewind.errors import ConfigError
from tradewind.store.accounts import Session

ISSUER = "tradewind"
AUDIENCE = "urn:tradewind:api"
_ALGORITHM = "EdDSA"
_REQUIRED = ["exp", "iat", "nbf", "aud", "iss", "sub", "jti"]
_LONGEST = 4096
_LEEWAY_S = 10


class Tokens:
    """Sign and read tokens with the key of a file, which is made when it is missing."""

    def __init__(self, key_file: Path, clock: Clock) -> None:
        self._file = key_file
        self._clock = clock
        self._lock = threading.Lock()
        self._key: Any = None

    def sign(self, session: Session, role: str) -> str:
        """Return the token of a session."""
        # Not at the top: a server that nobody asks for a token need not hold these in memory.
        import jwt  # noqa: PLC0415

        claims = {
            "sub": session.username,
            "role": role,
            "jti": session.session_id,
            "iss": ISSUER,
            "aud": AUDIENCE,
            "iat": session.created_at,
            "nbf": session.created_at,
            "exp": session.expires_at,
        }
        return jwt.encode(claims, self._private(), algorithm=_ALGORITHM)

    def session_id(self, token: str) -> str | None:
        """Return the id of a token's session; None when the token is not one of ours."""
        import jwt  # noqa: PLC0415

        if len(token) > _LONGEST:
            return None
        try:
            claims = jwt.decode(
                token,
                self._private().public_key(),
                algorithms=[_ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                # Times are checked below, by the clock that everything else goes by.
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError:
            return None
        found, now_s = claims["jti"], self._clock.now().timestamp()
        if not all(isinstance(claims[name], int) for name in ("exp", "nbf")):
            return None
        if not claims["nbf"] - _LEEWAY_S <= now_s < claims["exp"]:
            return None
        return found if isinstance(found, str) else None

    def _private(self) -> Any:
        with self._lock:
            if self._key is None:
                self._key = _load(self._file)
            return self._key


def _load(path: Path) -> Any:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (  # noqa: PLC0415
        Ed25519PrivateKey,
    )

    if not path.exists():
        pem = Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        _write(path, pem)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"api_auth.jwt_private_key_path: cannot read {path}: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigError(f"api_auth.jwt_private_key_path: {path} is not an Ed25519 key")
    return key


def _write(path: Path, pem: bytes) -> None:
    """Write the key whole or not at all; the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as handle:
        handle.write(pem)
        handle.flush()
        os.fsync(handle.fileno())
    with contextlib.suppress(FileExistsError):
        os.link(fresh, path)
    fresh.unlink()
