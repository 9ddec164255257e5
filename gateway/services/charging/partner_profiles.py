"""Charging profiles that partners set on their running sessions (OCPI mod_charging_profiles).

A partner's profile is the transaction's TxProfile at the lowest stack level, so that any profile of
the operator for the same transaction has the last word; if that has taken the lowest level already,
the partner's is refused. Its id is ours, out of a range of its own.

What a partner has set is kept with the station until the transaction is over: it is what the
partner may clear, and why it is told of changes.
"""

import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import structlog

from gateway.domain.charging_profiles import (
    ActiveProfile,
    ChargingProfile,
    ChargingSchedule,
    ClearChargingProfile,
    GetCompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.services.charging.in_flight import BUSY, CommandAnswer, InFlight
from gateway.services.charging.smart_charging import SmartCharging, UnsoundProfile
from gateway.services.charging.targets import Running, Targets, has
from gateway.services.ports import ProfileResults, ReplyTo
from gateway.services.roaming.partners import PartnerDirectory
from gateway.store import Store

log = structlog.get_logger(__name__)

CAPABLE = "CHARGING_PROFILE_CAPABLE"
STACK_LEVEL = 0  # "0 is the lowest level" (OCPP 1.6 3.13.1)
FIRST_ID = 1_500_000_000  # operators count from 1
_IDS = 500_000_000
UPDATE_SECONDS = 1_800  # "As a guide: between 5 and 60 minutes"

MOST_OFTEN = 20  # requests for one session
WITHIN = timedelta(minutes=1)
_SESSIONS_COUNTED = 10_000
_FIELD = "partner_profile:"

_UNKNOWN_SESSION = CommandAnswer("UNKNOWN_SESSION")
_NOT_SUPPORTED = CommandAnswer("NOT_SUPPORTED")
_TOO_OFTEN = CommandAnswer("TOO_OFTEN")
_REJECTED = CommandAnswer("REJECTED")
_ACCEPTED = CommandAnswer("ACCEPTED")


@dataclass(frozen=True, slots=True)
class _Set:
    """What a partner has set, as it is kept; in its unit the partner is told of other profiles."""

    profile_id: int
    transaction_id: str
    session_id: str
    evse_id: int
    partner_id: str
    sender: str | None
    unit: RateUnit
    cleared: bool = False

    @property
    def field(self) -> str:
        return f"{_FIELD}{self.transaction_id}"


class PartnerProfiles:
    """Sets, clears and shows them, and tells partners when another profile becomes active."""

    def __init__(
        self,
        store: Store,
        targets: Targets,
        smart_charging: SmartCharging,
        results: ProfileResults,
        *,
        partners: PartnerDirectory,
        in_flight: InFlight,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._targets = targets
        self._smart_charging = smart_charging
        self._results = results
        self._partners = partners
        self._in_flight = in_flight
        self._now = now
        self._asked: OrderedDict[tuple[str, str], deque[datetime]] = OrderedDict()
        self._updating: set[str] = set()
        self._again: set[str] = set()

    # --- what partners ask ----------------------------------------------------------------

    async def set(
        self, to: ReplyTo, session: Mapping[str, Any], schedule: ChargingSchedule
    ) -> CommandAnswer:
        """PUT: a new profile for a running session, in the place of the one before."""
        running, refusal = await self._admitted(to, session)
        if running is None:
            return refusal
        known = await self._kept(to.party, running)
        profile = _profile(running, schedule, known.profile_id if known else _new_id())
        if profile.faults() or await self._level_taken(running, profile.id):
            return _REJECTED
        mine = _Set(
            profile_id=profile.id,
            transaction_id=running.transaction_id,
            session_id=session["id"],
            evse_id=running.evse_id,
            partner_id=to.partner.id,
            sender=str(to.sender) if to.sender else None,
            unit=schedule.unit,
        )

        async def work() -> CommandReply:
            return await self._set(to.party, running, profile, mine)

        async def report(reply: CommandReply) -> None:
            await self._results.set(to, reply)

        self._in_flight.begin("SetChargingProfile", running.identity, work, report)
        return _ACCEPTED

    async def active(self, to: ReplyTo, session: Mapping[str, Any], duration: int) -> CommandAnswer:
        """GET: what limits the session in the next `duration` seconds, by the station's word."""
        running, refusal = await self._admitted(to, session)
        if running is None:
            return refusal
        evse = await self._targets.evse_of(to.party, session)
        known = await self._kept(to.party, running)

        async def work() -> CommandReply:
            unit = known.unit if known is not None else None
            command = GetCompositeSchedule(running.evse_id, duration, unit)
            return await self._smart_charging.composite(running.identity, command)

        async def report(reply: CommandReply) -> None:
            await self._results.active(to, reply, self._read(reply, evse, duration))

        self._in_flight.begin("GetCompositeSchedule", running.identity, work, report)
        return _ACCEPTED

    async def clear(self, to: ReplyTo, session: Mapping[str, Any]) -> CommandAnswer:
        """DELETE: what the partner has set, and nothing else."""
        running, refusal = await self._admitted(to, session)
        if running is None:
            return refusal
        known = await self._kept(to.party, running)

        async def work() -> CommandReply:
            if known is None or known.cleared:
                return CommandReply(CommandOutcome.REJECTED, "Unknown")
            reply = await self._smart_charging.clear(
                running.identity, ClearChargingProfile(profile_id=known.profile_id), by_partner=True
            )
            if reply.accepted or reply.status == "Unknown":
                await self._keep(to.party, running, replace(known, cleared=True))
            return reply

        async def report(reply: CommandReply) -> None:
            await self._results.cleared(to, reply)

        self._in_flight.begin("ClearChargingProfile", running.identity, work, report)
        return _ACCEPTED

    # --- what partners are told -----------------------------------------------------------

    def changed(self, party: Party, identity: str) -> None:
        """Something else than a partner has changed what limits a station.

        "The Receiver SHALL call this interface every time it knows changes have been made that
        influence the ActiveChargingProfile". Of many changes at once the last state counts.
        """
        if identity in self._updating:
            self._again.add(identity)
        elif not self._in_flight.full:
            self._updating.add(identity)
            self._in_flight.spawn(self._update(party, identity))

    async def _update(self, party: Party, identity: str) -> None:
        try:
            while True:
                self._again.discard(identity)
                for one in await self._watching(party, identity):
                    await self._tell(party, identity, one)
                if identity not in self._again:
                    return
        finally:
            self._updating.discard(identity)
            self._again.discard(identity)

    async def _tell(self, party: Party, identity: str, one: _Set) -> None:
        partner = self._partners.get(one.partner_id)
        session = await self._store.party(party).sessions.get(one.session_id)
        if partner is None or session is None:
            return
        command = GetCompositeSchedule(one.evse_id, UPDATE_SECONDS, one.unit)
        reply = await self._smart_charging.composite(identity, command)
        evse = await self._targets.evse_of(party, session)
        profile = self._read(reply, evse, UPDATE_SECONDS)
        if reply.accepted and profile is not None:
            sender = Party.parse(one.sender) if one.sender else None
            to = ReplyTo(partner, party, "", sender)
            await self._results.updated(to, one.session_id, profile)

    async def _watching(self, party: Party, identity: str) -> list[_Set]:
        """Those of running transactions: each has been set successfully once."""
        store = self._store.party(party)
        running = {one["id"] for one in await store.transactions.open(identity)}
        fields = await store.stations.load(identity)
        kept = [
            msgspec.convert(value, _Set)
            for name, value in fields.items()
            if name.startswith(_FIELD) and value
        ]
        return [one for one in kept if one.transaction_id in running]

    # --- inside ---------------------------------------------------------------------------

    async def _admitted(
        self, to: ReplyTo, session: Mapping[str, Any]
    ) -> tuple[Running | None, CommandAnswer]:
        running = await self._targets.running(to.partner, to.party, session["id"])
        if running is None:
            return None, _UNKNOWN_SESSION
        evse = await self._targets.evse_of(to.party, session)
        if evse is None or not has(evse, CAPABLE):
            return None, _NOT_SUPPORTED
        if self._too_often(to.partner.id, session["id"]):
            return None, _TOO_OFTEN
        if self._in_flight.full:
            return None, BUSY
        return running, _ACCEPTED

    def _too_often(self, partner_id: str, session_id: str) -> bool:
        """ "The CPO can limit the amount of request" (14.3); each node counts its own."""
        key, now = (partner_id, session_id.lower()), self._now()
        asked = self._asked.setdefault(key, deque(maxlen=MOST_OFTEN))
        self._asked.move_to_end(key)
        if len(self._asked) > _SESSIONS_COUNTED:
            self._asked.popitem(last=False)
        if len(asked) == MOST_OFTEN and now - asked[0] < WITHIN:
            return True
        asked.append(now)
        return False

    async def _level_taken(self, running: Running, profile_id: int) -> bool:
        """Whether the operator has a profile for this transaction at the partners' level."""
        return any(
            one.profile.purpose is ProfilePurpose.TX
            and one.profile.transaction_id == running.transaction_id
            and one.profile.stack_level == STACK_LEVEL
            and one.profile.id != profile_id
            for one in await self._smart_charging.known(running.identity)
        )

    async def _set(
        self, party: Party, running: Running, profile: ChargingProfile, mine: _Set
    ) -> CommandReply:
        try:
            reply = await self._smart_charging.set(
                running.identity, running.evse_id, profile, by_partner=True
            )
        except UnsoundProfile as error:
            log.info("profile not set", charge_point=running.identity, reason=str(error))
            return CommandReply(CommandOutcome.REJECTED)
        if reply.accepted:
            await self._keep(party, running, mine)
        return reply

    async def _kept(self, party: Party, running: Running) -> _Set | None:
        fields = await self._store.party(party).stations.load(running.identity)
        value = fields.get(f"{_FIELD}{running.transaction_id}")
        return None if value is None else msgspec.convert(value, _Set)

    async def _keep(self, party: Party, running: Running, mine: _Set) -> None:
        """Remember it, and forget those of transactions that are over."""
        store = self._store.party(party)
        change = store.change()
        open_ids = {one["id"] for one in await store.transactions.open(running.identity)}
        for name in await store.stations.load(running.identity):
            if name.startswith(_FIELD) and name.removeprefix(_FIELD) not in open_ids:
                store.stations.drop(change, running.identity, name)
        store.stations.put(change, running.identity, mine.field, mine)
        await self._store.commit(change)

    def _read(
        self, reply: CommandReply, evse: Mapping[str, Any] | None, duration: int
    ) -> ActiveProfile | None:
        """What the station has reckoned; "the maximum charging capacity" where nothing limits."""
        schedule = reply.data.get("schedule")
        if schedule is not None and schedule["periods"]:
            starts_at = schedule.get("starts_at")
            return ActiveProfile(
                from_text(starts_at) if starts_at else self._now(),
                ChargingSchedule(
                    RateUnit(schedule["unit"]),
                    tuple(
                        SchedulePeriod(int(one["start"]), Decimal(one["limit"]))
                        for one in schedule["periods"]
                    ),
                    duration=schedule.get("duration") or duration,
                ),
            )
        if evse is None:
            return None
        most = max(one["max_amperage"] for one in evse["connectors"])
        whole = SchedulePeriod(0, Decimal(most))
        return ActiveProfile(
            self._now(), ChargingSchedule(RateUnit.AMPERE, (whole,), None, duration)
        )


def _profile(running: Running, schedule: ChargingSchedule, id_: int) -> ChargingProfile:
    """ "If absent the profile will be relative to start of charging" (14.6.4)."""
    relative = schedule.starts_at is None
    return ChargingProfile(
        id=id_,
        purpose=ProfilePurpose.TX,
        kind=ProfileKind.RELATIVE if relative else ProfileKind.ABSOLUTE,
        schedule=schedule,
        stack_level=STACK_LEVEL,
        transaction_id=running.transaction_id,
    )


def _new_id() -> int:
    return FIRST_ID + secrets.randbelow(_IDS)
