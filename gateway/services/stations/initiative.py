"""What the gateway does with a station of its own accord, once the station is ready to listen.

After an accepted boot, and after a reconnection without one, a number of routines run in the
background: settings are read and set, lists are sent, certificates renewed. They run one after
the other, in the order in which they were added, because a station takes one CALL at a time. A
newer occasion or the end of the connection stops them; a routine that fails does not stop the
next. Charge points whose operator has set `provision` to false are left alone.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

import structlog

from gateway.services.ports import CallTimeout, InvalidCall, NotConnected, Station
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Fenced, StoreError

log = structlog.get_logger(__name__)


class Occasion(StrEnum):
    """Why the routines run."""

    BOOTED = "booted"  # the station may have lost what it was told before
    CONNECTED = "connected"  # it came back, its boot was accepted earlier
    PENDING = "pending"  # its boot is pending: only what it needs before it is accepted
    ASKED = "asked"  # something changed on our side, or the operator wants it now


Routine = Callable[[StationState, Station, Occasion], Awaitable[None]]


class Initiative:
    """Runs the routines of every connection on this node."""

    def __init__(self, router: StationRouter) -> None:
        self._router = router
        self._routines: list[Routine] = []
        self._early: set[Routine] = set()
        self._running: dict[Fence, asyncio.Task[None]] = {}

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
        task = asyncio.create_task(self._run(state, here[1], occasion))
        self._running[state.fence] = task
        task.add_done_callback(lambda done: self._finished(state.fence, done))

    def is_busy(self, state: StationState) -> bool:
        """Whether routines run for this connection."""
        return state.fence in self._running

    def end(self, state: StationState) -> None:
        """Stop what runs for this connection."""
        running = self._running.pop(state.fence, None)
        if running is not None:
            running.cancel()

    async def close(self) -> None:
        """Stop everything."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

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
        if self._running.get(fence) is task:
            del self._running[fence]
        if not task.cancelled() and task.exception() is not None:
            log.error("routine failed", charge_point=fence.identity, exc_info=task.exception())
