"""A station introduces itself: BootNotification, and the reports that it sends of itself."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.events import Booted
from gateway.domain.timestamps import to_text
from gateway.services.initiative import Initiative, Occasion
from gateway.services.station_state import StationState
from gateway.store import Store

log = structlog.get_logger(__name__)

KEPT_PER_ACTION = 1_000


@dataclass(frozen=True, slots=True)
class BootDecision:
    """The answer to BootNotification: `interval` is the heartbeat interval in seconds."""

    status: str
    interval: int
    now: datetime


class Provisioning:
    """Accepts stations that the operator has registered and enabled."""

    def __init__(
        self,
        store: Store,
        initiative: Initiative,
        heartbeat_interval: int,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._initiative = initiative
        self._heartbeat_interval = heartbeat_interval
        self._now = now

    async def booted(self, state: StationState, event: Booted) -> BootDecision:
        """Keep the boot data and accept. A boot neither opens nor closes a transaction."""
        now = self._now()
        party = self._store.party(state.party)
        change = party.change(state.fence)
        boot = {
            "vendor": event.vendor,
            "model": event.model,
            "serial_number": event.serial_number,
            "firmware_version": event.firmware_version,
            "reason": event.reason,
            "at": to_text(now),
        }
        party.stations.put(change, state.identity, "boot", boot)
        await self._store.commit(change)
        state.boot_accepted = True
        log.info("booted", charge_point=state.identity, vendor=event.vendor, model=event.model)
        self._initiative.begin(state, Occasion.BOOTED)
        return BootDecision("Accepted", self._heartbeat_interval, now)

    async def keep(self, state: StationState, action: str, payload: dict[str, Any]) -> None:
        """Keep a report for the operator: the last thousand of each kind."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        kept = {"at": to_text(self._now()), "payload": payload}
        party.stations.keep(change, state.identity, action, kept, cap=KEPT_PER_ACTION)
        await self._store.commit(change)
