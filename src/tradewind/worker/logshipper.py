"""Send the logs of attempts to an API server while they are written.

A log is written on this machine's disk first, whole and masked. From there its lines are sent in
order, a piece at a time, and the next piece when the last was taken; what a lost server did not
take is sent again. When the attempt is over and all of it is there, the local file goes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tradewind.model.ids import AttemptId
from tradewind.wire import logs
from tradewind.wire.messages import AppendLog, Reply
from tradewind.worker.link import Link
from tradewind.worker.timers import Timers

_LOOK_S = 0.3
"""How often a live log is looked at."""
_PIECE = 256 * 1024
_LATER_S = 1.0
"""Pause before a piece is sent again that the server could not keep."""


class _Shipment:
    """A log on its way. over: the attempt has ended; sending: a piece is not answered yet."""

    __slots__ = ("offset", "over", "path", "sending")

    def __init__(self, path: Path) -> None:
        self.path = path
        self.offset = 0
        self.over = False
        self.sending = False


class LogShipper:
    """All logs on their way."""

    def __init__(
        self, link: Link, timers: Timers, root: Path, arrived: Callable[[AttemptId], None]
    ) -> None:
        """Send logs.

        Args:
            link: to the API server.
            timers: call back later.
            root: the folder of logs on this machine.
            arrived: called when all of an ended attempt's log is there.
        """
        self._link = link
        self._timers = timers
        self._root = root
        self._arrived = arrived
        self._shipments: dict[AttemptId, _Shipment] = {}
        self._looking = False

    def __bool__(self) -> bool:
        """Tell whether any log is on its way."""
        return bool(self._shipments)

    def add(self, attempt_id: AttemptId, path: Path) -> None:
        """Begin to send an attempt's log."""
        self._shipments[attempt_id] = _Shipment(path)
        if not self._looking:
            self._looking = True
            self._timers.after(_LOOK_S, self._look)

    def over(self, attempt_id: AttemptId) -> None:
        """Send the rest: the attempt has ended."""
        shipment = self._shipments.get(attempt_id)
        if shipment is not None:
            shipment.over = True
            self._send(attempt_id, shipment)

    def _look(self) -> None:
        for attempt_id, shipment in list(self._shipments.items()):
            self._send(attempt_id, shipment)
        self._looking = bool(self._shipments)
        if self._looking:
            self._timers.after(_LOOK_S, self._look)

    def _send(self, attempt_id: AttemptId, shipment: _Shipment) -> None:
        if shipment.sending:
            return
        lines = self._read(shipment)
        if lines:
            shipment.sending = True
            piece = AppendLog(seq=0, attempt_id=attempt_id, offset=shipment.offset, lines=lines)
            self._link.ask(piece, lambda reply: self._sent(attempt_id, shipment, reply))
        elif shipment.over:
            self._end(attempt_id, shipment)

    def _read(self, shipment: _Shipment) -> bytes:
        try:
            fd = logs.open_to_read(self._root, shipment.path)
        except OSError:
            return b""  # not a line yet
        try:
            data = os.pread(fd, _PIECE, shipment.offset)
        finally:
            os.close(fd)
        # A line longer than a piece goes in pieces: the server only counts bytes.
        return data[: data.rfind(b"\n") + 1] or data if len(data) == _PIECE else _whole(data)

    def _sent(self, attempt_id: AttemptId, shipment: _Shipment, reply: Reply) -> None:
        if reply.error == "unavailable":
            self._timers.after(_LATER_S, lambda: self._resend(attempt_id, shipment))
            return
        shipment.sending = False
        if reply.error is not None:
            # Nobody takes it any more: the local file is all there will be of the rest.
            self._shipments.pop(attempt_id, None)
            self._arrived(attempt_id)
            return
        shipment.offset = int(reply.body["size"])
        self._send(attempt_id, shipment)

    def _resend(self, attempt_id: AttemptId, shipment: _Shipment) -> None:
        shipment.sending = False
        self._send(attempt_id, shipment)

    def _end(self, attempt_id: AttemptId, shipment: _Shipment) -> None:
        del self._shipments[attempt_id]
        with contextlib.suppress(OSError):
            (self._root / shipment.path).unlink()
        self._arrived(attempt_id)


def _whole(data: bytes) -> bytes:
    return data[: data.rfind(b"\n") + 1]
