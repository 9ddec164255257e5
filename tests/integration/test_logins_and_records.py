"""What happens when the registry changes while a station logs in or is connected."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.charge_points import ChargePointRecord, PendingPassword, SecurityProfile
from gateway.domain.party import Party
from gateway.domain.quirks import LOOSE_TYPES, QuirkRule
from gateway.services.security.logins import ConnectionRefused, Logins
from gateway.services.security.near_misses import NearMisses
from gateway.services.security.passwords import hash_password
from gateway.services.security.presented_certificates import PresentedCertificates
from gateway.services.security.security_events import SecurityEvents
from gateway.services.security.trust import Trust
from gateway.services.stations.deviations import QUIRKS_TOPIC, DeviationService
from gateway.services.stations.initiative import Initiative, Occasion
from gateway.services.stations.routing import StationRouter
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store
from gateway.store.stations import MOST_BYTES

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PARTY = Party("NL", "ABC")
BASIC, TLS = SecurityProfile.BASIC_AUTH, SecurityProfile.TLS_BASIC_AUTH


def now() -> datetime:
    return NOW


@pytest.fixture
async def logins(store: Store) -> AsyncIterator[Logins]:
    presented = PresentedCertificates(Trust(), cpo_name="Gateway", now=now)
    one = Logins(store, presented, SecurityEvents(store, now), NearMisses(store))
    yield one
    await one.close()


@pytest.fixture
async def record(store: Store) -> ChargePointRecord:
    old, new = hash_password(b"old" * 6), hash_password(b"new" * 6)
    one = ChargePointRecord("CP1", PARTY, BASIC, old, pending_passwords=(PendingPassword(new),))
    await store.charge_points.put(one)
    return one


async def test_a_login_does_not_bring_back_a_password_that_ended_meanwhile(
    store: Store, logins: Logins, record: ChargePointRecord
) -> None:
    """security-and-faults row 6: the station's Accepted came between reading and writing."""
    accepted = replace(record, password_hash=record.pending_passwords[0].hash, pending_passwords=())
    await store.charge_points.put(accepted)
    with pytest.raises(ConnectionRefused):
        await logins._settled(record, BASIC, record.password_hash)
    assert await store.charge_points.get("CP1") == accepted


async def test_a_login_does_not_undo_the_operators_new_password(
    store: Store, logins: Logins, record: ChargePointRecord
) -> None:
    put = replace(record, password_hash=hash_password(b"put" * 6), pending_passwords=())
    await store.charge_points.put(put)
    with pytest.raises(ConnectionRefused):
        await logins._settled(record, BASIC, record.pending_passwords[0].hash)
    assert await store.charge_points.get("CP1") == put


@pytest.mark.parametrize("changed", [{"enabled": False}, {"security_profile": TLS}])
async def test_a_login_counts_for_nothing_once_its_charge_point_was_changed(
    store: Store, logins: Logins, record: ChargePointRecord, changed: dict[str, Any]
) -> None:
    """security-and-faults rows 1 and 3."""
    await store.charge_points.put(replace(record, **changed))
    with pytest.raises(ConnectionRefused):
        await logins._settled(record, BASIC, record.password_hash)


@dataclass
class Station:
    protocol: str = "ocpp1.6"
    ran: list[str] = field(default_factory=list)

    async def close(self, reason: str) -> None:
        """Nothing to close."""


def connected(router: StationRouter, record: ChargePointRecord) -> tuple[StationState, Any]:
    state = StationState(record, Fence(record.identity, 1), "ocpp1.6", NOW, NOW)
    station: Any = Station()
    router.attach(state, station)
    return state, station


async def test_a_connection_goes_by_what_the_operator_says_now(
    store: Store, record: ChargePointRecord
) -> None:
    """Nothing is sent unasked any more, and a boot does not bring the old quirks back."""
    router = StationRouter(store, "node")
    service = DeviationService(store, router)
    state, _ = connected(router, record)
    await service.put_rules([QuirkRule((), vendor="Acme")])
    changed = replace(record, provision=False, quirks=frozenset({LOOSE_TYPES}))
    await store.charge_points.put(changed)

    await store.bus.publish(QUIRKS_TOPIC, {"identity": "CP1"})
    await service._requirk("CP1")
    service.booted(state, "Acme", "One", None)

    assert state.record == changed
    assert state.quirks.names == {LOOSE_TYPES}
    await service.close()


async def test_a_routine_that_breaks_does_not_stop_the_next(
    store: Store, record: ChargePointRecord
) -> None:
    router = StationRouter(store, "node")
    state, station = connected(router, record)
    initiative = Initiative(router)

    async def broken(_state: StationState, _station: Any, _occasion: Occasion) -> None:
        raise KeyError("what a station left out")

    async def next_one(_state: StationState, _station: Any, _occasion: Occasion) -> None:
        station.ran.append("next")

    initiative.add(broken)
    initiative.add(next_one)
    initiative.begin(state, Occasion.BOOTED)
    with contextlib.suppress(KeyError):
        await initiative._running[state.fence][1]

    assert station.ran == ["next"]
    await initiative.close()


async def test_every_identity_is_listed_without_reading_the_records(store: Store) -> None:
    wanted = {f"CP{number}" for number in range(1_500)}
    for name in wanted:
        await store.charge_points.put(ChargePointRecord(name, PARTY, BASIC))
    found = [name async for some in store.charge_points.identities() for name in some]
    assert set(found) == wanted


async def test_huge_reports_fill_no_more_than_their_share_of_the_store(store: Store) -> None:
    """S14: a stream is bounded by its size, too, not by its number alone."""
    stations = store.party(PARTY).stations
    for _ in range(30):
        change = store.party(PARTY).change()
        stations.keep(change, "CP1", "DataTransfer", "x" * 2**20, cap=1_000)
        await store.commit(change)
    assert await stations.kept_count("CP1", "DataTransfer") <= MOST_BYTES // 2**20
