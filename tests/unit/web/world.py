"""A web server over a database, called in this process, and people who call it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message

from tests.unit.actions.catalog import NOW, bell
from tradewind.actions import accounts
from tradewind.config import Config, load_config
from tradewind.model.account import Account, Role
from tradewind.store.connect import Database
from tradewind.web.app import make_app

PASSWORD = "correct horse"
_EVENTS = b"text/event-stream"


class MovableClock:
    """A clock that somebody moves."""

    def __init__(self) -> None:
        self.at = NOW

    def now(self) -> datetime:
        return self.at.astimezone(UTC)

    def monotonic(self) -> float:
        # Each look passes a second, so that nobody waits for a leader who is not there.
        self.at += timedelta(seconds=1)
        return (self.at - NOW).total_seconds()


class Answer:
    def __init__(self, messages: list[Message]) -> None:
        self.status: int = messages[0]["status"]
        self.headers = {k.decode(): v.decode() for k, v in messages[0]["headers"]}
        self.cookies = [v.decode() for k, v in messages[0]["headers"] if k == b"set-cookie"]
        self.body = b"".join(m.get("body", b"") for m in messages[1:])

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def detail(self) -> Any:
        return self.json["detail"]


class Client:
    """Somebody who sends requests: with these headers, from this address."""

    def __init__(self, app: ASGIApp, headers: dict[str, str], address: str = "10.0.0.7") -> None:
        self.app = app
        self.headers = headers
        self.address = address

    def send(
        self, method: str, target: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        path, _, query = target.partition("?")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent: list[Message] = []
        all_headers = {
            "host": "tradewind.test",
            **({"content-type": "application/json"} if body is not None else {}),
            **self.headers,
            **(headers or {}),
        }
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode()) for k, v in all_headers.items()],
            "client": (self.address, 1),
            "server": ("127.0.0.1", 8080),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": content if body is not None else b""}

        async def send(message: Message) -> None:
            sent.append(message)
            if any(v.startswith(_EVENTS) for _, v in message.get("headers", [])):
                # A stream of events has no end: its status is all that is wanted.
                raise OSError("the client went away")

        with contextlib.suppress(ClientDisconnect):
            asyncio.run(self.app(scope, receive, send))  # type: ignore[arg-type]
        return Answer(sent)

    def get(self, target: str, **headers: str) -> Answer:
        return self.send("GET", target, headers=headers)

    def post(self, target: str, body: Any = None, **headers: str) -> Answer:
        return self.send("POST", target, body, headers)

    def patch(self, target: str, body: Any = None) -> Answer:
        return self.send("PATCH", target, body)

    def delete(self, target: str) -> Answer:
        return self.send("DELETE", target)


class World:
    """The server and its people. Everybody's password is `PASSWORD`."""

    def __init__(self, db: Database, home: Path, **settings: str) -> None:
        self.db = db
        self.home = home
        self.clock = MovableClock()
        self.config: Config = load_config(
            {
                "TRADEWIND_HOME": str(home),
                "TRADEWIND__DATABASE__SQL_ALCHEMY_CONN": str(
                    db.engine.url.render_as_string(hide_password=False)
                ),
                **{f"TRADEWIND__{name.upper()}": value for name, value in settings.items()},
            },
            cwd=home,
        )
        self.app = make_app(self.config, db, bell(db), self.clock, {})

    def person(self, name: str, role: Role, dags: dict[str, bool] | None = None) -> Client:
        """Make an account and sign it in with a token."""
        new = Account(username=name, role=role, dags=dags)
        accounts.create(self.db, self.clock, new, PASSWORD, actor="test")
        return self.token(name)

    def token(self, name: str) -> Client:
        answer = self.anybody().post("/auth/token", {"username": name, "password": PASSWORD})
        assert answer.status == 201, answer.text
        return Client(self.app, {"authorization": f"Bearer {answer.json['access_token']}"})

    def browser(self, name: str) -> Client:
        answer = self.anybody().post("/auth/login", {"username": name, "password": PASSWORD})
        assert answer.status == 200, answer.text
        cookie = answer.headers["set-cookie"].partition(";")[0]
        return Client(
            self.app,
            {
                "cookie": cookie,
                "x-csrf-token": answer.json["csrf_token"],
                "origin": "http://tradewind.test",
                "sec-fetch-site": "same-origin",
            },
        )

    def anybody(self, address: str = "10.0.0.7") -> Client:
        return Client(self.app, {}, address)
