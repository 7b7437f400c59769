"""Time, and messages on their way: one queue of what happens next.

The schedulers' socket is a stream: what a peer sends arrives in order or, when the connection
is cut, not at all; the peer then connects anew, says hello and repeats what was not answered.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tradewind.model.ids import AttemptId
from tradewind.scheduler.channel import Channel, Message
from tradewind.store.connect import Database
from tradewind.store.signal import Signal
from tradewind.testing.simulation.faults import Faults, Streams
from tradewind.wire.messages import Hello, ToServer, ToWorker

EPOCH = datetime(2026, 3, 1, tzinfo=UTC)
_RECONNECT_S = 0.5


class SimClock:
    """A clock that the simulation turns."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0

    def now(self) -> datetime:
        """Return the simulated time."""
        return EPOCH + timedelta(seconds=self.elapsed_s)

    def monotonic(self) -> float:
        """Return simulated seconds since the start."""
        return self.elapsed_s


class Agenda:
    """What happens next, and when."""

    def __init__(self, clock: SimClock) -> None:
        self.clock = clock
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Let something happen later."""
        self._number += 1
        heapq.heappush(self._heap, (self.clock.elapsed_s + seconds, self._number, act))

    def next(self, until_s: float) -> Callable[[], None] | None:
        """Turn the clock to what happens next and return it; None: nothing until then."""
        if not self._heap or self._heap[0][0] > until_s:
            self.clock.elapsed_s = max(self.clock.elapsed_s, until_s)
            return None
        at, _, act = heapq.heappop(self._heap)
        self.clock.elapsed_s = max(self.clock.elapsed_s, at)
        return act


class SimSignal(Signal):
    """A doorbell that only notes that it was rung."""

    def __init__(self, db: Database, wake: Callable[[], None]) -> None:
        super().__init__(db)
        self._wake = wake
        self._rang = False

    def ring(self) -> None:
        """Note it, and wake who listens."""
        self._rang = True
        self._wake()

    def fileno(self) -> int:
        """Return a number: nothing waits for it."""
        return -1

    def drain(self) -> bool:
        """Tell whether anybody rang."""
        rang, self._rang = self._rang, False
        return rang

    def wait(self, timeout_s: float) -> None:
        """Do not wait: the simulation decides who goes on when."""


class Connection:
    """A peer's connection to one scheduler. sent: messages that are on their way, in order."""

    def __init__(self, channel: SimChannel, peer: Peer) -> None:
        self.channel = channel
        self.peer = peer
        self.open = True
        self.hello: Hello | None = None
        self._arrives_s = [0.0, 0.0]

    def carry(self, net: Network, direction: int, deliver: Callable[[], None]) -> None:
        """Deliver a message after those before it, or cut the connection."""
        if net.faults.strikes("cut", f"direction {direction}"):
            self.cut(net)
            return
        delay_s = 0.001
        if net.faults.strikes("delay", f"direction {direction}"):
            delay_s = net.streams("delay").choice([0.05, 1.0, 7.0])
        at = max(self._arrives_s[direction], net.agenda.clock.elapsed_s + delay_s)
        self._arrives_s[direction] = at
        net.agenda.after(at - net.agenda.clock.elapsed_s, lambda: deliver() if self.open else None)

    def cut(self, net: Network) -> None:
        """End the connection for both sides."""
        if self.open:
            self.open = False
            self.channel.lost(self)
            net.agenda.after(_RECONNECT_S, self.peer.connect)


