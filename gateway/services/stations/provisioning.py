"""A station introduces itself: BootNotification, and the reports that it sends of itself.

The operator says per charge point how its boots are answered. Rejected: it is told nothing until
it boots anew (B03). Pending: it keeps its socket and hears our CALLs (B02). Under the policy
`prepare` it is Pending until its settings were seen to; then, or when the operator lets a pending
one in, it is asked to boot again, so that it need not wait for its interval.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog

from gateway.domain.availability import TriggerMessage
from gateway.domain.boot import BootPolicy, RegistrationStatus, answer
from gateway.domain.charge_points import ChargePointRecord
from gateway.domain.events import Booted
from gateway.domain.timestamps import to_text
from gateway.services.ports import Station
from gateway.services.stations.initiative import Initiative, Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Store

log = structlog.get_logger(__name__)

KEPT_PER_ACTION = 1_000
TRIGGER_TIMEOUT = 30.0
BOOT = TriggerMessage("BootNotification")


@dataclass(frozen=True, slots=True)
class BootDecision:
    """The answer to BootNotification; `interval` is in seconds.

    Accepted: the heartbeat interval. Pending and Rejected: when the station is to boot again.
    """

    status: str
    interval: int
    now: datetime


@dataclass(frozen=True, slots=True)
class BootIntervals:
    """What stations are told, in seconds."""

    heartbeat: int
    retry: int


class Provisioning:
    """Answers boots as the operator wants it."""

    def __init__(
        self,
        store: Store,
        initiative: Initiative,
        router: StationRouter,
        intervals: BootIntervals,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._initiative = initiative
        self._router = router
        self._intervals = intervals
        self._now = now
        self._tasks: set[asyncio.Task[None]] = set()

    async def booted(self, state: StationState, event: Booted) -> BootDecision:
        """Keep the boot data and decide. A boot neither opens nor closes a transaction."""
        if self._initiative.occasion(state) is Occasion.CONNECTED:
            self._initiative.end(state)  # it hears nothing before its boot is answered
        now = self._now()
        # the operator may have changed the record since the station connected
        record = await self._store.charge_points.get(state.identity)
        if record is not None and record.party == state.party:
            state.record = record  # what is done unasked goes by it
        record = state.record
        status = answer(record.boot, provision=record.provision, prepared=state.prepared)
        party = self._store.party(state.party)
        change = party.change(state.fence)
        boot = {
            "vendor": event.vendor,
            "model": event.model,
            "serial_number": event.serial_number,
            "firmware_version": event.firmware_version,
            "meter_serial_number": event.meter_serial_number,
            "reason": event.reason,
            "at": to_text(now),
            "status": status.value,
        }
        party.stations.put(change, state.identity, "boot", boot)
        await self._store.commit(change)
        state.boot_answer = status
        state.boot_accepted = status is RegistrationStatus.ACCEPTED
        log.info(
            "booted",
            charge_point=state.identity,
            vendor=event.vendor,
            model=event.model,
            status=status.value,
        )
        self._begin(state, record, status)
        return BootDecision(status, self._interval(record, status), now)

    def _begin(
        self, state: StationState, record: ChargePointRecord, status: RegistrationStatus
    ) -> None:
        if status is RegistrationStatus.ACCEPTED:
            self._initiative.begin(state, Occasion.BOOTED)
        elif status is RegistrationStatus.PENDING and record.boot is BootPolicy.PREPARE:
            # its interval may be shorter than our work
            if self._initiative.occasion(state) is not Occasion.PENDING:
                self._initiative.begin(state, Occasion.PENDING)
        else:
            self._initiative.end(state)

    def _interval(self, record: ChargePointRecord, status: RegistrationStatus) -> int:
        if status is not RegistrationStatus.ACCEPTED:
            return self._intervals.retry
        return record.heartbeat_interval or self._intervals.heartbeat

    async def release(self, state: StationState, station: Station, occasion: Occasion) -> None:
        """The last of the early routines: a station that was prepared is to boot again.

        One that cannot be triggered comes by itself after its interval (B02.FR.01, TC_B_31).
        """
        if occasion is Occasion.PENDING:
            state.prepared = True
            reply = await station.execute(BOOT, TRIGGER_TIMEOUT)
            log.info("prepared", charge_point=state.identity, triggered=reply.outcome.value)
        else:
            state.prepared = False  # its next boot is a new one

    async def reconsider(self, record: ChargePointRecord) -> None:
        """The operator changed the record: a pending station that may come in is told so.

        A rejected one is not: we may send it nothing before it boots again (B03.FR.03).
        """
        if not record.enabled or record.boot in (BootPolicy.PENDING, BootPolicy.REJECT):
            return
        fields = await self._store.party(record.party).stations.load(record.identity)
        if (fields.get("boot") or {}).get("status") != RegistrationStatus.PENDING:
            return
        task = asyncio.create_task(self._trigger(record.identity))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _trigger(self, identity: str) -> None:
        reply = await self._router.execute(identity, BOOT, TRIGGER_TIMEOUT)
        log.info("boot triggered", charge_point=identity, outcome=reply.outcome.value)

    async def close(self) -> None:
        """Stop what runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def keep(self, state: StationState, action: str, payload: dict[str, Any]) -> None:
        """Keep a report for the operator: the last thousand of each kind."""
        party = self._store.party(state.party)
        change = party.change(state.fence)
        kept = {"at": to_text(self._now()), "payload": payload}
        party.stations.keep(change, state.identity, action, kept, cap=KEPT_PER_ACTION)
        await self._store.commit(change)
