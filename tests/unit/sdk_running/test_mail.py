"""E-mail: sent through a real SMTP server in this process."""

from __future__ import annotations

import email
import socketserver
import threading
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tradewind.model.defaults import DagDefaults
from tradewind.model.mail import VARIABLE, MailSettings
from tradewind.sdk import DAG, EmailOperator, SmtpNotifier, defaults, task
from tradewind.sdk.build import to_spec
from tradewind.testing import FakeClock, FinishedRun, run_dag


class Post(socketserver.ThreadingTCPServer):
    """An SMTP server that keeps what it gets: (recipients, message)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Session)
        self.kept: list[tuple[list[str], Message]] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        recipients: list[str] = []
        self.say("220 post")
        while line := self.rfile.readline().decode().strip():
            verb = line[:4].upper()
            if verb == "RCPT":
                recipients.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self.say("354 go on")
                post = self.server
                assert isinstance(post, Post)
                post.kept.append((recipients, email.message_from_bytes(self.body())))
            self.say("221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return

    def body(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@pytest.fixture
def post(monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    with Post() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        told = MailSettings(
            host="127.0.0.1", port=server.port, starttls=False, mail_from="t@wind.example"
        )
        monkeypatch.setenv(VARIABLE, msgspec.json.encode(told).decode())
        yield server
        server.shutdown()
        thread.join()


def run(dag: DAG, **kwargs: Any) -> FinishedRun:
    return run_dag(dag, clock=FakeClock(), **kwargs)


def html(message: Message) -> str:
    part = next(p for p in message.walk() if p.get_content_type() == "text/html")
    payload = part.get_payload(decode=True)
    assert isinstance(payload, bytes)
    return payload.decode()


def test_the_operator_sends_mail_with_attachments(post: Post, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("wind", encoding="utf-8")
    with DAG("d") as dag:
        EmailOperator(
            task_id="t",
            to="a@x.example, b@x.example",
            cc=["c@x.example"],
            bcc="d@x.example",
            subject="run {{ ds }}",
            html_content="<b>{{ ds }} ü</b>",
            files=[str(note)],
            custom_headers={"X-Wind": "west"},
        )
    assert str(run(dag, logical_date="2026-03-01").state) == "success"
    ((recipients, message),) = post.kept
    assert recipients == ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]
    assert message["Subject"] == "run 2026-03-01"
    assert message["From"] == "t@wind.example"
    assert message["Bcc"] is None
    assert message["X-Wind"] == "west"
    assert "<b>2026-03-01 ü</b>" in html(message)
    assert [p.get_filename() for p in message.walk() if p.get_filename()] == ["note.txt"]


def test_a_task_that_fails_tells_its_people_at_each_try(post: Post) -> None:
    with DAG("d", default_args={"email": "ops@x.example", "retries": 1, "retry_delay": 1}) as dag:

        @task
        def fails() -> None:
            raise ValueError("<wind> is gone")

        @task(email_on_failure=False, email_on_retry=False)
        def quiet() -> None:
            raise ValueError("hush")

        fails()
        quiet()
    run(dag)
    subjects = [" ".join(str(m["Subject"]).split()) for _, m in post.kept]
    assert [s.partition(" (")[0] for s in subjects] == [
        "d.fails failed and is up for retry",
        "d.fails failed",
    ]
    assert "&lt;wind&gt; is gone" in html(post.kept[1][1])


def test_the_deployment_may_send_no_mail_unless_asked() -> None:
    before = defaults.install(DagDefaults(email_on_failure=False, email_on_retry=False))
    try:
        with DAG("d") as dag:

            @task(email="a@x.example")
            def usual() -> None: ...

            @task(email="a@x.example", email_on_failure=True)
            def asked() -> None: ...

            usual()
            asked()
        told = {t.task_id: t.callbacks for t in to_spec(dag).tasks}
    finally:
        defaults.install(before)
    assert told == {"usual": (), "asked": ("failure",)}


def test_a_notifier_tells_of_a_run_over_a_connection(post: Post) -> None:
    with DAG("d", on_success_callback=SmtpNotifier(to="a@x.example", smtp_conn_id="mail")) as dag:

        @task
        def works() -> None: ...

        works()
    extra = "?disable_ssl=true&disable_tls=true&from_email=c%40x.example"
    run(dag, connections={"mail": f"smtp://127.0.0.1:{post.port}/{extra}"})
    ((_, message),) = post.kept
    assert message["From"] == "c@x.example"
    assert " ".join(str(message["Subject"]).split()).startswith("DAG d, task works: success (run ")


def test_a_server_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told = MailSettings(host="127.0.0.1", port=9)
    monkeypatch.setenv(VARIABLE, msgspec.json.encode(told).decode())
    with DAG("d") as dag:
        EmailOperator(task_id="t", to="a@x.example", subject="s", html_content="h")
    ti = run(dag).get_task_instance("t")
    assert ti is not None
    assert "could not be sent through 127.0.0.1:9: ConnectionRefusedError" in str(ti.reason)
