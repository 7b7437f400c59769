"""Send families to a StatsD server, as lines in UDP datagrams.

Counters go as what was added since the look before, single times as timers in milliseconds, and
what there is now as gauges. A datagram that is lost is lost: that is the protocol.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable, Iterator, Mapping

from tradewind.config.metrics import Metrics
from tradewind.web.metrics.exposition import Family, Sample
from tradewind.web.metrics.names import Choice, Name, flat, name_of

log = logging.getLogger(__name__)

_DATAGRAM_BYTES = 1_400
"""What travels in one packet of an Ethernet."""
_KINDS = {"counter": "c", "gauge": "g"}


class StatsdSender:
    """A StatsD server, and what it was told last."""

    def __init__(self, settings: Metrics) -> None:
        self._settings = settings
        self._choice = Choice(settings.allow, settings.block)
        self._tags = [tag.strip() for tag in settings.statsd_datadog_tags.split(",") if tag.strip()]
        self._told: dict[tuple[str, tuple[str, ...]], float] = {}

    def send(self, families: Iterable[Family]) -> None:
        """Send what a look found; an unknown host is told to the log."""
        try:
            found = socket.getaddrinfo(
                self._settings.statsd_host, self._settings.statsd_port, type=socket.SOCK_DGRAM
            )
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as sender:
                for datagram in _packed(self.lines(families)):
                    sender.sendto(datagram, address)
        except OSError as error:
            log.warning(
                "metrics cannot be sent to %s:%d: %s; check metrics.statsd_host and statsd_port",
                self._settings.statsd_host,
                self._settings.statsd_port,
                error,
            )

    def forget(self) -> None:
        """Take what counters say next as counted from nothing."""
        self._told.clear()

    def close(self) -> None:
        """Do nothing: there is no connection."""

    def lines(self, families: Iterable[Family]) -> Iterator[str]:
        """Yield the lines of families; what a counter has counted is told once."""
        for family in families:
            name = name_of(family.name)
            if not self._choice.takes(name.base):
                continue
            for sample in family.fresh:
                yield self._line(name, sample.labels, f"{sample.value * 1000:g}|ms")
            kind = _KINDS.get(family.kind)
            for sample in family.samples if kind else ():
                value = self._added(family, sample) if kind == "c" else sample.value
                if kind == "g" or value:
                    yield self._line(name, _telling(sample.labels), f"{value:g}|{kind}")

    def _added(self, family: Family, sample: Sample) -> float:
        key = family.name, tuple(sample.labels.values())
        before = self._told.get(key, 0.0)
        self._told[key] = sample.value
        return sample.value - before

    def _line(self, name: Name, labels: Mapping[str, str], value: str) -> str:
        prefix = self._settings.statsd_prefix
        if not self._settings.statsd_datadog_enabled:
            return f"{prefix}.{flat(name, labels)}:{value}"
        tags = [f"{label}:{text}" for label, text in labels.items()] + self._tags
        return f"{prefix}.{name.base}:{value}" + (f"|#{','.join(tags)}" if tags else "")


def _telling(labels: Mapping[str, str]) -> Mapping[str, str]:
    """Return labels without the one that only Prometheus's exporter of StatsD wants."""
    return {label: value for label, value in labels.items() if label != "type"}


def _packed(lines: Iterable[str]) -> Iterator[bytes]:
    """Yield lines together, as many as fit into a datagram."""
    held = b""
    for line in lines:
        encoded = line.encode()
        if held and len(held) + 1 + len(encoded) > _DATAGRAM_BYTES:
            yield held
            held = b""
        held = held + b"\n" + encoded if held else encoded
    if held:
        yield held
