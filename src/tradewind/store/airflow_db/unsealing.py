"""Decrypt what Airflow encrypted: passwords, extras and variables, by its Fernet keys."""

from __future__ import annotations

from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from tradewind.errors import UserError


class FernetKeys:
    """Airflow's keys.

    Args:
        text: `[core] fernet_key` of the deployment: one key, or several with commas between
            them, the newest first.

    Raises:
        UserError: one of them is no Fernet key. It is not shown.
    """

    def __init__(self, text: str | None) -> None:
        keys = [key.strip() for key in (text or "").split(",") if key.strip()]
        try:
            self._box = MultiFernet([Fernet(key) for key in keys]) if keys else None
        except ValueError as error:
            raise UserError(
                "the fernet key is none: it is 32 bytes in URL-safe base64, 44 characters; give "
                "`[core] fernet_key` of the Airflow deployment as it is, several keys with commas"
            ) from error
        self._count = len(keys)

    def open(self, value: str | None, *, encrypted: Any, what: str) -> str | None:
        """Return a value in plain text.

        Args:
            value: as it is stored.
            encrypted: what the row says of it.
            what: what it is, for the error.

        Raises:
            UserError: it is encrypted, and no key is given, or none of them fits.
        """
        if not encrypted or not value:
            return value
        if self._box is None:
            raise UserError(
                f"{what} is encrypted; give the deployment's `[core] fernet_key` with "
                "--fernet-key or in AIRFLOW__CORE__FERNET_KEY"
            )
        try:
            return self._box.decrypt(value.encode()).decode()
        except InvalidToken as error:
            given = "the fernet key" if self._count == 1 else f"none of the {self._count} keys"
            verb = "does not open" if self._count == 1 else "opens"
            raise UserError(
                f"{given} {verb} {what}: it was encrypted with another one; give every key that "
                "the deployment ever had, with commas between them"
            ) from error
