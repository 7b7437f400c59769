"""Send e-mail over SMTP: as the connection says, else as the deployment's settings do."""

from __future__ import annotations

import logging
import mimetypes
import os
import smtplib
import ssl
from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from html import escape
from pathlib import Path
from typing import Any

import msgspec

from tradewind.errors import NotFound, Unavailable
from tradewind.model.mail import VARIABLE, MailSettings
from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.templates import Renderer

log = logging.getLogger("tradewind.task")

DEFAULT_CONNECTION = "smtp_default"

SUBJECT = "{{ ti.dag_id }}.{{ ti.task_id }} {{ happened }} (run {{ ti.run_id }})"
BODY = """\
<p>Task <b>{{ ti.task_id }}</b> of DAG <b>{{ ti.dag_id }}</b> {{ happened }}.</p>
<ul>
<li>Run: {{ ti.run_id }}</li>
<li>Try {{ ti.try_number }} of {{ ti.max_tries + 1 }}\
{% if ti.map_index >= 0 %}, map index {{ ti.map_index }}{% endif %}</li>
<li>Reason: {{ reason_html }}</li>
</ul>
"""


def settings(env: Mapping[str, str] = os.environ) -> MailSettings:
    """Return the deployment's settings."""
    text = env.get(VARIABLE)
    return msgspec.json.decode(text, type=MailSettings) if text else MailSettings()


def addresses(value: str | Iterable[str] | None) -> list[str]:
    """Return addresses as a list; a text may hold several, divided by commas or semicolons."""
    if value is None:
        return []
    parts = [value] if isinstance(value, str) else list(value)
    found = [one.strip() for part in parts for one in part.replace(";", ",").split(",")]
    return [one for one in found if one]


def build_message(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    *,
    sender: str,
    files: Sequence[str] | None = None,
    cc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    custom_headers: Mapping[str, Any] | None = None,
) -> EmailMessage:
    """Return a message; its arguments are those of `send_email`.

    Raises:
        AirflowException: a file to be attached is not there.
    """
    message = EmailMessage()
    message["Subject"] = " ".join(subject.split())  # a header is one line
    message["From"] = sender
    message["To"] = ", ".join(addresses(to))
    if cc:
        message["Cc"] = ", ".join(addresses(cc))
    message["Date"] = formatdate(localtime=True)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].strip("> ") or None)
    for name, value in (custom_headers or {}).items():
        message[name] = str(value)
    message.set_content(html_content, subtype="html", charset=mime_charset)
    if files and mime_subtype not in {"mixed", "alternative", "related"}:
        raise AirflowException(f"mime_subtype: {mime_subtype!r} cannot hold attachments")
    for name in files or ():
        path = Path(name)
        if not path.is_file():
            raise AirflowException(f"the file {name!r} cannot be attached: it is not there")
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        main, sub = kind.split("/", 1)
        message.add_attachment(path.read_bytes(), maintype=main, subtype=sub, filename=path.name)
    return message


def send_email(
    to: str | Iterable[str],
    subject: str,
    html_content: str,
    files: Sequence[str] | None = None,
    *,
    dryrun: bool = False,
    cc: str | Iterable[str] | None = None,
    bcc: str | Iterable[str] | None = None,
    mime_subtype: str = "mixed",
    mime_charset: str = "utf-8",
    conn_id: str | None = None,
    from_email: str | None = None,
    custom_headers: Mapping[str, Any] | None = None,
    **_ignored: Any,
) -> None:
    """Send an e-mail.

    Args:
        to: addresses, also in one text divided by commas or semicolons.
        subject: one line.
        html_content: the text, in HTML.
        files: paths of files to attach.
        dryrun: make the message and do not send it.
        cc: addresses that get a copy.
        bcc: addresses that get a copy and are not shown.
        mime_subtype: how text and attachments belong together.
        mime_charset: of the text.
        conn_id: a connection of type smtp; by default smtp_default where there is one, else the
            settings in [smtp].
        from_email: the sender.
        custom_headers: more headers.

    Raises:
        AirflowException: nobody is to get it, a file is not there, or the server refused it.
    """
    everybody = [*addresses(to), *addresses(cc), *addresses(bcc)]
    if not everybody:
        raise AirflowException("an e-mail needs an address in `to`")
    server = _server(conn_id)
    sender = from_email or server.mail_from
    message = build_message(
        to,
        subject,
        html_content,
        sender=sender,
        files=files,
        cc=cc,
        mime_subtype=mime_subtype,
        mime_charset=mime_charset,
        custom_headers=custom_headers,
    )
    if dryrun:
        log.info("the e-mail %r to %s is not sent (dry run)", subject, ", ".join(everybody))
        return
    _deliver(server, message, sender, everybody)
    log.info("sent the e-mail %r to %s", subject, ", ".join(everybody))


