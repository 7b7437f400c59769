"""BaseSensorOperator: look again and again until something is there.

In mode "poke" the sensor keeps its process and slot while it waits; in mode "reschedule" it
ends after each look and is started again. The timeout counts from the first look of the try,
however often it was rescheduled.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, NoReturn

from tradewind.errors import DagError
from tradewind.sdk import current
from tradewind.sdk.exceptions import (
    AirflowException,
    AirflowFailException,
    AirflowRescheduleException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
    TaskDeferralError,
    TaskDeferralTimeout,
)
from tradewind.sdk.operator import BaseOperator
from tradewind.sdk.operators.skipping import SkipMixin
from tradewind.sdk.waiting import Waiter

_POKE_INTERVAL_S = 60.0
_TIMEOUT_S = 7 * 24 * 3600.0
_MAX_DOUBLINGS = 40
"""Of the poke interval under exponential back-off; more would pass any timeout."""


class PokeReturnValue:
    """What `poke` may return instead of a bool: whether it is there, and what to push.

    Args:
        is_done: whether what the sensor waits for is there.
        xcom_value: pushed as the task's XCom when it is.
    """

    def __init__(self, is_done: bool, xcom_value: Any = None) -> None:
        self.is_done = is_done
        self.xcom_value = xcom_value

    def __bool__(self) -> bool:
        return self.is_done


class BaseSensorOperator(BaseOperator, SkipMixin):
    """Wait for something. Derive from it and write `poke`.

    Args:
        poke_interval: seconds (or a timedelta) between two looks.
        timeout: seconds (or a timedelta) after which the task fails, without a retry.
        soft_fail: end as skipped instead of failing, when the time is up.
        mode: "poke" keeps the process while waiting, "reschedule" gives it back.
        exponential_backoff: double the interval after each look, with some jitter.
        max_wait: the longest interval then, in seconds or a timedelta.
        silent_fail: an exception in `poke` means "not yet".
        never_fail: end as skipped instead of failing, whatever is wrong.

    Raises:
        DagError: an argument is not right.
    """

    ui_color = "#e6f1f2"
    valid_modes: ClassVar[tuple[str, ...]] = ("poke", "reschedule")
    inherits_from_skipmixin = False  # a sensor skips itself, nothing below

    def __init__(
        self,
        *,
        poke_interval: timedelta | float = _POKE_INTERVAL_S,
        timeout: timedelta | float = _TIMEOUT_S,
        soft_fail: bool = False,
        mode: str = "poke",
        exponential_backoff: bool = False,
        max_wait: timedelta | float | None = None,
        silent_fail: bool = False,
        never_fail: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.poke_interval = self._seconds("poke_interval", poke_interval)
        self.timeout = self._seconds("timeout", timeout)
        self.soft_fail = soft_fail
        self.mode = mode
        self.exponential_backoff = exponential_backoff
        self.max_wait = (
            None if max_wait is None else timedelta(seconds=self._seconds("max_wait", max_wait))
        )
        self.silent_fail = silent_fail
        self.never_fail = never_fail
        if mode not in self.valid_modes:
            raise DagError(
                f"{self.described}: mode must be {' or '.join(self.valid_modes)}, not {mode!r}"
            )
        if soft_fail and never_fail:
            raise DagError(f"{self.described}: soft_fail and never_fail exclude each other")

    def _seconds(self, name: str, value: Any) -> float:
        seconds = value.total_seconds() if isinstance(value, timedelta) else value
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds < 0:
            raise DagError(
                f"{self.described}: {name} must be a timedelta or a number of seconds that is"
                f" not negative, not {value!r}"
            )
        return float(seconds)

    @property
    def reschedule(self) -> bool:
        """Tell whether the sensor gives its process back while it waits."""
        return self.mode == "reschedule"

    def poke(self, context: Any) -> bool | PokeReturnValue:
        """Look once; return whether it is there."""
        raise NotImplementedError(f"{type(self).__name__} has no poke(self, context)")

    def execute(self, context: Any) -> Any:
        """Look until it is there.

        Raises:
            AirflowSensorTimeout: the time is up.
            AirflowSkipException: the same, with soft_fail or never_fail.
            AirflowRescheduleException: not yet, in mode "reschedule".
        """
        waiter = current.waiter()
        elapsed = self._stopwatch(context)
        looks = context["ti"].assignment.reschedule_count if self.reschedule else 0
        while True:
            looks += 1
            found = self._look(context)
            if found:
                break
            if elapsed() > self.timeout:
                self._time_is_up(elapsed())
            pause = self._interval(context, looks, elapsed())
            if self.reschedule:
                raise AirflowRescheduleException(waiter.now() + timedelta(seconds=pause))
            waiter.wait(pause)
        self.log.info("%s: it is there", self.task_id)
        return found.xcom_value if isinstance(found, PokeReturnValue) else None

    def _stopwatch(self, context: Any) -> Callable[[], float]:
        """Return a function that tells the seconds since the first look of this try."""
        waiter = current.waiter()
        if self.reschedule:
            first: datetime = context["ti"].assignment.first_started_at or waiter.now()
            return functools.partial(_seconds_since, waiter, first)
        started = waiter.monotonic()
        return lambda: waiter.monotonic() - started

    def _look(self, context: Any) -> bool | PokeReturnValue:
        try:
            return self.poke(context)
        except AirflowSkipException:
            raise
        except (AirflowSensorTimeout, AirflowTaskTimeout, AirflowFailException) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(f"skipped instead of failed: {error}") from error
            raise
        except Exception as error:
            if self.silent_fail:
                self.log.exception("the look failed; that counts as not yet (silent_fail)")
                return False
            if self.never_fail:
                raise AirflowSkipException(f"skipped instead of failed: {error}") from error
            raise

    def _time_is_up(self, elapsed: float) -> NoReturn:
        text = f"nothing within {self.timeout:g} s (looked for {elapsed:.1f} s)"
        if self.soft_fail or self.never_fail:
            raise AirflowSkipException(f"skipped: {text}")
        raise AirflowSensorTimeout(text)

    def _interval(self, context: Any, looks: int, elapsed: float) -> float:
        """Return the seconds until the next look; the last one comes when the time is up."""
        pause = self.poke_interval
        if self.exponential_backoff:
            pause = self._backed_off(context, looks)
        if self.max_wait is not None:
            pause = min(pause, self.max_wait.total_seconds())
        return max(0.0, min(pause, self.timeout - elapsed + 0.001))

    def _backed_off(self, context: Any, looks: int) -> float:
        """Return the interval doubled with each look, and up to twice that by a fixed jitter."""
        doubled = max(self.poke_interval * 2 ** min(looks - 1, _MAX_DOUBLINGS), 1.0)
        ti = context["ti"]
        seed = f"{ti.dag_id}#{ti.task_id}#{ti.run_id}#{ti.map_index}#{looks}"
        spread = int(hashlib.sha1(seed.encode(), usedforsecurity=False).hexdigest()[:8], 16)
        return float(doubled * (1 + spread / 0xFFFFFFFF))

    def resume_execution(
        self, next_method: str, next_kwargs: dict[str, Any] | None, context: Any
    ) -> Any:
        """Go on after a deferral; a trigger that took too long is the sensor's timeout."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            self._time_is_up(self.timeout)
        except (AirflowException, TaskDeferralError) as error:
            if isinstance(error, AirflowSkipException) or not (self.soft_fail or self.never_fail):
                raise
            raise AirflowSkipException(f"skipped instead of failed: {error}") from error


def _seconds_since(waiter: Waiter, moment: datetime) -> float:
    return (waiter.now() - moment).total_seconds()


def poke_mode_only(cls: type[Any]) -> type[Any]:
    """Mark a sensor class as one that keeps state between looks, so mode "poke" only."""
    before = cls.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        before(self, *args, **kwargs)
        if self.mode != "poke":
            raise DagError(f"{cls.__name__} can only be used in mode 'poke'")

    cls.__init__ = functools.wraps(before)(init)
    return cls
