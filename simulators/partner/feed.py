"""What happened: events for listeners and waiters, findings for the record.

Both records are bounded; what falls off the end is counted.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable
from datetime import datetime

from simulators.partner.exact_json import Json
from simulators.partner.finding import Finding
from simulators.partner.v2_2_1.types import format_datetime

KEPT = 10_000

# `until` looks again at least this often, for predicates that depend on more than our events
LOOK_AGAIN = 0.05

Listener = Callable[[Json], None]


class Feed:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._listeners: list[Listener] = []
        self._happened = asyncio.Event()
        self.events: deque[Json] = deque(maxlen=KEPT)
        self.violations: list[Json] = []
        self.advice: list[Json] = []

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def emit(self, event: str, **fields: object) -> None:
        record: Json = {"event": event, "at": format_datetime(self._now()), **fields}
        self.events.append(record)
        for listener in self._listeners:
            listener(record)
        self._happened.set()

    def report(self, where: str, findings: list[Finding]) -> None:
        """Record what was found in one message; each violation is an event too."""
        for finding in findings:
            record = {
                "clause": finding.clause,
                "what": finding.what,
                "where": f"{where}: {finding.where}" if finding.where else where,
                "evidence": finding.evidence,
            }
            kept = self.violations if finding.severity == "violation" else self.advice
            if len(kept) < KEPT:
                kept.append({**record, "at": format_datetime(self._now())})
            self.emit(finding.severity, **record)

    async def until(self, predicate: Callable[[], bool], timeout: float = 10.0) -> None:
        """Return as soon as `predicate` holds; raises TimeoutError when it does not in time."""
        async with asyncio.timeout(timeout):
            while not predicate():
                self._happened.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_AGAIN):
                        await self._happened.wait()
