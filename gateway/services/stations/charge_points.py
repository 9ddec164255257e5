"""Charge points: the operator's registry, and the life of a connection."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec
import structlog

from gateway.domain.boot import BootPolicy, RegistrationStatus
from gateway.domain.charge_points import (
    ChargePointRecord,
    EvseBinding,
    PresentedCertificate,
    SecurityProfile,
)
from gateway.domain.credentials import LONGEST_PASSWORD, SHORTEST_PASSWORD, canonical
from gateway.domain.evse_status import EvseReports, EvseStatus
from gateway.domain.party import Party
from gateway.domain.quirks import EffectiveQuirks
from gateway.domain.timestamps import to_text
from gateway.domain.transactions import Transaction
from gateway.services.billing.billing import Billing
from gateway.services.ports import Station
from gateway.services.roaming.locations import BINDINGS_TOPIC
from gateway.services.security.certificate_requests import looks_like_an_address
from gateway.services.security.passwords import hash_password
from gateway.services.stations.deviations import QUIRKS_TOPIC, known_deviations
from gateway.services.stations.evse_publisher import EvsePublisher
from gateway.services.stations.initiative import Initiative, Occasion
from gateway.services.stations.registered import registered
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Fenced, Store, StoreError

log = structlog.get_logger(__name__)

_SUPERSEDED_TOPIC = "superseded"
_FORBIDDEN_IN_IDENTITY = set('/#?:"\\')
_MAX_IDENTITY = 48
_MAX_COMMON_NAME = 64  # of a certificate (X.520)
_WITH_PASSWORD = (SecurityProfile.BASIC_AUTH, SecurityProfile.TLS_BASIC_AUTH)
_RETRY = 1.0  # seconds, at least, between two attempts to store what did not get stored


class ChargePoints:
    """Registry and connections of charge points."""

    def __init__(
        self,
        store: Store,
        router: StationRouter,
        publisher: EvsePublisher,
        billing: Billing,
        initiative: Initiative,
        *,
        node_id: str,
        offline_after: float,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._router = router
        self._publisher = publisher
        self._billing = billing
        self._initiative = initiative
        self._node_id = node_id
        self._offline_after = offline_after
        self._now = now
        self._began = now()
        self._tasks: set[asyncio.Task[None]] = set()
        # what is done with a charge point that is removed, before it is forgotten
        self.leaving: list[Callable[[ChargePointRecord], Awaitable[None]]] = []
        store.bus.subscribe(_SUPERSEDED_TOPIC, self._superseded_elsewhere)
        store.bus.subscribe(BINDINGS_TOPIC, self._bindings_changed)

    # --- a connection's life --------------------------------------------------------------

    async def connect(
        self,
        record: ChargePointRecord,
        *,
        protocol: str,
        remote: str,
        station: Station,
        certificate: PresentedCertificate | None = None,
    ) -> StationState:
        """Take a new epoch: the newest authenticated connection wins, the old one ends quietly.

        Whoever has the charge point in hand meanwhile is no connection, and does not win.
        """
        try:
            return await self._connect(record, protocol, remote, station, certificate)
        except Fenced:
            route = await self._store.party(record.party).stations.route(record.identity)
            if route is not None and route.protocol:
                raise
            return await self._connect(record, protocol, remote, station, certificate)

    async def _connect(
        self,
        record: ChargePointRecord,
        protocol: str,
        remote: str,
        station: Station,
        certificate: PresentedCertificate | None,
    ) -> StationState:
        party = self._store.party(record.party)
        now = self._now()
        epoch, fields = await party.stations.connect(
            record.identity, node_id=self._node_id, protocol=protocol, remote=remote, at=now
        )
        fence = Fence(record.identity, epoch)
        state = StationState(record, fence, protocol, connected_at=now, last_seen=now)
        try:
            await self._load(state, fields)
            state.certificate = certificate
            if certificate is not None and certificate.expired:
                # whatever it was before (2.0.1 A00.FR.429)
                state.boot_accepted, state.boot_answer = False, None
            await self._take_over(state, station)
        except BaseException:
            await self.disconnect(state)  # nobody else knows of this connection yet
            raise
        log.info("connected", charge_point=record.identity, protocol=protocol, remote=remote)
        if state.boot_accepted:
            self._initiative.begin(state, Occasion.CONNECTED)
        return state

    async def _take_over(self, state: StationState, station: Station) -> None:
        """Become the way to the charge point, unless a newer connection already is (S2)."""
        identity, epoch = state.identity, state.fence.epoch
        here = self._router.local(identity)
        if here is not None and here[0].fence.epoch > epoch:
            raise Fenced(identity, epoch, here[0].fence.epoch)
        previous = self._router.attach(state, station)
        if previous is not None:
            self._in_background(previous.close("superseded by a newer connection"))
        await self._store.bus.publish(_SUPERSEDED_TOPIC, {"identity": identity, "epoch": epoch})
        await self._refresh(state)
        # One on another node may have said so before there was anybody here to listen.
        route = await self._store.party(state.party).stations.route(identity)
        if route is None or route.epoch != epoch:
            raise Fenced(identity, epoch, route.epoch if route else None)
        # So may an operator who has disabled, removed or changed it since its login.
        record = await self._store.charge_points.get(identity)
        if record is None or not record.enabled or record.party != state.party:
            raise Fenced(identity, epoch, None)
        state.record, state.quirks = record, EffectiveQuirks(record.quirks)

    async def disconnect(self, state: StationState) -> None:
        """The socket is gone. EVSEs become UNKNOWN only if it does not come back in time."""
        self._router.detach(state)
        self._initiative.end(state)
        log.info("disconnected", charge_point=state.identity)
        stations = self._store.party(state.party).stations
        try:
            if await stations.disconnect(state.fence, state.last_seen):
                self._in_background(self._when_time_is_up(lambda: self._offline(state)))
        except StoreError as error:
            log.warning("route not cleared yet", charge_point=state.identity, error=str(error))
            self._in_background(self._when_time_is_up(lambda: self._gone(state)))

    def seen(self, state: StationState) -> None:
        """Note that the station lives."""
        state.last_seen = self._now()

    @contextlib.asynccontextmanager
    async def in_hand(self, record: ChargePointRecord) -> AsyncIterator[StationState]:
        """The state of a charge point that is not connected, for the operator to act on.

        Takes an epoch like a connection would: a station that connects meanwhile wins, and what
        is done here raises `Fenced`.
        """
        party = self._store.party(record.party)
        now = self._now()
        epoch, fields = await party.stations.connect(
            record.identity, node_id=self._node_id, protocol="", remote="operator", at=now
        )
        fence = Fence(record.identity, epoch)
        state = StationState(record, fence, "", connected_at=now, last_seen=now, connected=False)
        try:
            await self._load(state, fields)
            yield state
            with contextlib.suppress(Fenced):
                # whoever waits to publish UNKNOWN for the last connection is fenced off by ours
                await self._refresh(state)
        finally:
            await party.stations.disconnect(fence, self._now())

    async def as_stored(self, record: ChargePointRecord) -> StationState:
        """A charge point's state to look at: whatever is written with it raises `Fenced`."""
        now = self._now()
        state = StationState(record, Fence(record.identity, 0), "", now, now, connected=False)
        stations = self._store.party(record.party).stations
        self._read_fields(state, await stations.load(record.identity))
        return state

    def sweep(self) -> asyncio.Task[None]:
        """After a start, in the background: stations that have come back to no node are offline.

        Nobody waits for those any more whose connection ended when this node stopped or died. That
        they are not connected shows at once.
        """
        return self._in_background(self._after_a_start())

    async def left_by(self, party: Party, node_id: str, beat: int) -> list[StationState]:
        """Take the charge points off a node that has not stirred since that beat.

        Returns those, and others that are away while their status says otherwise: whoever waited
        for them may have been that node. After `offline_after`, `offline` is for them.
        """
        left: list[StationState] = []
        for record in await self._store.charge_points.all():
            if record.party == party and self._router.local(record.identity) is None:
                fence = await self._taken_off(record, node_id, beat)
                if fence is not None:
                    now = self._now()
                    left.append(StationState(record, fence, "", now, now, connected=False))
        return left

    async def offline(self, gone: StationState) -> None:
        """Publish UNKNOWN for every EVSE. A newer connection's epoch makes this a no-op."""
        await self._offline(gone)

    async def close_superseded(self) -> None:
        """End the connections here whose epoch is over: a message that said so may be lost."""
        for state in self._router.states():
            here = self._router.local(state.identity)
            stations = self._store.party(state.party).stations
            if here is not None and not await stations.is_newest(here[0].fence):
                await here[1].close("superseded by a newer connection")

    async def close(self) -> None:
        """Stop what runs in the background."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- the operator's registry ----------------------------------------------------------

    async def put(
        self,
        identity: str,
        *,
        security_profile: int,
        password: str | None,
        party: Party,
        enabled: bool = True,
        quirks: list[str] | None = None,
        provision: bool = True,
        boot: BootPolicy = BootPolicy.ACCEPT,
        heartbeat_interval: int | None = None,
        serial_number: str | None = None,
        lower_security_profile: bool = False,
        allow_security_profile_downgrade: bool | None = None,
        allow_expired_certificate: bool | None = None,
        allow_legacy_tls: bool | None = None,
    ) -> ChargePointRecord:
        """Register or change a charge point. Raises `ValueError` with what is wrong.

        Without a password, a serial number or an allowance the known one stays. A profile that
        the station has been raised to over OCPP is lowered only where the operator says so. A
        disabled charge point loses its live connection.
        """
        profile = SecurityProfile(security_profile)
        hashed = hash_password(_password(password)) if password is not None else None
        name = None if serial_number is None else _serial_number(serial_number)

        def changed(known: ChargePointRecord | None) -> ChargePointRecord:
            base = known or ChargePointRecord(
                _identity(identity), party, profile, created_at=self._now()
            )
            if base.party != party:
                raise ValueError("a charge point's party cannot change; register it anew")
            if hashed is None and base.password_hash is None and profile in _WITH_PASSWORD:
                raise ValueError("security profiles 1 and 2 need a password")
            base = _with_profile(base, profile, lower=lower_security_profile)
            return replace(
                base,
                password_hash=hashed or base.password_hash,
                pending_passwords=base.pending_passwords if hashed is None else (),
                enabled=enabled,
                quirks=frozenset(quirks or ()),
                provision=provision,
                boot=boot,
                heartbeat_interval=heartbeat_interval,
                serial_number=name or base.serial_number,
                allow_security_profile_downgrade=_either(
                    allow_security_profile_downgrade, base.allow_security_profile_downgrade
                ),
                allow_expired_certificate=_either(
                    allow_expired_certificate, base.allow_expired_certificate
                ),
                allow_legacy_tls=_either(allow_legacy_tls, base.allow_legacy_tls),
            )

        record = await self._store.charge_points.update(identity, changed)
        if record is None:
            record = changed(None)
            await self._store.charge_points.put(record)
        await self._store.bus.publish(QUIRKS_TOPIC, {"identity": identity})
        if not enabled:
            await self._drop(identity, "disabled")
        return record

    async def get(self, identity: str) -> ChargePointRecord | None:
        """The operator's record."""
        return await self._store.charge_points.get(identity)

    async def registered(self, identity: str) -> ChargePointRecord:
        """The same, where there must be one. Raises `UnknownChargePoint`."""
        return await registered(self._store, identity)

    async def delete(self, identity: str) -> bool:
        """Forget a charge point; its bindings, transactions, sessions and CDRs stay."""
        record = await self._store.charge_points.get(identity)
        if record is None or not await self._store.charge_points.delete(identity):
            return False
        await self._drop(identity, "removed")
        try:
            await self._forget(record)
        except StoreError as error:
            log.warning("not forgotten yet", charge_point=identity, error=str(error))
            self._in_background(self._when_time_is_up(lambda: self._forget(record)))
        return True

    async def describe(self, identity: str) -> dict[str, Any] | None:
        """Record and live state of one charge point."""
        record = await self._store.charge_points.get(identity)
        return None if record is None else await self._described(record)

    # --- inside ---------------------------------------------------------------------------

    async def _load(self, state: StationState, fields: dict[str, Any]) -> None:
        boot = fields.get("boot")
        if boot is not None:
            state.boot_answer = RegistrationStatus(boot.get("status", "Accepted"))
        state.boot_accepted = state.boot_answer is RegistrationStatus.ACCEPTED
        self._read_fields(state, fields)
        party = self._store.party(state.party)
        for document in await party.transactions.open(state.identity):
            transaction = msgspec.convert(document, Transaction)
            state.open[transaction.id] = await self._billing.sites.restore(state, transaction)
        state.published = await self._published(state, state.bindings)

    def _read_fields(self, state: StationState, fields: dict[str, Any]) -> None:
        state.bindings = _bindings(fields)
        for name, value in fields.items():
            kind, _, number = name.partition(":")
            if kind == "evse":
                state.evses[int(number)] = msgspec.convert(value, EvseReports, str_keys=True)

    async def _published(
        self, state: StationState, bindings: dict[int, EvseBinding]
    ) -> dict[int, EvseStatus]:
        """What partners were told last, so that only changes are told again."""
        refs = [(binding.location_id, binding.evse_uid) for binding in bindings.values()]
        lives = await self._store.party(state.party).evses.get_many(refs)
        return {
            evse_id: EvseStatus(live.status)
            for evse_id, live in zip(bindings, lives, strict=True)
            if live is not None
        }

    async def _refresh(self, state: StationState) -> None:
        change = self._store.party(state.party).change(state.fence)
        published = dict(state.published)
        if not self._publisher.refresh(state, state.bindings, change):
            return
        try:
            await self._store.commit(change)
        except BaseException:
            state.published = published
            raise

    async def _when_time_is_up(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do it once stations have had their time to return; again until the store takes it."""
        await asyncio.sleep(self._offline_after)
        while True:
            try:
                return await work()
            except StoreError as error:
                log.warning("offline status not stored yet", error=str(error))
            await asyncio.sleep(max(self._offline_after, _RETRY))

    async def _gone(self, state: StationState) -> None:
        """What `disconnect` could not store."""
        await self._store.party(state.party).stations.disconnect(state.fence, state.last_seen)
        await self._offline(state)

    async def _offline(self, gone: StationState) -> None:
        """Publish UNKNOWN for every EVSE. A newer connection's epoch makes this a no-op."""
        stations = self._store.party(gone.party).stations
        # asked first: with nothing to publish no write below would be refused
        if not await stations.is_newest(gone.fence):
            log.debug("came back", charge_point=gone.identity)
            return
        now = self._now()
        state = StationState(gone.record, gone.fence, "", now, now, connected=False)
        self._read_fields(state, await stations.load(state.identity))
        state.published = await self._published(state, state.bindings)
        try:
            await self._refresh(state)
            log.warning("offline", charge_point=state.identity)
        except Fenced:
            log.debug("came back", charge_point=state.identity)

    async def _forget(self, record: ChargePointRecord) -> None:
        """Nothing of a charge point that was removed is to be found by the next of its name."""
        if await self._store.charge_points.get(record.identity) is not None:
            return  # it was registered anew meanwhile
        async with self.in_hand(record) as state:
            pass  # partners are told UNKNOWN, and its last connection is fenced off
        party = self._store.party(record.party)
        for leave in self.leaving:
            await leave(record)
        change = party.change(state.fence)
        await party.stations.forget(change, record.identity)
        with contextlib.suppress(Fenced):
            await self._store.commit(change)

    async def _after_a_start(self) -> None:
        try:
            await self._clear_own_routes()
        except StoreError as error:
            log.warning("routes of before not cleared yet", error=str(error))
        await self._when_time_is_up(self._sweep)

    async def _clear_own_routes(self) -> None:
        """What this node's last life has left behind, if it died."""
        for record in await self._store.charge_points.all():
            stations = self._store.party(record.party).stations
            route = await stations.route(record.identity)
            if route and route.node_id == self._node_id and route.connected_at < self._began:
                await stations.disconnect(Fence(record.identity, route.epoch), route.connected_at)

    async def _taken_off(self, record: ChargePointRecord, node_id: str, beat: int) -> Fence | None:
        stations = self._store.party(record.party).stations
        route = await stations.route(record.identity)
        if route is None:
            return await stations.fence(record.identity) if await self._shown(record) else None
        if route.node_id != node_id:
            return None
        fence = await stations.abandon(record.identity, route, beat)
        if fence is not None:
            message = {"identity": fence.identity, "epoch": fence.epoch}
            await self._store.bus.publish(_SUPERSEDED_TOPIC, message)
        return fence

    async def _sweep(self) -> None:
        for record in await self._store.charge_points.all():
            if self._router.local(record.identity) is not None:
                continue
            route = await self._store.party(record.party).stations.route(record.identity)
            held_elsewhere = route is not None and route.node_id != self._node_id
            if not held_elsewhere and (route is not None or await self._shown(record)):
                async with self.in_hand(record):
                    log.warning("offline", charge_point=record.identity)

    async def _shown(self, record: ChargePointRecord) -> bool:
        """Whether partners still see a status that only a connected station can have."""
        state = await self.as_stored(record)
        published = await self._published(state, state.bindings)
        return any(status is not EvseStatus.UNKNOWN for status in published.values())

    def _superseded_elsewhere(self, message: dict[str, Any]) -> None:
        here = self._router.local(message["identity"])
        if here is not None and here[0].fence.epoch < message["epoch"]:
            self._in_background(here[1].close("superseded by a newer connection"))

    def _bindings_changed(self, message: dict[str, Any]) -> None:
        here = self._router.local(message["identity"])
        if here is not None:
            self._in_background(self._rebind(*here))

    async def _rebind(self, state: StationState, station: Station) -> None:
        """Take new bindings, beside the handlers: everything is read before anything changes."""
        try:
            fields = await self._store.party(state.party).stations.load(state.identity)
            bindings = _bindings(fields)
            published = await self._published(state, bindings)
            state.bindings, state.published = bindings, published
            await self._refresh(state)
        except StoreError as error:
            # Its next connection begins with the bindings of then.
            log.warning("not bound anew", charge_point=state.identity, error=str(error))
            await station.close("try again later")

    async def _drop(self, identity: str, reason: str) -> None:
        """Close the live connection wherever it is: an epoch nobody can beat."""
        here = self._router.local(identity)
        if here is not None:
            await here[1].close(reason)
        await self._store.bus.publish(_SUPERSEDED_TOPIC, {"identity": identity, "epoch": 2**53})

    async def _described(self, record: ChargePointRecord) -> dict[str, Any]:
        stations = self._store.party(record.party).stations
        route = await stations.route(record.identity)
        fields = await stations.load(record.identity)
        here = self._router.local(record.identity)
        last_seen = to_text(here[0].last_seen) if here else fields.get("last_seen")
        return {
            "identity": record.identity,
            "party": str(record.party),
            "security_profile": int(record.security_profile),
            "next_security_profile": _number(record.next_profile),
            "serial_number": record.serial_number,
            "password_pending": bool(record.pending_passwords),
            "allow_security_profile_downgrade": record.allow_security_profile_downgrade,
            "allow_expired_certificate": record.allow_expired_certificate,
            "allow_legacy_tls": record.allow_legacy_tls,
            "enabled": record.enabled,
            "quirks": sorted(record.quirks),
            "provision": record.provision,
            "boot_policy": record.boot.value,
            "heartbeat_interval": record.heartbeat_interval,
            "connected": route is not None,
            "connection": None if route is None else _connection(route),
            "version": route.protocol if route else fields.get("protocol"),
            "last_seen": last_seen,
            "boot": fields.get("boot"),
            "connectors": _connectors(fields),
            "deviations": known_deviations(
                fields.get("deviations"), here[0].deviations if here else None
            ),
        }

    def _in_background(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("background work failed", exc_info=task.exception())


def _bindings(fields: dict[str, Any]) -> dict[int, EvseBinding]:
    return {
        int(name.partition(":")[2]): msgspec.convert(value, EvseBinding)
        for name, value in fields.items()
        if name.startswith("binding:") and value is not None
    }


def _with_profile(
    record: ChargePointRecord, profile: SecurityProfile, *, lower: bool
) -> ChargePointRecord:
    """The operator's word about the profile: the "other method, not via OCPP" of A00.FR.005."""
    if profile is record.security_profile:
        return record
    floor = record.profile_floor
    if floor is not None and profile < floor and not lower:
        raise ValueError(
            f"the charge point was raised to security profile {int(floor)}; "
            "say lower_security_profile to lower it"
        )
    if profile < record.security_profile:
        log.warning(
            "security profile lowered by the operator",
            charge_point=record.identity,
            security_profile=int(profile),
        )
    return replace(record, security_profile=profile, profile_floor=None, next_profile=None)


def _either(said: bool | None, known: bool) -> bool:
    return known if said is None else said


def _serial_number(text: str) -> str:
    """1.6 A00.FR.511: no URL and no IP address, so that nobody takes it for a server's name."""
    if not 0 < len(text) <= _MAX_COMMON_NAME or looks_like_an_address(text):
        raise ValueError(
            f"a serial number has 1 to {_MAX_COMMON_NAME} characters and is no URL or address"
        )
    return text


def _identity(identity: str) -> str:
    if not 0 < len(identity) <= _MAX_IDENTITY:
        raise ValueError(f"an identity has 1 to {_MAX_IDENTITY} characters")
    if not identity.isprintable() or _FORBIDDEN_IN_IDENTITY.intersection(identity):
        raise ValueError('an identity has no control characters and none of / # ? : " \\')
    return identity


def _password(password: str) -> bytes:
    raw = password.encode()
    if not SHORTEST_PASSWORD <= len(raw) <= LONGEST_PASSWORD:
        raise ValueError("a password has 16 to 40 bytes")
    return canonical(raw)


def _number(profile: SecurityProfile | None) -> int | None:
    return None if profile is None else int(profile)


def _connection(route: Any) -> dict[str, Any]:
    return {
        "node": route.node_id,
        "protocol": route.protocol,
        "connected_at": to_text(route.connected_at),
    }


def _connectors(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Flat list of everything the station said of its connectors, itself included as EVSE 0."""
    return [
        {"evse_id": int(name.partition(":")[2]), "connector_id": int(connector_id), **report}
        for name, reports in sorted(fields.items())
        if name.startswith("evse:")
        for connector_id, report in sorted(reports["connectors"].items())
    ]
