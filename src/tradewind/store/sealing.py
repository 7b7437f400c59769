"""Encryption at rest.

A value is an AES-256-GCM envelope "v2:<key id>:<nonce>:<ciphertext>" whose additional data
names the table and row, so that a ciphertext moved to another row does not open. The first
key seals; every configured key opens.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tradewind.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_FORMAT = b"v2"
_KEY_BYTES = 32
_NONCE_BYTES = 12


class Box:
    """Seal and open values.

    Args:
        keys: URL-safe base64 of 32 bytes each, the newest first.

    Raises:
        ConfigError: there is no key, or one is not right.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        if not keys:
            raise ConfigError(
                "no encryption key: set database.encryption_keys, or let `tradewind db migrate` "
                "make one"
            )
        self._keys = {_key_id(k): _key_bytes(k) for k in keys}
        self._first = _key_id(keys[0])

    def seal(self, value: bytes, where: str) -> bytes:
        """Encrypt a value for one place ("variable/key")."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = _cipher(self._keys[self._first]).encrypt(nonce, value, where.encode())
        return b":".join(
            [_FORMAT, self._first.encode(), base64.b64encode(nonce), base64.b64encode(sealed)]
        )

    def open(self, envelope: bytes, where: str) -> bytes:
        """Decrypt a value.

        Raises:
            ConfigError: the key that sealed it is not configured, or the row was tampered with.
        """
        key_id, nonce, sealed = _parts(envelope, where)
        key = self._keys.get(key_id)
        if key is None:
            raise ConfigError(
                f"{where} was encrypted with key {key_id!r}, which is not configured; "
                "add it to database.encryption_keys"
            )
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415  as in `_cipher`

        try:
            return _cipher(key).decrypt(nonce, sealed, where.encode())
        except InvalidTag as error:
            raise ConfigError(
                f"{where} does not decrypt: its row was changed by hand; set it again"
            ) from error

    def is_current(self, envelope: bytes, where: str) -> bool:
        """Tell whether the first key sealed this."""
        return _parts(envelope, where)[0] == self._first


def new_key() -> str:
    """Return a fresh key."""
    return base64.urlsafe_b64encode(os.urandom(_KEY_BYTES)).decode()


def ensure_key_file(path: Path) -> tuple[str, ...]:
    """Return the keys in a file (newest first), making the file with one key if missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(new_key() + "\n")
            handle.flush()
            os.fsync(handle.fileno())
        # Whole or not at all, and the first of two processes wins.
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return tuple(k for k in path.read_text(encoding="utf-8").split() if k)


def _parts(envelope: bytes, where: str) -> tuple[str, bytes, bytes]:
    try:
        form, key_id, nonce, sealed = envelope.split(b":")
        if form != _FORMAT:
            raise ValueError(form)
        return key_id.decode(), base64.b64decode(nonce), base64.b64decode(sealed)
    except (ValueError, binascii.Error) as error:
        raise ConfigError(
            f"{where} is not an encrypted value that this Tradewind can read; set it again"
        ) from error


def _cipher(key: bytes) -> AESGCM:
    # 8 MiB, which every part would carry, whether or not anything is sealed.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415

    return AESGCM(key)


def _key_bytes(key: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
    except (ValueError, binascii.Error) as error:
        raise ConfigError("an encryption key is not URL-safe base64") from error
    if len(raw) != _KEY_BYTES:
        raise ConfigError("an encryption key must be 32 bytes in URL-safe base64")
    return raw


def _key_id(key: str) -> str:
    return hashlib.sha256(_key_bytes(key)).hexdigest()[:8]
