"""Batches to an API server and their answers, one at a time, over a connection that may be lost."""

from __future__ import annotations

import contextlib
import logging
import selectors
from collections.abc import Callable

import msgspec

from tradewind.wire.remote import CONTENT_TYPE, PATH, Answers, Batch, decode_answers, encode
from tradewind.worker.http_connection import Address, HttpConnection, Response
from tradewind.worker.timers import Timers

log = logging.getLogger(__name__)

_DEADLINE_S = 30.0
"""A server that has not answered by then is given up; the batch is sent again."""


class Exchange:
    """The connection to an API server.

    greeted: the server has answered on this connection. busy: a batch is on its way.
    """

    def __init__(
        self,
        address: Address,
        selector: selectors.BaseSelector,
        timers: Timers,
        answered: Callable[[Answers], None],
        refused: Callable[[int, str], None],
        lost: Callable[[bool], None],
    ) -> None:
        """Know where the server is; nothing is sent yet.

        Args:
            address: of the server.
            selector: where the socket is registered.
            timers: call back later.
            answered: takes the answers to a batch.
            refused: takes the HTTP status and the words of a batch that was not answered.
            lost: called when the connection ends, other than by `close`; whether it had stood.
        """
        self._address = address
        self._selector = selector
        self._timers = timers
        self._take_answers = answered
        self._take_refusal = refused
        self._lost = lost
        self._connection: HttpConnection | None = None
        self._number = 0
        self.greeted = self.busy = False

    @property
    def ready(self) -> bool:
        """Tell whether a batch may be sent: not while one is on its way, or the server hangs up."""
        connection = self._connection
        return self.greeted and not self.busy and connection is not None and connection.idle

    def open(self, first: Callable[[], Batch]) -> bool:
        """Begin to connect, unless it is begun; tell whether the server has answered.

        That something listens does not say that it is an API server, so something is sent at
        once. first: what is to be said first; it may be empty.
        """
        if self._connection is None:
            try:
                self._connection = HttpConnection(
                    self._address, self._selector, self._answered, self._ended
                )
            except OSError as error:
                log.warning("%s: %s", self._address.url, error)
                return False
            self.send(first())
        return self.greeted

    def send(self, batch: Batch) -> None:
        """Send a batch; the exchange must be ready, or just opened."""
        connection = self._connection
        assert connection is not None
        self.busy = True
        self._number += 1
        number = self._number
        self._timers.after(_DEADLINE_S, lambda: self._overdue(number))
        connection.post(PATH, CONTENT_TYPE, encode(batch))

    def close(self) -> None:
        """Give the connection up."""
        connection, self._connection = self._connection, None
        self._number += 1
        self.greeted = self.busy = False
        if connection is not None:
            connection.close()

    def _overdue(self, number: int) -> None:
        if self.busy and number == self._number:
            self._ended(f"has not answered for {_DEADLINE_S:g} s")

    def _answered(self, response: Response) -> None:
        self.busy = False
        answers = None
        if response.content_type == CONTENT_TYPE:
            with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                answers = decode_answers(bytes(response.body))
        if answers is None:
            self._take_refusal(response.status, f"answered {response.status}")
            return
        whole = next((reply for reply in answers.replies if reply.seq == 0), None)
        if whole is not None:
            self._take_refusal(response.status, whole.message or whole.error or "refused")
            return
        self.greeted = True
        self._take_answers(answers)

    def _ended(self, reason: str) -> None:
        # A server closes what was idle for a while; that is nothing to worry about.
        log.log(logging.WARNING if self.busy else logging.INFO, "%s %s", self._address.url, reason)
        greeted = self.greeted
        self.close()
        self._lost(greeted)
