"""How often something may happen for one key: a burst at once, then one in so many seconds."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

_REMEMBERED = 10_000  # keys; the one not seen for longest is forgotten, and is whole again


@dataclass(slots=True)
class _Allowance:
    left: float
    at: datetime
    refused: int = 0


class Allowances:
    """Token buckets by key, of bounded number."""

    def __init__(self, burst: int, seconds_each: float) -> None:
        self._burst = burst
        self._seconds_each = seconds_each
        self._known: OrderedDict[str, _Allowance] = OrderedDict()

    def take(self, key: str, now: datetime) -> int | None:
        """Use one: how many were refused since the last that was not, None if this one is."""
        known = self._known.pop(key, None) or _Allowance(self._burst, now)
        self._known[key] = known
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        earned = (now - known.at).total_seconds() / self._seconds_each
        known.left, known.at = min(self._burst, known.left + max(0.0, earned)), now
        if known.left < 1:
            known.refused += 1
            return None
        known.left -= 1
        refused, known.refused = known.refused, 0
        return refused
