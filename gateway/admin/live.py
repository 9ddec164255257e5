"""What happens, as it happens, for whoever watches.

The store's indexes are read once a second, and only while somebody listens: the hot path pays
nothing for being watched, and what other nodes did is seen too. Events carry the whole object as
it is now, so one that was missed is made good by the next.

Each listener has a bounded queue. One that does not keep up loses the oldest events, and is told
how many.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Gauge

from gateway.admin.resources.transactions import shown_transaction
from gateway.admin.services import Services
from gateway.admin.stations import described
from gateway.services.billing.preferred_tariffs import PREFERENCES_TOPIC
from gateway.services.security.security_events import SECURITY_EVENTS_TOPIC
from gateway.services.stations.station_state import StationState
from gateway.store import Documents, PageQuery, StoreError

_log = structlog.get_logger(__name__)

_SECONDS = 1.0
_OVERLAP = timedelta(seconds=5)  # other nodes' clocks may be that much behind
_QUEUE = 500
_CHANGES = 500  # of one kind, per look
_NEWEST = 50
# Beyond so many connections on this node only their coming and going is watched.
_WATCHED_CONNECTORS = 2_000

_listeners = Gauge("gateway_operator_listeners", "Operators that watch live events")


@dataclass(frozen=True, slots=True)
class Event:
    """A kind (`charge_point`, `session`, ...) and the object as it is now."""

    kind: str
    data: Any


class Listener:
    """One watcher's queue."""

    def __init__(self, size: int = _QUEUE) -> None:
        self._events: deque[Event] = deque()
        self._size = size
        self._dropped = 0
        self._closed = False
        self._ready = asyncio.Event()

    def put(self, event: Event) -> None:
        """Add one; the oldest goes when there is no room."""
        if len(self._events) >= self._size:
            self._events.popleft()
            self._dropped += 1
        self._events.append(event)
        self._ready.set()

    def close(self) -> None:
        """End the iteration."""
        self._closed = True
        self._ready.set()

    async def take(self, timeout: float) -> list[Event] | None:
        """What has come, nothing after `timeout` seconds without any, None at the end."""
        try:
            async with asyncio.timeout(timeout):
                await self._ready.wait()
        except TimeoutError:
            return []
        self._ready.clear()
        if self._closed:
            return None
        events = list(self._events)
        self._events.clear()
        if self._dropped:
            events.insert(0, Event("dropped", {"count": self._dropped}))
            self._dropped = 0
        return events


