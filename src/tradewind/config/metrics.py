"""The section of metrics that are sent: to StatsD, and by OpenTelemetry's protocol."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct, field

from tradewind.config.notation import UNIT_S, Seconds


class Metrics(Struct, frozen=True, kw_only=True):
    """Metrics that are sent; what is fetched is at /metrics."""

    interval_s: Annotated[
        Seconds, Meta(description="How often metrics are sent.", ge=0.1, extra=UNIT_S)
    ] = field(default=10.0, name="interval")
    allow: Annotated[
        str,
        Meta(
            description=(
                "Only names that begin like one of these regular expressions, separated by "
                "commas; empty: all."
            )
        ),
    ] = field(default="", name="metrics_allow_list")
    block: Annotated[
        str, Meta(description="No names that begin like one of these regular expressions.")
    ] = field(default="", name="metrics_block_list")
    statsd_on: Annotated[bool, Meta(description="Whether metrics go to a StatsD server.")] = False
    statsd_host: Annotated[str, Meta(description="The StatsD server's name.")] = "localhost"
    statsd_port: Annotated[int, Meta(description="Its UDP port.", gt=0, le=65535)] = 8125
    statsd_prefix: Annotated[str, Meta(description="What every name begins with.")] = "airflow"
    statsd_datadog_enabled: Annotated[
        bool,
        Meta(description="Whether DAGs, tasks and the like are Datadog's tags, not part of names."),
    ] = False
    statsd_datadog_tags: Annotated[
        str, Meta(description="Tags of every metric for Datadog: key:value, separated by commas.")
    ] = ""
    otel_on: Annotated[
        bool,
        Meta(description="Whether metrics go to an OpenTelemetry collector (tradewind[otel])."),
    ] = False
    otel_host: Annotated[str, Meta(description="The collector's name.")] = "localhost"
    otel_port: Annotated[int, Meta(description="Its port for OTLP over HTTP.", gt=0, le=65535)] = (
        4318
    )
    otel_prefix: Annotated[str, Meta(description="What every name begins with.")] = "airflow"
    otel_ssl_active: Annotated[bool, Meta(description="Whether the collector takes HTTPS.")] = False
    otel_service: Annotated[str, Meta(description="The service's name.")] = "tradewind"
