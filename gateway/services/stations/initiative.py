"""What the gateway does with a station of its own accord, once the station is ready to listen.

After an accepted boot, and after a reconnection without one, a number of routines run in the
background: settings are read and set, lists are sent, certificates renewed. They run one after
the other, in the order in which they were added, because a station takes one CALL at a time. A
newer occasion or the end of the connection stops them; a routine that fails does not stop the
next. Charge points whose operator has set `provision` to false are left alone.

A station that has just connected may be about to boot, and is to hear nothing before its boot is
answered: it is given some seconds, not the same ones for everybody. After a power cut thousands
come back at once: only so many are busy at a time, the others wait their turn.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog

from gateway.services.ports import CallTimeout, InvalidCall, NotConnected, Station
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Fenced, StoreError

log = structlog.get_logger(__name__)


GRACE = 2.0  # seconds, once to twice, that a station has to boot after it connected
AT_ONCE = 50


class Occasion(StrEnum):
    """Why the routines run."""

    BOOTED = "booted"  # the station may have lost what it was told before
    CONNECTED = "connected"  # it came back, its boot was accepted earlier
    PENDING = "pending"  # its boot is pending: only what it needs before it is accepted
    ASKED = "asked"  # something changed on our side, or the operator wants it now


Routine = Callable[[StationState, Station, Occasion], Awaitable[None]]


class Initiative:
    """Runs the routines of every connection on this node."""

    def __init__(
        self, router: StationRouter, *, grace: float = GRACE, at_once: int = AT_ONCE
    ) -> None:
        self._router = router
        self._grace = grace
        self._turns = asyncio.Semaphore(at_once)
        self._routines: list[Routine] = []
        self._early: set[Routine] = set()
        self._running: dict[Fence, tuple[Occasion, asyncio.Task[None]]] = {}

    def add(self, routine: Routine, *, early: bool = False) -> None:
        """Have `routine` run for every station that becomes ready; `early`: while Pending, too."""
        self._routines.append(routine)
        if early:
            self._early.add(routine)

    def begin(self, state: StationState, occasion: Occasion) -> None:
        """The station is ready to listen: run everything for it, after what is being answered."""
        here = self._router.local(state.identity)
        if here is None or here[0] is not state or not state.record.provision:
            return
        self.end(state)
        task = asyncio.create_task(self._run_in_turn(state, here[1], occasion))
        self._running[state.fence] = occasion, task
        task.add_done_callback(lambda done: self._finished(state.fence, done))

    def occasion(self, state: StationState) -> Occasion | None:
        """Why routines run for this connection now, or wait for their turn; None if none do."""
        running = self._running.get(state.fence)
        return running[0] if running else None

    def end(self, state: StationState) -> None:
        """Stop what runs for this connection."""
        running = self._running.pop(state.fence, None)
        if running is not None:
            running[1].cancel()

    async def close(self) -> None:
        """Stop everything."""
        running = [task for _, task in self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _run_in_turn(self, state: StationState, station: Station, occasion: Occasion) -> None:
        if occasion is Occasion.CONNECTED:
            await asyncio.sleep(random.uniform(self._grace, 2 * self._grace))  # noqa: S311
        async with self._turns:
            await self._run(state, station, occasion)

    async def _run(self, state: StationState, station: Station, occasion: Occasion) -> None:
        for routine in self._routines:
            if occasion is Occasion.PENDING and routine not in self._early:
                continue
            try:
                await routine(state, station, occasion)
            except (Fenced, NotConnected):
                return
            except (CallTimeout, InvalidCall, StoreError) as error:
                name = getattr(routine, "__qualname__", repr(routine))
                log.warning(
                    "routine not finished",
                    charge_point=state.identity,
                    routine=name,
                    reason=repr(error),
                )
            except Exception:
                # ours; what the others do, the end of a preparation among it, does not depend on it
                log.exception("routine failed", charge_point=state.identity)

    def _finished(self, fence: Fence, task: "asyncio.Task[None]") -> None:
        running = self._running.get(fence)
        if running is not None and running[1] is task:
            del self._running[fence]
        if not task.cancelled() and task.exception() is not None:
            log.error("routine failed", charge_point=fence.identity, exc_info=task.exception())