class SimChannel(Channel):
    """The socket of one scheduler: the same calls, no descriptors."""

    def __init__(self, net: Network, wake: Callable[[], None]) -> None:
        self._net = net
        self._wake = wake
        self._connections: dict[str, Connection] = {}
        self._accepted: set[Connection] = set()
        self._arrived: list[Message] = []
        self._listening = False

    def open(self) -> None:
        """Take the path over from whoever listened there."""
        assert not self._listening, "opened twice"
        self._listening = True
        self._net.listener = self
        self._net.reconnect()

    def keep(self) -> None:
        """Take the path again if another took it."""
        if self._net.listener is not self:
            self._net.faults.counts["socket taken"] += 1
            self._net.listener = self
            self._net.reconnect()

    def close(self) -> None:
        """Cut every connection."""
        self._listening = False
        if self._net.listener is self:
            self._net.listener = None
        for connection in sorted(self._accepted, key=lambda c: c.peer.hello().peer_id):
            connection.cut(self._net)
        self._arrived.clear()

    def watch(self, fd: int) -> None:
        """Need nothing."""

    def send(self, peer_id: str, message: ToWorker) -> bool:
        """Send a message to a connected peer."""
        far = self._net.far.get(peer_id)
        if far is not None:
            self._net.carry_far(lambda: far(message))
            return True
        connection = self._connections.get(peer_id)
        if connection is None:
            return False
        connection.carry(self._net, 1, lambda: connection.peer.receive(message))
        return True

    def flush(self) -> None:
        """Need nothing: what is sent is on its way."""

    def peers(self, kind: str) -> list[Hello]:
        """Return the hellos of connected peers of a kind."""
        hellos = [c.hello for c in self._connections.values() if c.hello is not None]
        return [hello for hello in hellos if hello.kind == kind]

    def poll(self, timeout_s: float | None) -> list[Message]:  # noqa: ARG002 (time is the agenda's)
        """Return what has arrived."""
        arrived, self._arrived = self._arrived, []
        return arrived

    def arrive(self, connection: Connection | None, peer_id: str, body: ToServer) -> None:
        """Take a message in."""
        if isinstance(body, Hello) and connection is not None:
            connection.hello = body
            self._connections[peer_id] = connection
        self._arrived.append(Message(peer_id, body))
        self._wake()

    def accept(self, connection: Connection) -> None:
        """Take a connection that has said nothing yet."""
        self._accepted.add(connection)

    def lost(self, connection: Connection) -> None:
        """Note that a connection ended."""
        self._accepted.discard(connection)
        hello = connection.hello
        if hello is not None and self._connections.get(hello.peer_id) is connection:
            del self._connections[hello.peer_id]
            if self._listening:
                self._arrived.append(Message(hello.peer_id, None))
                self._wake()


class Peer:
    """A process that keeps a connection to whichever scheduler listens."""

    def __init__(self, net: Network) -> None:
        self.net = net
        self.alive = True
        self.connection: Connection | None = None
        net.peers.append(self)

    def hello(self) -> Hello:
        """Return what it says first."""
        raise NotImplementedError

    def repeat(self) -> None:
        """Ask again what was not answered."""
        raise NotImplementedError

    def receive(self, message: ToWorker) -> None:
        """Take a message in."""
        raise NotImplementedError

    def connect(self) -> None:
        """Connect if somebody listens and there is no connection."""
        connected = self.connection is not None and self.connection.open
        if not self.alive or connected or self.net.listener is None:
            return
        self.connection = Connection(self.net.listener, self)
        self.net.listener.accept(self.connection)
        self.say(self.hello())
        self.repeat()

    def say(self, body: ToServer) -> None:
        """Send a message, if there is a connection."""
        connection = self.connection
        if connection is not None and connection.open:
            peer_id = self.hello().peer_id
            connection.carry(
                self.net, 0, lambda: connection.channel.arrive(connection, peer_id, body)
            )


class Network:
    """Who listens, who is connected, and what is on its way."""

    def __init__(self, agenda: Agenda, faults: Faults, streams: Streams) -> None:
        self.agenda = agenda
        self.faults = faults
        self.streams = streams
        self.listener: SimChannel | None = None
        self.peers: list[Peer] = []
        self.far: dict[str, Callable[[ToWorker], None]] = {}
        self._ids = 0

    def reconnect(self) -> None:
        """Let every peer find the new listener."""
        for peer in self.peers:
            self.agenda.after(0.01, peer.connect)

    def say_far(self, peer_id: str, body: ToServer) -> None:
        """Send a far process's message to whoever listens when it arrives."""

        def deliver() -> None:
            if self.listener is not None:
                self.listener.arrive(None, peer_id, body)

        self.carry_far(deliver)

    def carry_far(self, deliver: Callable[[], None]) -> None:
        """Carry a message that may be lost, doubled and late."""
        copies = 1 + self.faults.strikes("duplicate", "far") - self.faults.strikes("lose", "far")
        for _ in range(copies):
            late = self.faults.strikes("delay", "far")
            self.agenda.after(self.streams("far").choice([1.0, 20.0]) if late else 0.01, deliver)

    def new_id(self) -> str:
        """Return an id that nobody had before."""
        self._ids += 1
        return f"{self._ids:032x}"

    def new_attempt_id(self) -> AttemptId:
        """Return a new id as an attempt's."""
        return AttemptId(self.new_id())
