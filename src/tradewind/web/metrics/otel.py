"""Send families to an OpenTelemetry collector, by OTLP over HTTP (`tradewind[otel]`).

Counters, gauges and histograms of single times, under Airflow's names, with DAGs, tasks and the
like as attributes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tradewind import __version__
from tradewind.config.metrics import Metrics
from tradewind.errors import ConfigError
from tradewind.web.metrics.exposition import Family, Sample
from tradewind.web.metrics.names import Choice, name_of

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader

_TIMEOUT_MS = 10_000


class OtelSender:
    """A collector, and what it was told last.

    Args:
        settings: the section `metrics`.
        reader: hands the metrics on; None makes one that sends to the configured collector.

    Raises:
        ConfigError: OpenTelemetry's packages are not installed.
    """

    def __init__(self, settings: Metrics, reader: MetricReader | None = None) -> None:
        try:
            # Slow to import, and an extra.
            from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
            from opentelemetry.sdk.resources import Resource  # noqa: PLC0415

            self._provider = MeterProvider(
                metric_readers=[reader if reader is not None else _reader(settings)],
                resource=Resource.create(
                    {"service.name": settings.otel_service, "service.version": __version__}
                ),
                shutdown_on_exit=False,
            )
        except ModuleNotFoundError as error:
            raise ConfigError(
                "metrics.otel_on needs OpenTelemetry: pip install 'tradewind[otel]'"
            ) from error
        self._settings = settings
        self._choice = Choice(settings.allow, settings.block)
        self._meter = self._provider.get_meter("tradewind", __version__)
        self._instruments: dict[str, Any] = {}
        self._told: dict[tuple[str, tuple[str, ...]], float] = {}

    def send(self, families: Iterable[Family]) -> None:
        """Send what a look found; a collector that does not answer is told to the log."""
        for family in families:
            base = name_of(family.name).base
            if not self._choice.takes(base):
                continue
            name = f"{self._settings.otel_prefix}.{base}"
            if family.kind == "summary":
                for sample in family.fresh:
                    self._of(name, family).record(sample.value, dict(sample.labels))
                continue
            for sample in family.samples:
                self._tell(name, family, sample)
        # Nothing is sent between two looks: the reader waits to be told.
        self._provider.force_flush(_TIMEOUT_MS)

    def forget(self) -> None:
        """Take what counters say next as counted from nothing."""
        self._told.clear()

    def close(self) -> None:
        """Send nothing any more."""
        self._provider.shutdown(_TIMEOUT_MS)

    def _tell(self, name: str, family: Family, sample: Sample) -> None:
        labels = {label: value for label, value in sample.labels.items() if label != "type"}
        if family.kind == "gauge":
            self._of(name, family).set(sample.value, labels)
            return
        key = family.name, tuple(sample.labels.values())
        added = sample.value - self._told.get(key, 0.0)
        self._told[key] = sample.value
        if added > 0:
            self._of(name, family).add(added, labels)

    def _of(self, name: str, family: Family) -> Any:
        found = self._instruments.get(name)
        if found is None:
            make: dict[str, Any] = {
                "counter": self._meter.create_counter,
                "gauge": self._meter.create_gauge,
                "summary": self._meter.create_histogram,
            }
            unit = "s" if family.kind == "summary" else ""
            found = make[family.kind](name, unit=unit, description=family.help)
            self._instruments[name] = found
        return found


def _reader(settings: Metrics) -> MetricReader:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
        OTLPMetricExporter,
    )
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415

    scheme = "https" if settings.otel_ssl_active else "http"
    endpoint = f"{scheme}://{settings.otel_host}:{settings.otel_port}/v1/metrics"
    exporter = OTLPMetricExporter(endpoint=endpoint, timeout=_TIMEOUT_MS // 1000)
    return PeriodicExportingMetricReader(exporter, export_interval_millis=float("inf"))
