"""Objects that fail while others pass: is it the partner, or is it this object?

An unanswered push says nothing about which. But when others got through between two failures of
the same object, the partner was not down: it chokes on this one. Such an object is held back
longer and longer, and given up after a few times, so that it cannot stop the rest for ever. What
must not overtake it is held back with it: suspicion falls on a lane (`Owing.lane`).
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class _Suspicion:
    strikes: int  # failures with a success of others since the one before
    passed: bool  # whether others got through since the last failure
    not_before: float


class Suspects:
    """The failing objects of one partner. Times are the clock's elapsed seconds."""

    def __init__(self, *, strikes: int = 5, first_hold: float = 10.0) -> None:
        self._strikes = strikes
        self._first_hold = first_hold
        self._objects: dict[Hashable, _Suspicion] = {}

    def failed(self, key: Hashable, now: float) -> bool:
        """Note a push without an answer; True when the object is to be given up."""
        before = self._objects.pop(key, None)
        if before is None:
            while len(self._objects) >= _LIMIT:
                del self._objects[next(iter(self._objects))]
            self._objects[key] = _Suspicion(1, passed=False, not_before=now)
            return False
        strikes = before.strikes + before.passed
        if strikes >= self._strikes:
            return True
        hold = self._first_hold * 2.0 ** (strikes - 2) if strikes > 1 else 0.0
        self._objects[key] = _Suspicion(strikes, passed=False, not_before=now + hold)
        return False

    def answered(self, key: Hashable) -> None:
        """Note a push with an answer, of whatever kind: it clears this object."""
        self._objects.pop(key, None)
        for other, suspicion in self._objects.items():
            if not suspicion.passed:
                self._objects[other] = replace(suspicion, passed=True)

    def wait(self, key: Hashable, now: float) -> float:
        """Seconds for which the object is held back."""
        suspicion = self._objects.get(key)
        return 0.0 if suspicion is None else max(0.0, suspicion.not_before - now)

    def ranks(self) -> dict[Hashable, int]:
        """Sort keys: of the suspect objects, the one that failed longest ago comes first."""
        return {key: number for number, key in enumerate(self._objects, 1)}
