"""How often a running session is pushed: values, no waiting and no clock."""

from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Push:
    at: float
    status: str | None


class Pace:
    """Remembers what was pushed within the last interval, and no longer. Times are elapsed seconds.

    An object that was marked again within the interval waits for its end, unless its status is
    another than last time. What was decided about one version of it is remembered, so that the
    status of a waiting object is looked up once. The interval may change at any time, and counts
    from then on also for what waits already.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._pushed: dict[Hashable, _Push] = {}
        self._held: dict[Hashable, int] = {}

    def __len__(self) -> int:
        """How many objects are held back."""
        return len(self._held)

    def pushed(self, key: Hashable, status: str | None, now: float) -> None:
        """Note a push of the object in this status."""
        self._pushed[key] = _Push(now, status)

    def recent(self, key: Hashable) -> bool:
        """Whether the object was pushed within the interval."""
        return key in self._pushed

    def held(self, key: Hashable, version: int, now: float) -> float:
        """Seconds for which this very version is already known to wait."""
        return self._left(key, now) if self._held.get(key) == version else 0.0

    def hold(self, key: Hashable, version: int, status: str | None, now: float) -> float:
        """Seconds for which this version waits; 0 when its status is another than last time."""
        last = self._pushed.get(key)
        if last is None or last.status != status:
            return 0.0
        self._held[key] = version
        return self._left(key, now)

    def forget_old(self, now: float) -> None:
        """Drop what no longer matters."""
        for key in [key for key in self._pushed if not self._left(key, now)]:
            del self._pushed[key]
            self._held.pop(key, None)

    def _left(self, key: Hashable, now: float) -> float:
        last = self._pushed.get(key)
        return 0.0 if last is None else max(0.0, last.at + self.interval - now)
