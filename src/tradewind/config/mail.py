"""The sections of mail that tasks send."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from tradewind.config.notation import SECRET, UNIT_S, Seconds


class Smtp(Struct, frozen=True, kw_only=True):
    """The mail server. A connection named smtp_default goes before these settings."""

    host: Annotated[str, Meta(description="The server's name.")] = field(
        default="localhost", name="smtp_host"
    )
    port: Annotated[int, Meta(description="The server's port.", gt=0, le=65535)] = field(
        default=25, name="smtp_port"
    )
    user: Annotated[str, Meta(description="Whom to log in as; empty: nobody.")] = field(
        default="", name="smtp_user"
    )
    password: Annotated[str, Meta(description="The password.", extra=SECRET)] = field(
        default="", name="smtp_password"
    )
    starttls: Annotated[bool, Meta(description="Whether to go over to TLS after connecting.")] = (
        field(default=True, name="smtp_starttls")
    )
    ssl: Annotated[bool, Meta(description="Whether to connect with TLS at once.")] = field(
        default=False, name="smtp_ssl"
    )
    timeout_s: Annotated[
        Seconds, Meta(description="How long to wait for the server.", gt=0, extra=UNIT_S)
    ] = field(default=30.0, name="smtp_timeout")
    retry_limit: Annotated[
        int, Meta(description="Attempts at a server that does not answer.", gt=0)
    ] = field(default=5, name="smtp_retry_limit")
    mail_from: Annotated[str, Meta(description="The sender.")] = field(
        default="tradewind@localhost", name="smtp_mail_from"
    )


class Email(Struct, frozen=True, kw_only=True):
    """Mail to a task's `email` when it fails or is tried again."""

    on_failure: Annotated[
        bool, Meta(description="Whether tasks that do not say so send mail when they fail.")
    ] = field(default=True, name="default_email_on_failure")
    on_retry: Annotated[
        bool, Meta(description="Whether tasks that do not say so send mail at each retry.")
    ] = field(default=True, name="default_email_on_retry")
    from_email: Annotated[str, Meta(description="The sender; empty: smtp_mail_from of [smtp].")] = (
        ""
    )
    subject_template: Annotated[
        str, Meta(description="File with the Jinja template of the subject; empty: our own.")
    ] = ""
    html_content_template: Annotated[
        str, Meta(description="File with the Jinja template of the text; empty: our own.")
    ] = ""
