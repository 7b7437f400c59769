"""`airflow.utils.timezone`: times with zones, as pendulum's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pendulum
from pendulum.tz.local_timezone import get_local_timezone
from pendulum.tz.timezone import FixedTimezone, Timezone

from tradewind.clock import SystemClock
from tradewind.sdk import defaults

__all__ = [
    "coerce_datetime",
    "convert_to_utc",
    "datetime",
    "from_timestamp",
    "is_localized",
    "is_naive",
    "local_timezone",
    "make_aware",
    "make_naive",
    "parse",
    "parse_timezone",
    "utc",
    "utc_epoch",
    "utcnow",
]

utc = pendulum.UTC


def is_localized(value: dt.datetime) -> bool:
    """Tell whether a time has a zone."""
    return value.utcoffset() is not None


def is_naive(value: dt.datetime) -> bool:
    """Tell whether a time has no zone."""
    return value.utcoffset() is None


def utcnow() -> dt.datetime:
    """Return the time now, in UTC."""
    return SystemClock().now().astimezone(utc)


def utc_epoch() -> dt.datetime:
    """Return 1970-01-01 in UTC."""
    return pendulum.datetime(1970, 1, 1)


def convert_to_utc(value: dt.datetime | None) -> pendulum.DateTime | None:
    """Return a time in UTC; a naive one is meant in the default zone."""
    if value is None:
        return None
    aware = value if is_localized(value) else make_aware(value)
    assert aware is not None
    return pendulum.instance(aware.astimezone(utc))


def make_aware(value: dt.datetime | None, timezone: dt.tzinfo | None = None) -> dt.datetime | None:
    """Return a naive time with a zone, the default one if none is given.

    Where the clock is set back, the second of two equal times is meant.

    Raises:
        ValueError: the time has a zone already.
    """
    if value is None:
        return None
    if is_localized(value):
        raise ValueError(f"make_aware expects a naive datetime, got {value}")
    zone = timezone if timezone is not None else defaults.zone()
    value = value.replace(fold=1)
    for way in ("localize", "convert"):  # pytz's, then pendulum's
        change = getattr(zone, way, None)
        if change is not None:
            changed: dt.datetime = change(value)
            return changed
    return value.replace(tzinfo=zone)


def make_naive(value: dt.datetime, timezone: dt.tzinfo | None = None) -> dt.datetime:
    """Return the time of day in a zone, the default one if none is given, without the zone.

    Raises:
        ValueError: the time has no zone.
    """
    if is_naive(value):
        raise ValueError("make_naive() cannot be applied to a naive datetime")
    there = value.astimezone(timezone if timezone is not None else defaults.zone())
    return dt.datetime(*there.timetuple()[:6], there.microsecond)  # noqa: DTZ001  naive is asked


def datetime(*args: Any, **kwargs: Any) -> dt.datetime:
    """Return a time, in the default zone unless one is given."""
    kwargs.setdefault("tzinfo", defaults.zone())
    return dt.datetime(*args, **kwargs)  # noqa: DTZ001  it has one


def parse(string: str, timezone: Any = None, *, strict: bool = False) -> pendulum.DateTime:
    """Return the time that a text stands for, in the default zone unless it has one."""
    zone = timezone or str(defaults.current().timezone)
    parsed = pendulum.parse(string, tz=zone, strict=strict)
    if not isinstance(parsed, pendulum.DateTime):
        raise ValueError(f"{string!r} is no time")  # noqa: TRY004  Airflow's users expect this
    return parsed


def coerce_datetime(v: dt.datetime | None, tz: dt.tzinfo | None = None) -> pendulum.DateTime | None:
    """Return a time as pendulum's; a naive one is meant in the zone, or the default one."""
    if v is None:
        return None
    aware = v if v.tzinfo is not None else make_aware(v, tz)
    assert aware is not None
    return pendulum.instance(aware)


def parse_timezone(name: str | int) -> FixedTimezone | Timezone:
    """Return the zone of an IANA name, or of an offset in seconds."""
    return Timezone(name) if isinstance(name, str) else FixedTimezone(name)


def local_timezone() -> FixedTimezone | Timezone:
    """Return the zone of this machine."""
    return get_local_timezone()


def from_timestamp(timestamp: float, tz: Any = utc) -> pendulum.DateTime:
    """Return the time of seconds since 1970."""
    return pendulum.from_timestamp(timestamp, tz=tz)