def _server(conn_id: str | None) -> MailSettings:
    """Return where to send it: what the connection says goes before the settings."""
    base = settings()
    try:
        connection = Connection.get(conn_id or DEFAULT_CONNECTION)
    except (NotFound, Unavailable):
        if conn_id and conn_id != DEFAULT_CONNECTION:
            raise
        return base
    extra = connection.extra_dejson
    use_ssl = not extra.get("disable_ssl", False)
    return MailSettings(
        host=connection.host or base.host,
        port=int(connection.port or (465 if use_ssl else 25)),
        user=connection.login or "",
        password=connection.password or "",
        starttls=not extra.get("disable_tls", False),
        ssl=use_ssl,
        timeout_s=float(extra.get("timeout", base.timeout_s)),
        retry_limit=int(extra.get("retry_limit", base.retry_limit)),
        mail_from=extra.get("from_email") or base.mail_from,
    )


def _deliver(server: MailSettings, message: EmailMessage, sender: str, to: Sequence[str]) -> None:
    problem: Exception | None = None
    for _ in range(max(1, server.retry_limit)):
        try:
            with _connected(server) as smtp:
                smtp.send_message(message, from_addr=sender, to_addrs=list(to))
        except (smtplib.SMTPServerDisconnected, TimeoutError) as error:
            problem = error  # the server may have been busy
        except (smtplib.SMTPException, OSError) as error:
            problem = error
            break
        else:
            return
    raise AirflowException(
        f"the e-mail could not be sent through {server.host}:{server.port}: "
        f"{type(problem).__name__}: {problem}; set [smtp] or the connection "
        f"{DEFAULT_CONNECTION!r}"
    ) from problem


def _connected(server: MailSettings) -> smtplib.SMTP:
    if server.ssl:
        smtp: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host,
            server.port,
            timeout=server.timeout_s,
            context=ssl.create_default_context(),
        )
    else:
        smtp = smtplib.SMTP(server.host, server.port, timeout=server.timeout_s)
    try:
        if server.starttls and not server.ssl:
            smtp.starttls(context=ssl.create_default_context())
        if server.user or server.password:
            smtp.login(server.user, server.password)
    except BaseException:
        smtp.close()
        raise
    return smtp


# ---- mail about tasks ---------------------------------------------------------------------


def mail_about(kind: str, task: Any, context: Any) -> None:
    """Send the mail about a task that failed or is tried again."""
    asked = settings()
    happened = "failed" if kind == "failure" else "failed and is up for retry"
    context["happened"] = happened
    context["reason_html"] = escape(str(context.get("reason") or "unknown"))
    renderer = Renderer(task, context)
    subject = renderer.render(_template(asked.subject_template, SUBJECT))
    body = renderer.render(_template(asked.html_content_template, BODY))
    send_email(task.email, str(subject), str(body))


def _template(path: str, own: str) -> str:
    if not path:
        return own
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise AirflowException(
            f"the template of e-mail {path!r} cannot be read ({error.strerror}); correct "
            "[email] in the settings"
        ) from error
