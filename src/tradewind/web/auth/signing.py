"""The Ed25519 key that signs the tokens of this installation, and what is signed with it.

The algorithm is pinned, and each kind of token has an audience of its own: one opens nothing
that another is for.
"""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from typing import Any

from tradewind.errors import ConfigError

ISSUER = "tradewind"
_ALGORITHM = "EdDSA"
_LONGEST = 4096
_REQUIRED = ["exp", "iat", "nbf", "aud", "iss", "sub"]


class SigningKey:
    """Sign and read claims with the key of a file, which is made when it is missing."""

    def __init__(self, key_file: Path) -> None:
        self._file = key_file
        self._lock = threading.Lock()
        self._key: Any = None

    def sign(self, audience: str, claims: dict[str, Any]) -> str:
        """Return a token (JWT) of these claims for an audience."""
        # Not at the top: a server that nobody asks for a token need not hold these in memory.
        import jwt  # noqa: PLC0415

        claims = {**claims, "iss": ISSUER, "aud": audience}
        return jwt.encode(claims, self._private(), algorithm=_ALGORITHM)

    def claims(self, audience: str, token: str) -> dict[str, Any] | None:
        """Return what a token claims; None when it is not one of ours for this audience.

        Its times are whole numbers of seconds; whether it is still good is for the caller to
        tell, by the clock that everything else goes by.
        """
        import jwt  # noqa: PLC0415

        if len(token) > _LONGEST:
            return None
        try:
            claims = jwt.decode(
                token,
                self._private().public_key(),
                algorithms=[_ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                options={
                    "require": _REQUIRED,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.PyJWTError:
            return None
        if not all(isinstance(claims[name], int) for name in ("exp", "nbf")):
            return None
        return claims

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
