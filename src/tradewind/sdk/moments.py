"""Times as user code gets them: pendulum's, whose methods templates call.

pendulum takes tens of milliseconds to import, so it is loaded when a time is first asked for.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from pendulum import DateTime


@overload
def moment(value: datetime) -> DateTime: ...
@overload
def moment(value: None) -> None: ...


def moment(value: datetime | None) -> DateTime | None:
    """Return a time as pendulum's type, in UTC when it is aware."""
    if value is None:
        return None
    import pendulum  # noqa: PLC0415  slow, and most tasks never look at a time

    return pendulum.instance(value)


def plain_utc(value: datetime) -> datetime:
    """Return an aware time in UTC as the standard library's type: pendulum's is no data."""
    at = value.astimezone(UTC)
    return datetime(
        at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=UTC
    )


def ds(value: datetime) -> str:
    """Return "2026-03-01"."""
    return value.strftime("%Y-%m-%d")


def ds_nodash(value: datetime) -> str:
    """Return "20260301"."""
    return value.strftime("%Y%m%d")


def ts(value: datetime) -> str:
    """Return "2026-03-01T12:30:00+00:00"."""
    return value.isoformat()


def ts_nodash(value: datetime) -> str:
    """Return "20260301T123000"."""
    return value.strftime("%Y%m%dT%H%M%S")


def ts_nodash_with_tz(value: datetime) -> str:
    """Return "20260301T123000+0000"."""
    return value.isoformat().replace("-", "").replace(":", "")
