"""Changes of charge points' credentials, kept in step with what the stations were told.

Whoever has a station change its password or security profile (the operator through the API, a
raw call, a routine), `begin` is durable before the message goes out and `settle` takes the
answer. In between, and after a crash there, both the old and the new are valid; see
`domain.credentials`.
"""

import asyncio
import secrets
from dataclasses import dataclass, field

import structlog

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.commands import CommandOutcome, CommandReply
from gateway.domain.configuration import ReadSettings, WriteSettings
from gateway.domain.credentials import (
    LONGEST_PASSWORD,
    MOST_PENDING,
    SHORTEST_PASSWORD,
    CredentialChange,
    OfferNetworkProfile,
    SetPassword,
    SetSecurityProfile,
    Verdict,
    canonical,
    is_valid,
    may_become,
    password_answered,
    password_sent,
    profile_answered,
    profile_sent,
)
from gateway.services.ports import NotConnected, Withheld
from gateway.services.security.passwords import hash_password
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.store import Store, StoreError

log = structlog.get_logger(__name__)

NETWORK_PRIORITY = "OCPPCommCtrlr.NetworkConfigurationPriority"
_RANDOM_BYTES = 20  # as hex digits 40 characters, which both 1.6 and 2.0.1 can hold
_NEED_PASSWORD = (SecurityProfile.BASIC_AUTH, SecurityProfile.TLS_BASIC_AUTH)


@dataclass(frozen=True, slots=True)
class Begun:
    """A change that is on its way to a station; `over` is the password that it is to replace."""

    identity: str
    hash: str | None = field(default=None, repr=False)
    profile: SecurityProfile | None = None
    over: str | None = field(default=None, repr=False)

    def entered(self, record: ChargePointRecord) -> ChargePointRecord:
        """The record before it is sent."""
        if self.hash is not None:
            return password_sent(record, self.hash)
        return record if self.profile is None else profile_sent(record, self.profile)

    def settled(self, record: ChargePointRecord, verdict: Verdict) -> ChargePointRecord:
        """The record after the answer.

        A password that the operator has set in the registry meanwhile stands.
        """
        if self.hash is not None:
            stands = record.password_hash != self.over and not is_valid(record, self.hash)
            return record if stands else password_answered(record, self.hash, verdict)
        return record if self.profile is None else profile_answered(record, self.profile, verdict)


@dataclass(frozen=True, slots=True)
class NetworkProfile:
    """Where and how a 2.x station is to reach us with its new profile."""

    csms_url: str
    slot: int
    interface: str
    message_timeout: int


class Credentials:
    """Passwords and security profiles of charge points."""

    def __init__(self, store: Store, router: StationRouter) -> None:
        self._store = store
        self._router = router

    # --- around whatever is sent ----------------------------------------------------------

    async def begin(self, identity: str, change: CredentialChange) -> Begun | None:
        """Enter a change before it is sent; None for one that concerns nobody here.

        Raises `Withheld` when it must not be sent: it could not be kept, or too many are open.
        """
        try:
            record = await self._store.charge_points.get(identity)
            begun = None if record is None else await _begun(record, change)
            if begun is not None:
                await self._store.charge_points.update(identity, begun.entered)
        except StoreError as error:
            raise Withheld(f"the new credentials cannot be kept: {error}") from error
        return begun

    async def settle(self, begun: Begun, verdict: Verdict) -> None:
        """The station has answered, or nothing was sent, which is a refusal."""
        try:
            await self._store.charge_points.update(
                begun.identity, lambda record: begun.settled(record, verdict)
            )
        except StoreError as error:
            # both stay valid, and the next login tells
            log.warning("credentials not settled", charge_point=begun.identity, reason=repr(error))
            return
        log.info(
            "credentials sent",
            charge_point=begun.identity,
            what="password" if begun.hash else "security profile",
            verdict=verdict.value,
        )

    # --- what the operator wants ------------------------------------------------------------

    async def set_password(
        self, identity: str, password: str | None, timeout: float
    ) -> tuple[str, CommandReply]:
        """Give a station a password, made here unless it is given; returns it and the reply.

        Raises `UnknownChargePoint`, `NotConnected`, and `ValueError` for one that cannot be.
        """
        if password is None:
            password = secrets.token_hex(_RANDOM_BYTES)
        elif not SHORTEST_PASSWORD <= len(password.encode()) <= LONGEST_PASSWORD:
            raise ValueError("a password has 16 to 40 bytes")
        await self._reachable(identity)
        return password, await self._router.execute(identity, SetPassword(password), timeout)

    async def raise_profile(
        self, identity: str, profile: int, network: NetworkProfile | None, timeout: float
    ) -> CommandReply:
        """Have a station use another profile (A05), or 2 after 3 where that is allowed.

        Raises `UnknownChargePoint`, `NotConnected`, and `ValueError` with what is missing.
        """
        record = await self._reachable(identity)
        wanted = SecurityProfile(profile)
        if not may_become(record, wanted):
            raise ValueError("over OCPP a security profile is only ever raised (A00.FR.005)")
        if wanted in _NEED_PASSWORD and record.password_hash is None:
            raise ValueError("security profiles 1 and 2 need a password")
        if network is None:
            reply = await self._router.execute(identity, SetSecurityProfile(profile), timeout)
            if reply.outcome is CommandOutcome.NOT_SUPPORTED and reply.status is None:
                raise ValueError("an OCPP 2.x station has to be told a csms_url")
            return reply
        offer = OfferNetworkProfile(
            network.slot, profile, network.csms_url, network.interface, network.message_timeout
        )
        reply = await self._router.execute(identity, offer, timeout)
        return await self._prefer(identity, network.slot, timeout) if reply.accepted else reply

    async def _prefer(self, identity: str, slot: int, timeout: float) -> CommandReply:
        """Put a slot before those that the station tries now, which stay to fall back on."""
        asked = ReadSettings((NETWORK_PRIORITY,))
        reply = await self._router.execute(identity, asked, timeout)
        known = str(reply.data.get("values", {}).get(NETWORK_PRIORITY, "")).split(",")
        others = [one.strip() for one in known if one.strip() not in ("", str(slot))]
        wanted = WriteSettings({NETWORK_PRIORITY: ",".join([str(slot), *others])})
        return await self._router.execute(identity, wanted, timeout)

    async def _reachable(self, identity: str) -> ChargePointRecord:
        record = await registered(self._store, identity)
        if await self._store.party(record.party).stations.route(identity) is None:
            raise NotConnected(identity)
        return record


async def _begun(record: ChargePointRecord, change: CredentialChange) -> Begun | None:
    if change.password:
        if len(record.pending_passwords) >= MOST_PENDING:
            raise Withheld("earlier new passwords are not settled: the station has to log in")
        hashed = await asyncio.to_thread(hash_password, canonical(change.password))
        return Begun(record.identity, hash=hashed, over=record.password_hash)
    try:
        profile = SecurityProfile(-1 if change.profile is None else change.profile)
    except ValueError:
        return None
    return Begun(record.identity, profile=profile) if may_become(record, profile) else None
