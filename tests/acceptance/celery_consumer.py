"""A program: a Celery consumer beside a supervisor that the test plays, with files.

    python -m tests.acceptance.celery_consumer FOLDER NAME [QUEUE …]

The supervisor writes each ticket to FOLDER/tickets and answers it at once, or, while there is a
file FOLDER/hold, when that is gone.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import sys
from pathlib import Path

import msgspec

from tradewind.config import load_config
from tradewind.log import set_up
from tradewind.wire import framing
from tradewind.wire.messages import CancelAttempt
from tradewind.wire.remote import Ticket, TicketDone, frame


def play_supervisor(sock: socket.socket, folder: Path) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    reader = framing.FrameReader()
    decoder = msgspec.msgpack.Decoder(Ticket | CancelAttempt)
    held: list[TicketDone] = []
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_READ)
        while True:
            if selector.select(0.02):
                try:
                    data = sock.recv(1 << 16)
                except ConnectionResetError:
                    data = b""
                if not data:
                    return
                for body in reader.feed(data):
                    message = decoder.decode(body)
                    cancelled = isinstance(message, CancelAttempt)
                    name = "cancels" if cancelled else "tickets"
                    with (folder / name).open("a", encoding="utf-8") as file:
                        file.write(f"{message.attempt_id} {folder.name}\n")
                    held.append(TicketDone(attempt_id=message.attempt_id, how="done"))
            if not (folder / "hold").exists():
                sock.sendall(b"".join(frame(done) for done in held))
                held.clear()


def main() -> int:
    folder, name, *queues = sys.argv[1:]
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        play_supervisor(theirs, Path(folder))
        os._exit(0)
    theirs.close()
    (Path(folder) / "supervisor.pid").write_text(str(pid))
    from tradewind.worker.celery.service import consume, options_of  # noqa: PLC0415  as the CLI

    config = load_config(os.environ)
    set_up("worker", level="DEBUG" if os.environ.get("VERBOSE") else "INFO")
    options = options_of(config, name, queues)
    return consume(config, options, ours, pid)


if __name__ == "__main__":
    sys.exit(main())
