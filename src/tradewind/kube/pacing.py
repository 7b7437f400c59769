"""How fast requests may go out: a token bucket that the API server can close for a while.

Pure: the time is an argument, waiting is a return value. A 429 or 503 with `Retry-After`
closes the bucket for everything; each failed request also has a pause of its own that doubles.
"""

from __future__ import annotations

MAX_PAUSE_S = 60.0
_FIRST_PAUSE_S = 0.5


class Bucket:
    """Give out at most `rate` a second, `burst` at once."""

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = float(burst)
        self._tokens = float(burst)
        self._at = now
        self._closed_until = now

    def take(self, now: float) -> float:
        """Take a token: 0.0, or how many seconds to wait before asking again."""
        if now < self._closed_until:
            return self._closed_until - now
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate
        self._tokens -= 1
        return 0.0

    def close(self, now: float, for_s: float) -> None:
        """Give out nothing for a while."""
        self._closed_until = max(self._closed_until, now + for_s)


def pause_s(failures: int, asked_s: float | None, jitter: float) -> float:
    """Return how long to wait after a failed request.

    Args:
        failures: how many there were in a row, from 1.
        asked_s: what the server asked for.
        jitter: from 0 to 1, so that many do not come back together.
    """
    own_s = min(MAX_PAUSE_S, _FIRST_PAUSE_S * 2.0 ** min(failures - 1, 10))
    return max(asked_s or 0.0, own_s * (0.5 + jitter / 2))
