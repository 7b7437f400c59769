"""EmailOperator and SmtpNotifier: send an e-mail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tradewind.sdk.mail import DEFAULT_CONNECTION, addresses, send_email
from tradewind.sdk.notifier import BaseNotifier
from tradewind.sdk.operator import BaseOperator


class EmailOperator(BaseOperator):
    """Send an e-mail.

    Args:
        to: addresses, a list or a text divided by commas; templated.
        subject: one line; templated.
        html_content: the text in HTML, or the name of a .html file; templated.
        files: paths of files to attach; templated.
        from_email: the sender; templated.
        cc, bcc: further addresses; templated.
        mime_subtype: how text and attachments belong together.
        mime_charset: of the text.
        conn_id: a connection of type smtp; without one, the settings in [smtp] hold.
        custom_headers: more headers.
    """

    template_fields: Sequence[str] = (
        *("to", "subject", "html_content", "from_email", "files", "cc", "bcc"),
        *("mime_subtype", "mime_charset", "conn_id"),
    )
    template_fields_renderers: Mapping[str, str] = {"html_content": "html"}
    template_ext: Sequence[str] = (".html",)
    ui_color = "#e6faf9"

    def __init__(
        self,
        *,
        to: str | Iterable[str],
        subject: str | None = None,
        html_content: str | None = None,
        from_email: str | None = None,
        files: Sequence[str] | None = None,
        cc: str | Iterable[str] | None = None,
        bcc: str | Iterable[str] | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        conn_id: str | None = DEFAULT_CONNECTION,
        custom_headers: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.subject = subject or ""
        self.html_content = html_content or ""
        self.from_email = from_email
        self.files = list(files or ())
        self.cc = cc
        self.bcc = bcc
        self.mime_subtype = mime_subtype
        self.mime_charset = mime_charset
        self.conn_id = conn_id
        self.custom_headers = custom_headers

    def execute(self, context: Any) -> None:
        """Send it."""
        del context
        send_email(
            addresses(self.to),
            self.subject,
            self.html_content,
            self.files,
            cc=self.cc,
            bcc=self.bcc,
            mime_subtype=self.mime_subtype,
            mime_charset=self.mime_charset,
            conn_id=self.conn_id,
            from_email=self.from_email,
            custom_headers=self.custom_headers,
        )


class SmtpNotifier(BaseNotifier):
    """Send an e-mail about a task or a run; an instance of it is a callback.

    Args:
        to: addresses; templated.
        from_email: the sender; templated.
        subject: one line; templated. By default it names the task and its state.
        html_content: the text in HTML; templated.
        files: paths of files to attach; templated.
        cc, bcc: further addresses; templated.
        mime_subtype: how text and attachments belong together.
        mime_charset: of the text.
        custom_headers: more headers.
        smtp_conn_id: a connection of type smtp; without one, the settings in [smtp] hold.
    """

    template_fields: Sequence[str] = (
        *("to", "from_email", "subject", "html_content", "files", "cc", "bcc"),
        *("mime_subtype", "mime_charset", "custom_headers"),
    )

    def __init__(
        self,
        to: str | Iterable[str],
        from_email: str | None = None,
        subject: str | None = None,
        html_content: str | None = None,
        files: Sequence[str] | None = None,
        cc: str | Iterable[str] | None = None,
        bcc: str | Iterable[str] | None = None,
        mime_subtype: str = "mixed",
        mime_charset: str = "utf-8",
        custom_headers: dict[str, Any] | None = None,
        smtp_conn_id: str = DEFAULT_CONNECTION,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.to = to
        self.from_email = from_email
        self.subject = subject if subject is not None else _SUBJECT
        self.html_content = html_content if html_content is not None else _BODY
        self.files = list(files or ())
        self.cc = cc
        self.bcc = bcc
        self.mime_subtype = mime_subtype
        self.mime_charset = mime_charset
        self.custom_headers = custom_headers
        self.smtp_conn_id = smtp_conn_id

    def notify(self, context: Any) -> None:
        """Send it."""
        del context  # the fields are rendered with it already
        send_email(
            addresses(self.to),
            self.subject,
            self.html_content,
            self.files,
            cc=self.cc,
            bcc=self.bcc,
            mime_subtype=self.mime_subtype,
            mime_charset=self.mime_charset,
            conn_id=self.smtp_conn_id,
            from_email=self.from_email,
            custom_headers=self.custom_headers,
        )


_SUBJECT = (
    "DAG {{ dag.dag_id }}{% if ti %}, task {{ ti.task_id }}{% if ti.state %}: {{ ti.state }}"
    "{% endif %}{% endif %} (run {{ run_id }})"
)
_BODY = (
    "<p>DAG <b>{{ dag.dag_id }}</b>, run {{ run_id }}{% if ti %}, task <b>{{ ti.task_id }}</b>, "
    "try {{ ti.try_number }}{% if ti.state %}: {{ ti.state }}{% endif %}{% endif %}.</p>"
)
