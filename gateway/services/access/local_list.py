"""Keeps the local authorization lists of this node's stations in step with the tokens.

Nothing is asked or sent until there is a token to list. Then a station is asked once a
connection what it can take, told everything if we are not sure of what it has, and from then on
only what changes. Changes are gathered: a station hears of them at most once an interval, however
many there are, and an idle station costs nothing.
"""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from gateway.domain.commands import CommandReply
from gateway.domain.local_list import ClearCache, ListRecord, ListState
from gateway.domain.timestamps import to_text
from gateway.services.access.local_list_edition import Edition, Editions
from gateway.services.access.local_list_limits import Wish, read_wish
from gateway.services.access.local_list_sync import MOST_FAILURES, ListSync
from gateway.services.ports import NotConnected, Station
from gateway.services.roaming.partners import PartnerDirectory
from gateway.services.stations.initiative import Occasion
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, Store, StoreError
from gateway.store.keys import LISTED_TOPIC

log = structlog.get_logger(__name__)

INTERVAL = 10.0  # seconds between two looks at what has changed
LONGEST_HOLD = 30.0  # seconds that the routines after ours wait for a list
_LOOK_ANYWAY = 60.0  # for what the bus has lost, and for partners that are gone
_AT_ONCE = 50  # stations of a node
_TOPIC = "local-list"
_RECORD, _WANTED = "local_list", "local_list_wanted"  # pieces of a station's state
_TIMEOUT = 30.0
# Left alone until something new is known: a boot, or the operator's word.
_SETTLED = (ListState.REFUSED, ListState.NOT_SUPPORTED, ListState.NOT_WANTED)


