"""A station's clock: real time, or an accelerated past that never overtakes real time.

At scale s with a lead the clock starts `lead` before now and runs s times as fast until it has
caught up; from then on it is real time. So accelerated sessions carry timestamps that could have
been, and none lies in the future.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

MILLISECOND = timedelta(milliseconds=1)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class VirtualClock:
    """`now` and `sleep` in the station's time; `scale` 1 and no lead is real time."""

    def __init__(
        self,
        scale: float = 1.0,
        lead: timedelta = timedelta(0),
        *,
        real_now: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if scale < 1 or lead < timedelta(0):
            raise ValueError("the scale is at least 1 and the lead is not negative")
        self.scale = scale
        self._lead = lead.total_seconds()
        self._monotonic = monotonic
        self._origin = real_now()
        self._started = monotonic()

    def now(self) -> datetime:
        """The station's time, UTC; never later than real time."""
        return self._origin + timedelta(seconds=self._virtual(self._elapsed()))

    def lag(self) -> timedelta:
        """How far the station's time is behind real time."""
        elapsed = self._elapsed()
        return timedelta(seconds=elapsed - self._virtual(elapsed))

    def real_seconds(self, virtual_seconds: float) -> float:
        """How long to wait in real seconds until so many seconds have passed on this clock."""
        elapsed = self._elapsed()
        target = self._virtual(elapsed) + virtual_seconds
        if target >= self._caught_up_at():
            return max(0.0, target - elapsed)
        return max(0.0, (target + self._lead) / self.scale - elapsed)

    async def sleep(self, virtual_seconds: float) -> None:
        await asyncio.sleep(self.real_seconds(virtual_seconds))

    async def sleep_until(self, moment: datetime) -> None:
        """Returns when this clock shows that moment, at once if it has passed."""
        await self.sleep(max(0.0, (moment - self.now()).total_seconds()))

    def _elapsed(self) -> float:
        return self._monotonic() - self._started

    def _virtual(self, elapsed: float) -> float:
        return min(elapsed * self.scale - self._lead, elapsed)

    def _caught_up_at(self) -> float:
        if self.scale == 1:
            return float("inf") if self._lead else 0.0
        return self._lead / (self.scale - 1)


class Timestamps:
    """Strictly rising timestamps of one station, in whole milliseconds."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._last = datetime.min.replace(tzinfo=UTC)

    def take(self) -> datetime:
        now = self._clock.now()
        now = now.replace(microsecond=now.microsecond // 1000 * 1000)
        self._last = max(now, self._last + MILLISECOND)
        return self._last


def wire_time(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds and `Z`, as every timestamp on the wire is written."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )


def parse_time(text: str) -> datetime:
    """A timestamp as the CSMS wrote it; without a zone it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
