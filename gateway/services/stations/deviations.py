"""Which quirks a charge point has, and how its deviations are kept and shown.

A connection counts in memory (`StationState.deviations`); what has changed is stored now and
then, and at its end. A crash loses at most the counts of one interval.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog

from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.deviations import DeviationLog
from gateway.domain.quirks import QUIRKS, EffectiveQuirks, QuirkRule, of_rules
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fenced, Store, StoreError

log = structlog.get_logger(__name__)

QUIRKS_TOPIC = "quirks"  # {"identity"}: its own have changed; {}: the rules have
_RESET_TOPIC = "deviations-reset"
_FIELD = "deviations"
_INTERVAL = 60.0  # seconds
_AT_ONCE = 100


class DeviationService:
    """Quirks and deviations of all charge points."""

    def __init__(self, store: Store, router: StationRouter, interval: float = _INTERVAL) -> None:
        self._store = store
        self._router = router
        self._interval = interval
        self._rules: tuple[QuirkRule, ...] = ()
        self._tasks: set[asyncio.Task[None]] = set()
        store.bus.subscribe(QUIRKS_TOPIC, self._quirks_changed)
        store.bus.subscribe(_RESET_TOPIC, self._reset_here)
        store.bus.on_resumed(lambda: self._quirks_changed({}))  # some may not have been heard of

    async def start(self) -> None:
        """Read the rules; raises `StoreUnavailable`."""
        self._rules = await self._store.quirk_rules.get()
        self._in_background(self._flush_now_and_then())

    async def close(self) -> None:
        """Stop what runs in the background, and store what was counted."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.flush_all()

    # --- quirks -----------------------------------------------------------------------------------

    @property
    def rules(self) -> tuple[QuirkRule, ...]:
        """The operator's rules."""
        return self._rules

    async def put_rules(self, rules: Iterable[QuirkRule]) -> None:
        """Replace all rules; connected charge points have them at once, on every node."""
        self._rules = tuple(rules)
        await self._store.quirk_rules.put(self._rules)
        await self._store.bus.publish(QUIRKS_TOPIC, {})

    async def begin(self, state: StationState) -> None:
        """A connection begins: give it the quirks of its kind, as of its last boot."""
        if not self._rules:
            return
        try:
            fields = await self._store.party(state.party).stations.load(state.identity)
        except StoreError as error:
            log.warning("quirk rules not applied", charge_point=state.identity, error=str(error))
            return
        self._apply(state, state.record, fields.get("boot"))

    def booted(self, state: StationState, vendor: str, model: str, firmware: str | None) -> None:
        """A station has told of what kind it is."""
        if self._rules:
            ruled = of_rules(self._rules, vendor, model, firmware)
            state.quirks = EffectiveQuirks(state.record.quirks | ruled)

    def effective(self, record: ChargePointRecord, boot: dict[str, Any] | None) -> list[str]:
        """A charge point's own quirks and those of the rules."""
        if boot is None:
            return sorted(record.quirks)
        ruled = of_rules(
            self._rules, boot["vendor"] or "", boot["model"] or "", boot["firmware_version"]
        )
        return sorted(record.quirks | ruled)

    def _apply(
        self, state: StationState, record: ChargePointRecord, boot: dict[str, Any] | None
    ) -> None:
        state.quirks = EffectiveQuirks(self.effective(record, boot))

    def _quirks_changed(self, message: dict[str, Any]) -> None:
        self._in_background(self._requirk(message.get("identity")))

    async def _requirk(self, identity: str | None) -> None:
        """Connections here take their quirks anew: one, or all of them after the rules changed."""
        try:
            if identity is None:
                self._rules = await self._store.quirk_rules.get()
            for state in self._router.states():
                if identity is None or state.identity == identity:
                    await self._requirk_one(state)
        except StoreError as error:
            # the next boot or connection brings them
            log.warning("quirks not renewed", error=str(error))

    async def _requirk_one(self, state: StationState) -> None:
        record = await self._store.charge_points.get(state.identity)
        if record is not None and record.party == state.party:
            state.record = record  # its other members count at once as well
            fields = await self._store.party(state.party).stations.load(state.identity)
            self._apply(state, record, fields.get("boot"))

    # --- deviations -------------------------------------------------------------------------------

    async def flush(self, state: StationState) -> None:
        """Store what this connection has counted since the last time."""
        counted = state.deviations
        if not counted.changed:
            return
        party = self._store.party(state.party)
        try:
            if not counted.restored:
                fields = await party.stations.load(state.identity)
                if not counted.restored:
                    counted.restore(fields.get(_FIELD))
            change = party.change(state.fence)
            party.stations.put(change, state.identity, _FIELD, counted.document())
            counted.changed = False
            await self._store.commit(change)
        except Fenced:
            log.debug("a newer connection counts", charge_point=state.identity)
        except StoreError as error:
            counted.changed = True
            log.warning("deviations not stored", charge_point=state.identity, error=str(error))

    async def flush_all(self) -> None:
        """Store what all connections of this node have counted."""
        changed = [state for state in self._router.states() if state.deviations.changed]
        for first in range(0, len(changed), _AT_ONCE):
            await asyncio.gather(*map(self.flush, changed[first : first + _AT_ONCE]))

    async def _flush_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(self._interval)
            await self.flush_all()

    async def show(self, record: ChargePointRecord) -> dict[str, Any]:
        """The deviations of a charge point in plain words, and what would help."""
        here = self._router.local(record.identity)
        if here is not None:
            await self.flush(here[0])
        fields = await self._store.party(record.party).stations.load(record.identity)
        quirks = self.effective(record, fields.get("boot"))
        found: dict[str, dict[str, Any]] = fields.get(_FIELD) or {}
        named = {quirk.partition(":")[0] for quirk in quirks}
        return {
            "quirks": quirks,
            "deviations": [
                _described(name, entry) for name, entry in sorted(found.items()) if entry["count"]
            ],
            "suggestions": [
                _suggested(name, entry)
                for name, entry in sorted(found.items())
                if entry["would_help"] and name not in named and name in QUIRKS
            ],
        }

    async def reset(self, record: ChargePointRecord) -> None:
        """Forget what was counted, also on the node that holds the connection."""
        party = self._store.party(record.party)
        change = party.change()
        party.stations.put(change, record.identity, _FIELD, {})
        await self._store.commit(change)
        here = self._router.local(record.identity)
        if here is not None:
            here[0].deviations.clear()
        await self._store.bus.publish(_RESET_TOPIC, {"identity": record.identity})

    def _reset_here(self, message: dict[str, Any]) -> None:
        here = self._router.local(message["identity"])
        if here is not None:
            here[0].deviations.clear()

    def _in_background(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())


def known_deviations(stored: dict[str, Any] | None, live: DeviationLog | None) -> int:
    """How many kinds of deviations a charge point has shown."""
    names = {name for name, entry in (stored or {}).items() if entry["count"]}
    return len(names | (live.names() if live is not None else set()))


def _described(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    quirk = QUIRKS.get(name)
    return {
        "name": name,
        "meaning": f"this charger {quirk.shown}" if quirk else name,
        "treated": quirk.tolerated if quirk else "",
        "count": entry["count"],
        "first_seen": entry["first_seen"],
        "last_seen": entry["last_seen"],
        "example": entry["example"],
    }


def _suggested(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    quirk = QUIRKS[name]
    return {
        "quirk": f"{name}:<{quirk.parameter}>" if quirk.parameter else name,
        "meaning": f"this charger seems to be one that {quirk.shown}",
        "would": quirk.tolerated,
        "risk": quirk.risk,
        "seen": entry["would_help"],
        "last_seen": entry["last_seen"],
        "example": entry["example"],
    }