@dataclass(slots=True)
class _Connected:
    """One connection. `wanted` is the operator's word, `wish` the station's.

    `news`: either may have changed. `verified`: the station has told us its list's version.
    """

    state: StationState
    station: Station
    record: ListRecord | None = None
    wanted: bool | None = None
    wish: Wish | None = None
    news: bool = False
    verified: bool = False
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class LocalLists:
    """All of them. `start` it, and let `routine` run for every station that becomes ready."""

    def __init__(
        self,
        store: Store,
        partners: PartnerDirectory,
        router: StationRouter,
        now: Callable[[], datetime],
        *,
        master_group: str | None = None,
        interval: float = INTERVAL,
        longest_hold: float = LONGEST_HOLD,
    ) -> None:
        self._store = store
        self._router = router
        self._now = now
        self._interval = interval
        self._longest_hold = longest_hold
        self._editions = Editions(store, partners, master_group)
        self._connected: dict[str, _Connected] = {}
        self._changed = asyncio.Event()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._stop: list[Callable[[], None]] = []
        self._closed = False

    async def start(self) -> None:
        """Follow the changes, on whatever node they happen, until `close`."""
        bus = self._store.bus
        self._stop = [
            bus.subscribe(LISTED_TOPIC, lambda _message: self._changed.set()),
            bus.subscribe(_TOPIC, self._ordered),
        ]
        bus.on_resumed(self._changed.set)
        self._begin(self._follow())

    async def close(self) -> None:
        """Stop following; what is being sent is cut off and found out about later."""
        self._closed = True
        for stop in self._stop:
            stop()
        pending = set(self._tasks)
        while pending:
            # again and again: a cancellation may get lost inside the Redis client
            for task in pending:
                task.cancel()
            _, pending = await asyncio.wait(pending, timeout=1.0)

    async def routine(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """A station is ready to listen; what it holds now is not sure (see `Initiative`)."""
        one = self._known(state, station)
        one.record, one.wish, one.verified = None, None, False
        one.news = occasion is Occasion.BOOTED
        edition = await self._editions.current(state.party)
        if edition.revision > 0:
            await self._hold(self._begin(self._sync_alone(one, edition)))

    # --- the operator ---------------------------------------------------------------------

    async def shown(self, identity: str) -> dict[str, Any]:
        """How the list of a charge point stands. Raises `UnknownChargePoint`."""
        kept = await self._load(identity)
        record = _record(kept)
        return {
            "wanted": kept.get(_WANTED),
            "state": record.state if kept.get(_RECORD) else ListState.NOT_ASKED,
            "version": record.version,
            "entries": record.entries if record.held else None,
            "capacity": record.capacity,
            "last_error": record.error,
            "updated_at": record.updated_at,
        }

    async def want(self, identity: str, wanted: bool | None) -> None:
        """Whether it is to have one; None: as its own settings say. Raises `UnknownChargePoint`."""
        charge_point = await registered(self._store, identity)
        party = self._store.party(charge_point.party)
        change = party.change()
        party.stations.put(change, identity, _WANTED, wanted)
        change.publish(_TOPIC, {"identity": identity, "anew": False})
        await self._store.commit(change)

    async def send_anew(self, identity: str) -> None:
        """Send it whole, also where it was refused before. Raises `UnknownChargePoint`.

        `NotConnected` when the charge point cannot hear it.
        """
        charge_point = await registered(self._store, identity)
        if await self._store.party(charge_point.party).stations.route(identity) is None:
            raise NotConnected(identity)
        await self._store.bus.publish(_TOPIC, {"identity": identity, "anew": True})

    async def clear_cache(self, identity: str) -> CommandReply:
        """Empty its authorization cache. Raises `UnknownChargePoint`."""
        await registered(self._store, identity)
        return await self._router.execute(identity, ClearCache(), _TIMEOUT)

    # --- inside ---------------------------------------------------------------------------

    def _ordered(self, message: dict[str, Any]) -> None:
        """The operator has said something, on this node or another."""
        here = self._router.local(message["identity"])
        if here is None:
            return
        state, station = here
        if not message["anew"] and not state.record.provision:
            return
        one = self._known(state, station)
        one.record, one.wish, one.news = None, None, True
        self._begin(self._sync_alone(one, None, anew=message["anew"]))

    async def _hold(self, sync: "asyncio.Task[None]") -> None:
        """Let what comes next wait for a sync, but not for one of hundreds of messages."""
        try:
            await asyncio.wait({sync}, timeout=self._longest_hold)
        except asyncio.CancelledError:
            sync.cancel()
            raise

    def _known(self, state: StationState, station: Station) -> _Connected:
        one = self._connected.get(state.identity)
        if one is None or one.state is not state:
            one = self._connected[state.identity] = _Connected(state, station)
        return one

    async def _follow(self) -> None:
        """Look at what has changed when something has, or now and then."""
        while not self._closed:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_ANYWAY):
                    await self._changed.wait()
            self._changed.clear()
            try:
                await self._look()
            except StoreError as error:
                log.warning("local lists not looked at", reason=str(error))
                self._changed.set()
            await asyncio.sleep(self._interval)

    async def _look(self) -> None:
        if await self._editions.refresh() == 0:
            return
        for identity, one in list(self._connected.items()):
            here = self._router.local(identity)
            edition = self._editions.of(one.state.party)
            if here is None or here[0] is not one.state:
                del self._connected[identity]
            elif one.lock.locked():
                self._changed.set()  # it is being told of an older edition: look again
            elif one.state.record.provision and _is_behind(one, edition):
                await self._places.acquire()
                task = self._begin(self._sync_alone(one, edition))
                task.add_done_callback(lambda _task: self._places.release())

    async def _sync_alone(
        self, one: _Connected, edition: Edition | None, *, anew: bool = False
    ) -> None:
        """A sync that nobody waits for."""
        try:
            edition = edition or await self._editions.current(one.state.party)
            await self._sync(one, edition, anew=anew)
        except Fenced:
            return  # a newer connection sees to it
        except StoreError as error:
            log.warning("local list not in step", charge_point=one.state.identity, reason=error)

    async def _sync(self, one: _Connected, edition: Edition, *, anew: bool = False) -> None:
        async with one.lock:
            before = one.record
            if before is None:
                before = await self._read(one)
            if anew:
                before = replace(before, state=ListState.BEHIND, failures=0)
            if before.state not in _SETTLED:
                after = await self._synced(one, before, edition, anew=anew)
                if after != one.record:
                    await self._keep(one, after)

    async def _read(self, one: _Connected) -> ListRecord:
        """What is kept of the list, in the light of what is new."""
        kept = await self._load(one.state.identity)
        one.record = record = _record(kept)
        one.wanted = kept.get(_WANTED)
        if record.state is ListState.BEHIND:
            record = replace(record, failures=0)  # it may answer this time
        told = record.state is ListState.NOT_SUPPORTED and record.error is not None
        if one.news and not told and record.state is not ListState.REFUSED:
            record = replace(record, state=ListState.BEHIND)
        return record

    async def _synced(
        self, one: _Connected, record: ListRecord, edition: Edition, *, anew: bool
    ) -> ListRecord:
        """What becomes of the list; nothing is sent to a station that does not want one."""
        if one.wanted is False and record.version == 0:
            return replace(record, state=ListState.NOT_WANTED)
        if one.wish is None:
            one.wish = await read_wish(one.station)
        if one.wish is None:
            failures = record.failures + 1
            return replace(record, failures=failures, error="settings not answered")
        if one.wish.enabled is None and not one.wanted:
            return replace(record, state=ListState.NOT_SUPPORTED, error=None)
        limits = one.wish.limits
        if one.wanted is False or not (one.wish.enabled or one.wanted):
            if record.version == 0:
                return replace(record, state=ListState.NOT_WANTED)
            limits = replace(limits, capacity=0)  # what it has from us is taken back
        sync = ListSync(one.station, limits, edition)
        after = await sync.run(record, verify=not one.verified, anew=anew)
        one.verified = after.held is not None
        if limits.capacity == 0 and after.state is ListState.IN_STEP:
            return replace(after, state=ListState.NOT_WANTED)
        return after

    async def _keep(self, one: _Connected, after: ListRecord) -> None:
        before, one.record = one.record, after
        same = before and (before.version, before.state) == (after.version, after.state)
        if same and after.held is not None:
            return  # nothing was sent: what is kept in the store still leads to the same
        after = replace(after, updated_at=to_text(self._now()))
        party = self._store.party(one.state.party)
        change = party.change(one.state.fence)
        party.stations.put(change, one.state.identity, _RECORD, after)
        await self._store.commit(change)
        one.record = after
        log.info(
            "local list",
            charge_point=one.state.identity,
            state=after.state.value,
            version=after.version,
            entries=after.entries,
            error=after.error,
        )

    async def _load(self, identity: str) -> dict[str, Any]:
        charge_point = await registered(self._store, identity)
        return await self._store.party(charge_point.party).stations.load(identity)

    def _begin(self, work: Any) -> "asyncio.Task[None]":
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("local list failed", exc_info=task.exception())


def _is_behind(one: _Connected, edition: Edition) -> bool:
    record = one.record
    if record is None:
        return True
    if record.state in _SETTLED or record.failures >= MOST_FAILURES:
        return False
    held = record.held
    same = held is not None and held.revision == edition.revision
    return not same or record.withdrawn != edition.withdrawn


def _record(kept: dict[str, Any]) -> ListRecord:
    document = kept.get(_RECORD)
    return ListRecord() if document is None else msgspec.convert(document, ListRecord)
