"""The tokens of a remote worker's attempts."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from tradewind.model.ids import AttemptId
from tradewind.wire.messages import Beat, GetObjects
from tradewind.worker.link import Question


class Tokens:
    """Tokens by attempt; those of outcomes that nobody has taken outlive the process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._tokens: dict[AttemptId, str] = {}
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self._tokens = msgspec.msgpack.decode(file.read_bytes(), type=dict[AttemptId, str])

    def __contains__(self, attempt_id: AttemptId) -> bool:
        """Tell whether there is one."""
        return attempt_id in self._tokens

    def learn(self, tokens: dict[AttemptId, str]) -> None:
        """Take new ones."""
        self._tokens.update(tokens)

    def forget(self, attempt_id: AttemptId) -> None:
        """Forget one: nothing more is said about its attempt."""
        self._tokens.pop(attempt_id, None)

    def for_batch(self, questions: Iterable[Question]) -> dict[AttemptId, str]:
        """Return what a batch must show; code is given for any token that is good."""
        wanted: set[AttemptId] = set()
        for question in questions:
            wanted |= self._tokens.keys() if isinstance(question, GetObjects) else set()
            wanted.update(concerned(question))
        return {a: self._tokens[a] for a in wanted if a in self._tokens}

    def keep(self, attempt_ids: Iterable[AttemptId]) -> None:
        """Bring the tokens of these attempts to disk, readable for this user alone."""
        kept = {a: self._tokens[a] for a in attempt_ids if a in self._tokens}
        with contextlib.suppress(OSError):
            fd = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(msgspec.msgpack.encode(kept))
                file.flush()
                os.fsync(fd)


def concerned(question: Question) -> tuple[AttemptId, ...]:
    """Return the attempts that a question is about."""
    if isinstance(question, Beat):
        return tuple(running.attempt_id for running in question.attempts)
    if isinstance(question, GetObjects):
        return ()
    return (question.attempt_id,)
