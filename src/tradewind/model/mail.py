"""How e-mail is sent and what it says: settings that the processes of user code are given."""

from __future__ import annotations

import msgspec

VARIABLE = "TRADEWIND_MAIL"
"""Environment variable that hands the settings to processes that run user code."""


class MailSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The mail server, and the sender and templates of mail about tasks.

    The connection `smtp_default` goes before the server here. subject_template,
    html_content_template: files of Jinja templates; "": Tradewind's own text.
    """

    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = True
    ssl: bool = False
    timeout_s: float = 30.0
    retry_limit: int = 5
    mail_from: str = "tradewind@localhost"
    subject_template: str = ""
    html_content_template: str = ""
