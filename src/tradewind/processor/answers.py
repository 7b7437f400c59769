"""Answer what DAG files ask while they are imported: variables and connections.

The processor alone has the database and the keys. What a file was told is remembered as a
digest, so that the file is imported again when the answer changes.
"""

from __future__ import annotations

import hashlib
import os

import msgspec

from tradewind.errors import NotFound
from tradewind.processor.job import Job
from tradewind.processor.protocol import Answer
from tradewind.store.secrets import Secrets
from tradewind.wire.messages import (
    Call,
    DeleteVariable,
    GetConnection,
    GetVariable,
    ListVariables,
    SetVariable,
)

_SALT = os.urandom(16)
"""Digests stay in this process; the salt keeps a secret from being guessed from one."""


class Answers:
    """Answer calls from the secrets, and tell whether an answer would be another now."""

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets

    def answer(self, job: Job, call: Call) -> Answer:
        """Answer an import's call and note what it was told."""
        if isinstance(call, SetVariable):
            self._secrets.set_variable(call.key, call.value, call.description)
            return Answer()
        if isinstance(call, DeleteVariable):
            self._secrets.delete_variable(call.key)
            return Answer()
        name = _name(call)
        if name is None:
            kind = type(call).__name__
            return Answer(
                error="unavailable",
                message=f"{kind} is for running tasks; it cannot be answered while a DAG file "
                "is imported: move the call into a task",
            )
        answer = self._look_up(name)
        job.reads[name] = _digest(answer)
        password = answer.body.get("password")
        if password:
            job.secrets.add(str(password))
        return answer

    def digest(self, name: str) -> str:
        """Return the digest of what a read would be answered now."""
        return _digest(self._look_up(name))

    def _look_up(self, name: str) -> Answer:
        kind, _, key = name.partition("/")
        try:
            if kind == "variable":
                return Answer(body={"value": self._secrets.get_variable(key)})
            if kind == "variables":
                return Answer(body={"keys": self._secrets.variable_keys(key)})
            found = self._secrets.get_connection(key)
            return Answer(body=msgspec.to_builtins(found))
        except NotFound as error:
            return Answer(error="not_found", message=str(error))


def _name(call: Call) -> str | None:
    if isinstance(call, GetVariable):
        return f"variable/{call.key}"
    if isinstance(call, ListVariables):
        return f"variables/{call.prefix}"
    if isinstance(call, GetConnection):
        return f"connection/{call.conn_id}"
    return None


def _digest(answer: Answer) -> str:
    return hashlib.blake2b(msgspec.msgpack.encode(answer), key=_SALT, digest_size=16).hexdigest()