class LiveEvents:
    """Watches the store and this node's connections for all listeners."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._listeners: set[Listener] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._since = services.now()
        self._told: dict[tuple[str, str], str] = {}
        self._stations: dict[str, Any] = {}
        self._elsewhere: set[str] = set()
        self._transactions: dict[tuple[str, str], str] = {}
        self._partners: dict[str, Any] = {}

    async def listen(self, partners: Callable[[], Any]) -> Listener:
        """A new listener; `partners` shows all partners. The first one starts the watching."""
        async with self._turn:
            if self._watcher is None or self._watcher.done():
                await self._look_first(partners)
                self._watcher = asyncio.create_task(self._watch(partners), name="live events")
            listener = Listener()
            self._listeners.add(listener)
        _listeners.set(len(self._listeners))
        return listener

    async def leave(self, listener: Listener) -> None:
        """The last one to leave ends the watching."""
        self._listeners.discard(listener)
        _listeners.set(len(self._listeners))
        async with self._turn:
            if not self._listeners:
                await self._end()

    async def close(self) -> None:
        """Send every listener away."""
        for listener in self._listeners:
            listener.close()
        await self._end()

    async def _end(self) -> None:
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)

    async def _look_first(self, partners: Callable[[], Any]) -> None:
        """Learn how things stand, so that only what changes is told."""
        self._since = self._services.now()
        self._told, self._elsewhere = {}, set()
        async for _ in self._changes(partners):
            pass

    async def _watch(self, partners: Callable[[], Any]) -> None:
        bus = self._services.store.bus
        unsubscribe = bus.subscribe("superseded", self._connected_somewhere)
        unsubscribe_security = bus.subscribe(SECURITY_EVENTS_TOPIC, self._security_event)
        unsubscribe_preferences = bus.subscribe(PREFERENCES_TOPIC, self._preferences)
        try:
            while True:
                await asyncio.sleep(_SECONDS)
                try:
                    async for event in self._changes(partners):
                        for listener in self._listeners:
                            listener.put(event)
                except StoreError as error:
                    _log.warning("live events wait for the store", reason=str(error))
                except Exception:
                    _log.exception("live events failed")
        finally:
            unsubscribe()
            unsubscribe_security()
            unsubscribe_preferences()

    async def _changes(self, partners: Callable[[], Any]) -> AsyncIterator[Event]:
        since, self._since = self._since - _OVERLAP, self._services.now()
        async for event in self._station_changes():
            yield event
        for info in self._services.parties.all():
            books = self._services.store.party(info.party)
            async for event in self._updated("location", books.locations, since):
                for one in await self._located(event.data):
                    yield one
            for kind, documents in (("session", books.sessions), ("cdr", books.cdrs)):
                async for event in self._updated(kind, documents, since):
                    yield event
            newest, _ = await books.transactions.page(offset=0, limit=_NEWEST)
            for event in self._transaction_changes(newest):
                yield event
        for partner in await partners():
            if self._partners.get(partner["id"]) != partner:
                self._partners[partner["id"]] = partner
                yield Event("partner", partner)
        self._forget(since)

    async def _updated(
        self, kind: str, documents: Documents, since: datetime
    ) -> AsyncIterator[Event]:
        page = await documents.page(PageQuery(limit=_CHANGES, date_from=since))
        ids = [document["id"] for document in page.items]
        updated = await documents.updated(ids)
        for document, at in zip(page.items, updated, strict=True):
            version = at.isoformat() if at else ""
            if self._told.get((kind, document["id"])) != version:
                self._told[kind, document["id"]] = version
                yield Event(kind, document)

    async def _located(self, location: dict[str, Any]) -> list[Event]:
        """The location with its live statuses, and the charge points behind it."""
        for info in self._services.parties.all():
            shown = await self._services.catalogue.operator_view(info.party, location["id"])
            if shown is not None:
                return [Event("location", shown)]
        return []

    def _transaction_changes(self, newest: list[dict[str, Any]]) -> list[Event]:
        events = []
        for document in newest:
            key = (document["identity"], document["id"])
            if self._transactions.get(key) != document["state"]:
                self._transactions[key] = document["state"]
                events.append(Event("transaction", shown_transaction(document)))
        return events

    async def _station_changes(self) -> AsyncIterator[Event]:
        services = self._services
        states = services.router.states()
        closely = len(states) <= _WATCHED_CONNECTORS
        now = {state.identity: _mark(state, closely) for state in states}
        changed = {
            identity
            for identity in now.keys() | self._stations.keys()
            if now.get(identity) != self._stations.get(identity)
        }
        changed |= self._elsewhere
        self._stations, self._elsewhere = now, set()
        for identity in sorted(changed)[:_CHANGES]:
            shown = await described(services.charge_points, services.router, identity)
            yield Event("charge_point", shown or {"identity": identity, "removed": True})

    def _security_event(self, message: dict[str, Any]) -> None:
        """A critical one, told by whichever node has stored it."""
        for listener in self._listeners:
            listener.put(Event("security_event", message))

    def _preferences(self, message: dict[str, Any]) -> None:
        """What a driver wants of a running session."""
        for listener in self._listeners:
            listener.put(Event("charging_preferences", message))

    def _connected_somewhere(self, message: dict[str, Any]) -> None:
        """Each new connection on any node is announced, to end the old ones."""
        if len(self._elsewhere) < _CHANGES:
            self._elsewhere.add(message["identity"])

    def _forget(self, since: datetime) -> None:
        """What is older than the next look will not be found by it again."""
        before = since.isoformat()
        self._told = {key: at for key, at in self._told.items() if at >= before}
        if len(self._transactions) > 100 * _NEWEST:
            keys = list(self._transactions)[: -10 * _NEWEST]
            for key in keys:
                del self._transactions[key]


def _mark(state: StationState, closely: bool) -> Any:
    """What makes two looks at a connection differ."""
    if not closely:
        return state.fence.epoch
    connectors = [
        (evse_id, connector_id, report.state, report.error_code)
        for evse_id, reports in state.evses.items()
        for connector_id, report in reports.connectors.items()
    ]
    return (state.fence.epoch, state.boot_accepted, connectors)
