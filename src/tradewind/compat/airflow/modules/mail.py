"""`airflow.utils.email` for provider packages that send the message themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from typing import Any

from tradewind.sdk.mail import addresses, build_message, send_email

__all__ = ["build_mime_message", "get_email_address_list", "send_email", "send_email_smtp"]

send_email_smtp = send_email
get_email_address_list = addresses


def build_mime_message(
    mail_from: str | None,
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: Mapping[str, Any] | None = None,
) -> tuple[EmailMessage, list[str]]:
    """Return a message and the addresses it is for; see `send_email`."""
    message = build_message(
        to,
        subject,
        html_content,
        sender=mail_from or "",
        files=files,
        cc=cc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        custom_headers=custom_headers,
    )
    return message, [*addresses(to), *addresses(cc), *addresses(bcc)]
