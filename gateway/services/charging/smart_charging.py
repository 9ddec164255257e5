"""Charging profiles at stations: set, cleared, asked for; and which ones we have set.

The station keeps the profiles and combines them; what is remembered here is what it accepted from
us and has not been told to drop. A transaction's own profile ends with the transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from gateway.domain.charging_profiles import (
    ChargingProfile,
    ClearChargingProfile,
    GetCompositeSchedule,
    ProfilePurpose,
    SetChargingProfile,
)
from gateway.domain.commands import CommandReply
from gateway.domain.party import Party
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.store import Store

_TIMEOUT = 25.0  # seconds
_FIELD = "charging_profile:"
MOST = 100  # remembered profiles per charge point


class UnsoundProfile(ValueError):
    """The standards do not allow such a profile; nothing was sent. `faults` are for a person."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class SetProfile:
    """A profile that a station has accepted from us."""

    evse_id: int
    profile: ChargingProfile
    set_at: datetime


class SmartCharging:
    """The charging profiles of all charge points.

    `changed` hears of stations at which somebody else than a partner has changed them.
    """

    def __init__(self, store: Store, router: StationRouter, now: Callable[[], datetime]) -> None:
        self._store = store
        self._router = router
        self._now = now
        self.changed: Callable[[Party, str], None] | None = None

    async def set(
        self, identity: str, evse_id: int, profile: ChargingProfile, *, by_partner: bool = False
    ) -> CommandReply:
        """Set a profile; one with the same id is replaced.

        Raises `UnsoundProfile`, `UnknownChargePoint`.
        """
        faults = profile.faults()
        if profile.purpose is ProfilePurpose.TX and profile.transaction_id is None:
            faults.append("a profile for a running transaction names it")
        if profile.purpose is ProfilePurpose.STATION_MAX and evse_id != 0:
            faults.append("a limit of the whole station is set at EVSE 0")
        if profile.purpose is ProfilePurpose.TX and evse_id == 0:
            faults.append("a transaction's profile is set at its EVSE")
        if faults:
            raise UnsoundProfile(faults)
        party = (await registered(self._store, identity)).party
        known = await self.known(identity)
        if len(known) >= MOST and all(one.profile.id != profile.id for one in known):
            raise UnsoundProfile([f"{MOST} profiles are set already"])
        command = SetChargingProfile(evse_id, profile)
        reply = await self._router.execute(identity, command, _TIMEOUT)
        if reply.accepted:
            accepted = SetProfile(evse_id, profile, self._now())
            await self._remember(party, identity, profile.id, accepted)
            self._say_changed(party, identity, by_partner=by_partner)
        return reply

    async def clear(
        self, identity: str, command: ClearChargingProfile, *, by_partner: bool = False
    ) -> CommandReply:
        """Clear one, or all that match. Raises `UnknownChargePoint`.

        `Unknown` means that the station has none of these, so neither do we.
        """
        party = (await registered(self._store, identity)).party
        reply = await self._router.execute(identity, command, _TIMEOUT)
        if reply.accepted or reply.status == "Unknown":
            for one in await self.known(identity):
                if _matches(one, command):
                    await self._remember(party, identity, one.profile.id, None)
        if reply.accepted:
            self._say_changed(party, identity, by_partner=by_partner)
        return reply

    async def composite(self, identity: str, command: GetCompositeSchedule) -> CommandReply:
        """Ask what limits the station in the time to come. Raises `UnknownChargePoint`."""
        await registered(self._store, identity)
        return await self._router.execute(identity, command, _TIMEOUT)

    async def known(self, identity: str) -> list[SetProfile]:
        """What is set, by id; profiles of ended transactions are gone. Raises as above."""
        living, _ = await self._stored((await registered(self._store, identity)).party, identity)
        return sorted(living, key=lambda one: one.profile.id)

    # --- inside ---------------------------------------------------------------------------

    def _say_changed(self, party: Party, identity: str, *, by_partner: bool) -> None:
        if self.changed is not None and not by_partner:
            self.changed(party, identity)

    async def _stored(
        self, party: Party, identity: str
    ) -> tuple[list[SetProfile], list[SetProfile]]:
        """Those that live, and those whose transaction has ended."""
        store = self._store.party(party)
        fields = await store.stations.load(identity)
        open_ids = {one["id"] for one in await store.transactions.open(identity)}
        living: list[SetProfile] = []
        ended: list[SetProfile] = []
        for name, value in fields.items():
            if name.startswith(_FIELD) and value is not None:
                one = msgspec.convert(value, SetProfile)
                (living if _lives(one.profile, open_ids) else ended).append(one)
        return living, ended

    async def _remember(
        self, party: Party, identity: str, profile_id: int, profile: SetProfile | None
    ) -> None:
        """Keep or forget one; those of ended transactions go along."""
        store = self._store.party(party)
        _, ended = await self._stored(party, identity)
        change = store.change()
        for one in ended[:MOST]:
            if one.profile.id != profile_id:
                store.stations.drop(change, identity, f"{_FIELD}{one.profile.id}")
        field = f"{_FIELD}{profile_id}"
        if profile is None:
            store.stations.drop(change, identity, field)
        else:
            store.stations.put(change, identity, field, msgspec.to_builtins(profile))
        await self._store.commit(change)


def _lives(profile: ChargingProfile, open_transactions: set[str]) -> bool:
    return profile.purpose is not ProfilePurpose.TX or profile.transaction_id in open_transactions


def _matches(known: SetProfile, command: ClearChargingProfile) -> bool:
    """An id decides alone; else every criterion that is given (1.6 5.3, 2.0.1 K10)."""
    if command.profile_id is not None:
        return known.profile.id == command.profile_id
    return (
        command.evse_id in (None, known.evse_id)
        and command.purpose in (None, known.profile.purpose)
        and command.stack_level in (None, known.profile.stack_level)
    )
