"""One supervisor per host: it owns the zygote and every attempt, and outlives the scheduler.

A single-threaded loop over descriptors: the scheduler's socket, the file hosts, and for each
attempt its control socket and its log pipe. User code never runs here.

A launch forks at once and claims at the same time; the forked process waits for the claim to
be accepted before any user code. When the process ends without a report, the supervisor
reports that it vanished, and why. When the scheduler cannot be reached for an attempt lease
less the grace, the attempts are killed, so that no second copy starts beside a living first.
"""

from __future__ import annotations

import contextlib
import logging
import os
import selectors
import signal
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import msgspec

from tradewind import __version__
from tradewind.clock import Clock
from tradewind.model.ids import AttemptId
from tradewind.model.outcome import Vanished
from tradewind.wire import framing
from tradewind.wire.messages import (
    Assignment,
    Beat,
    CallbackDone,
    CancelAttempt,
    Claim,
    Drain,
    Finish,
    Hello,
    Launch,
    Mask,
    Reply,
    Request,
    RunningAttempt,
    ToServer,
)
from tradewind.worker import hosts
from tradewind.worker.attempt import LiveAttempt, end_reason
from tradewind.worker.link import RECONNECT_S, Link
from tradewind.worker.secrets import secrets_of
from tradewind.worker.syncer import Syncer

log = logging.getLogger(__name__)

MAX_IDLE_HOSTS = 64
"""File hosts kept for their next attempt; each is a forked process of a few MB."""

_READ = 1 << 16


class SupervisorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What a supervisor needs to know.

    socket_path: of the scheduler. lease_s: of attempts.
    """

    socket_path: Path
    dags_folder: Path
    log_folder: Path
    state_dir: Path
    lease_s: float = 60.0
    heartbeat_s: float = 5.0
    kill_grace_s: float = 10.0
    drain_s: float = 30.0
    host: str = ""


class Host(msgspec.Struct):
    """A file host: the DAG file it imported and the socket to it."""

    key: tuple[str, str]
    sock: socket.socket
    used_at: float
    running: int = 0


class Supervisor:
    """Run attempts for the scheduler."""

    def __init__(self, settings: SupervisorSettings, zygote: socket.socket, clock: Clock) -> None:
        self._settings = settings
        self._zygote = zygote
        self._clock = clock
        self._peer_id = uuid.uuid4().hex
        self._host_name = settings.host or socket.gethostname()
        self._selector = selectors.DefaultSelector()
        self._link = Link(str(settings.socket_path))
        self._link_fd = -1
        self._link_events = 0
        self._hosts: dict[tuple[str, str], Host] = {}
        self._attempts: dict[AttemptId, LiveAttempt] = {}
        self._waiting: dict[int, tuple[AttemptId, int, Request | None]] = {}
        self._syncer = Syncer()
        self._beat_at = 0.0
        self._connect_at = 0.0
        self._seen_at = clock.monotonic()
        self._draining_until: float | None = None

    def run(self, stop: Callable[[], bool]) -> None:
        """Serve until told to stop, then drain."""
        while True:
            if stop() and self._draining_until is None:
                self._draining_until = self._clock.monotonic() + self._settings.drain_s
                log.info("draining: %d attempts are running", len(self._attempts))
            if self._draining_until is not None and self._drained(self._draining_until):
                break
            self.turn(self._timeout_s())
        self._syncer.close()

    def turn(self, timeout_s: float) -> None:
        """Wait for news for at most `timeout_s` and handle it."""
        self._connect()
        for key, mask in self._selector.select(timeout_s):
            handler = key.data
            handler(mask)
        self._beat()
        self._kill_overdue()

    # ---- the scheduler ------------------------------------------------------------------

    def _connect(self) -> None:
        now = self._clock.monotonic()
        if self._link.connected:
            self._seen_at = now
        elif now >= self._connect_at:
            self._connect_at = now + RECONNECT_S
            running = tuple(
                RunningAttempt(a, live.nonce) for a, live in self._attempts.items() if live.claimed
            )
            hello = Hello(
                kind="supervisor",
                peer_id=self._peer_id,
                host=self._host_name,
                pid=os.getpid(),
                version=__version__,
                running=running,
            )
            if self._link.connect(hello):
                self._seen_at = now
        self._watch_link()

    def _watch_link(self) -> None:
        fd = self._link.fileno()
        events = selectors.EVENT_READ
        if self._link.writable_wanted:
            events |= selectors.EVENT_WRITE
        if fd == self._link_fd and events == self._link_events:
            return
        if self._link_fd >= 0:
            with contextlib.suppress(KeyError, ValueError, OSError):
                self._selector.unregister(self._link_fd)
        self._link_fd, self._link_events = fd, events
        if fd >= 0:
            self._selector.register(fd, events, self._on_link)

    def _on_link(self, mask: int) -> None:
        if mask & selectors.EVENT_WRITE:
            self._link.flush()
        for message in self._link.receive():
            if isinstance(message, Launch):
                self._launch(message)
            elif isinstance(message, Reply):
                self._replied(message)
            elif isinstance(message, CancelAttempt):
                self._cancel(message.attempt_id, message.reason)
            elif isinstance(message, Drain):
                self._draining_until = self._clock.monotonic() + message.grace_s
        self._watch_link()

    def _send(self, message: ToServer) -> None:
        self._link.send(message)
        self._watch_link()

    def _replied(self, reply: Reply) -> None:
        for attempt_id in reply.cancel:
            self._cancel(attempt_id, "fenced")
        waiting = self._waiting.pop(reply.seq, None)
        if waiting is None:
            return
        attempt_id, child_seq, request = waiting
        live = self._attempts.get(attempt_id)
        if live is None:
            return
        if request is None:
            self._claim_answered(live, reply)
            return
        for secret in secrets_of(request.call, reply.body):
            live.masker.add(secret)
        live.write(framing.encode(msgspec.structs.replace(reply, seq=child_seq)))

    def _claim_answered(self, live: LiveAttempt, reply: Reply) -> None:
        live.claimed = reply.error is None
        if reply.error is not None:
            live.fenced = True
            live.sink.note(f"not started: {reply.message or reply.error}", self._clock.now())
        live.write(framing.encode(msgspec.structs.replace(reply, seq=0)))

    # ---- attempts -----------------------------------------------------------------------

    def _launch(self, launch: Launch) -> None:
        if launch.attempt_id in self._attempts or self._draining_until is not None:
            return
        host = self._host_for(launch.assignment)
        live = LiveAttempt.open(launch, host.key, self._settings.log_folder, uuid.uuid4().hex)
        self._attempts[launch.attempt_id] = live
        self._selector.register(live.control, selectors.EVENT_READ, lambda _: self._heard(live))
        self._selector.register(live.log_fd, selectors.EVENT_READ, lambda _: self._logged(live))
        host.running += 1
        control, log_pipe = live.take_child_ends()
        try:
            hosts.launch_in(host.sock, launch.attempt_id, control, log_pipe)
        except OSError as error:
            self._vanished(live, f"its process could not be started: {error}")
            return
        finally:
            os.close(control)
            os.close(log_pipe)
        live.write(framing.encode(launch))
        seq = self._link.next_seq()
        self._waiting[seq] = (launch.attempt_id, 0, None)
        self._send(
            Claim(
                seq=seq,
                attempt_id=launch.attempt_id,
                nonce=live.nonce,
                claim_token=launch.claim_token,
                worker=f"{self._host_name}:{os.getpid()}",
            )
        )

    def _host_for(self, assignment: Assignment) -> Host:
        folder = self._settings.dags_folder
        path = str(folder / assignment.dag_file)
        key = (path, assignment.source_hash)
        host = self._hosts.get(key)
        now = self._clock.monotonic()
        if host is None:
            self._retire_hosts()
            host = Host(key, hosts.ask_for_host(self._zygote, path, str(folder)), now)
            self._hosts[key] = host
            chosen = host
            self._selector.register(
                host.sock, selectors.EVENT_READ, lambda _: self._host_spoke(chosen)
            )
        host.used_at = now
        return host

    def _retire_hosts(self) -> None:
        idle = sorted((h for h in self._hosts.values() if h.running == 0), key=lambda h: h.used_at)
        for host in idle[: max(0, len(self._hosts) + 1 - MAX_IDLE_HOSTS)]:
            self._drop_host(host)

    def _drop_host(self, host: Host) -> None:
        self._hosts.pop(host.key, None)
        self._selector.unregister(host.sock)
        host.sock.close()

    def _host_spoke(self, host: Host) -> None:
        while True:
            try:
                data = host.sock.recv(_READ)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self._host_died(host)
                return
            exited = hosts.decode_exited(data)
            host.running -= 1
            live = self._attempts.get(AttemptId(exited.attempt_id))
            if live is not None:
                self._exited(live, exited.status)

    def _host_died(self, host: Host) -> None:
        self._drop_host(host)
        for live in [a for a in self._attempts.values() if a.host_key == host.key]:
            self._vanished(live, "the process that imported the DAG file died")

    def _heard(self, live: LiveAttempt) -> None:
        if live.closed:
            # Its end was handled earlier in this very round of events.
            return
        for message in live.receive():
            if isinstance(message, Request):
                self._request(live, message)
            elif isinstance(message, Finish | CallbackDone):
                live.reported = True
                self._send(
                    msgspec.structs.replace(message, seq=self._link.next_seq(), nonce=live.nonce)
                )
        if live.control_closed:
            self._selector.unregister(live.control)

    def _request(self, live: LiveAttempt, request: Request) -> None:
        if isinstance(request.call, Mask):
            live.masker.add(request.call.secret)
            live.write(framing.encode(Reply(seq=request.seq)))
            return
        seq = self._link.next_seq()
        self._waiting[seq] = (live.attempt_id, request.seq, request)
        self._send(msgspec.structs.replace(request, seq=seq, nonce=live.nonce))

    def _logged(self, live: LiveAttempt) -> None:
        if not live.closed and not live.drain_log(self._clock.now()):
            self._selector.unregister(live.log_fd)
            live.log_closed = True

    def _exited(self, live: LiveAttempt, status: int) -> None:
        # What the process sent before it ended is still in its socket.
        if not live.control_closed:
            self._heard(live)
        reason = end_reason(status)
        if live.reported or live.fenced:
            self._close(live, None if status == 0 else reason)
        else:
            self._vanished(live, reason or "its process ended without a report", status)

    def _vanished(self, live: LiveAttempt, reason: str, status: int = 0) -> None:
        if live.cancelled is not None:
            reason = f"{live.cancelled}; {reason}"
        code = os.waitstatus_to_exitcode(status)
        self._send(
            Finish(
                seq=self._link.next_seq(),
                attempt_id=live.attempt_id,
                nonce=live.nonce,
                outcome=Vanished(
                    reason=reason,
                    before_start=not live.claimed,
                    exit_code=code if code >= 0 else None,
                    exit_signal=-code if code < 0 else None,
                ),
                exit_code=code if code >= 0 else None,
                exit_signal=-code if code < 0 else None,
            )
        )
        self._close(live, reason)

    def _close(self, live: LiveAttempt, reason: str | None) -> None:
        self._attempts.pop(live.attempt_id, None)
        now = self._clock.now()
        if not live.log_closed:
            live.drain_log(now)
            self._selector.unregister(live.log_fd)
        if not live.control_closed:
            self._selector.unregister(live.control)
        gone = [s for s, w in self._waiting.items() if w[0] == live.attempt_id]
        for seq in gone:
            del self._waiting[seq]
        self._link.forget(gone)
        if reason:
            live.sink.note(reason, now, "error")
        self._syncer.sync_and_close(live.close(now))

    def _cancel(self, attempt_id: AttemptId, reason: str) -> None:
        live = self._attempts.get(attempt_id)
        if live is None or live.cancelled is not None:
            return
        live.cancelled = reason
        live.fenced = True
        live.sink.note(f"stopped: {reason}", self._clock.now(), "warning")
        live.kill_at = self._clock.monotonic() + self._settings.kill_grace_s
        self._signal(live, signal.SIGTERM)

    def _signal(self, live: LiveAttempt, signum: int) -> None:
        host = self._hosts.get(live.host_key)
        if host is not None:
            hosts.signal_in(host.sock, live.attempt_id, signum)

    # ---- time ---------------------------------------------------------------------------

    def _timeout_s(self) -> float:
        if not self._link.connected:
            return RECONNECT_S
        if any(live.kill_at is not None for live in self._attempts.values()):
            return 0.2
        if self._draining_until is not None:
            return 0.05
        return self._settings.heartbeat_s

    def _beat(self) -> None:
        now = self._clock.monotonic()
        if now < self._beat_at or not self._link.connected:
            return
        self._beat_at = now + self._settings.heartbeat_s
        running = tuple(
            RunningAttempt(a, live.nonce) for a, live in self._attempts.items() if live.claimed
        )
        if running:
            self._send(Beat(seq=self._link.next_seq(), attempts=running))

    def _kill_overdue(self) -> None:
        now = self._clock.monotonic()
        for live in list(self._attempts.values()):
            if live.kill_at is not None and now >= live.kill_at:
                live.kill_at = None
                self._signal(live, signal.SIGKILL)
        patience_s = self._settings.lease_s - self._settings.kill_grace_s
        if not self._link.connected and now - self._seen_at > patience_s:
            for attempt_id in list(self._attempts):
                self._cancel(attempt_id, f"no scheduler could be reached for {patience_s:g} s")

    def _drained(self, until: float) -> bool:
        if not self._attempts:
            return True
        now = self._clock.monotonic()
        if now >= until:
            for attempt_id in list(self._attempts):
                self._cancel(attempt_id, "the worker is shutting down")
        return now >= until + self._settings.kill_grace_s + 1
