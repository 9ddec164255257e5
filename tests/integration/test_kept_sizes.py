"""What stations may fill the store with: reports that are too large, limits with long schedules."""

from datetime import UTC, datetime

from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.charging_limits import MAX_LIMITS, ChargingLimit
from gateway.domain.party import Party
from gateway.domain.reports import Part
from gateway.services.charging.charging_limits import MOST_BYTES, ChargingLimits
from gateway.services.stations.reports import Reports
from gateway.services.stations.station_state import StationState
from gateway.store import Fence, Store

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
PARTY = Party("NL", "GWY")
RECORD = ChargePointRecord("CP1", PARTY, SecurityProfile.UNSECURED)


async def connected(store: Store) -> StationState:
    epoch, _ = await store.party(PARTY).stations.connect(
        "CP1", node_id="n", protocol="ocpp2.0.1", remote="", at=T0
    )
    return StationState(RECORD, Fence("CP1", epoch), "ocpp2.0.1", T0, T0)


async def test_a_report_that_has_lost_its_first_parts_is_not_complete(store: Store) -> None:
    state, reports = await connected(store), Reports(store, lambda: T0)
    for number in range(10):
        part = Part("NotifyReport", 7, ["x" * 1_000_000], number < 9, number)
        progress = await reports.received(state, part)
    assert progress.cut
    assert not progress.complete
    report = await reports.get(RECORD, 7)
    assert report is not None
    assert len(report.items) == 8


async def test_the_schedule_of_a_limit_is_kept_while_it_is_short(store: Store) -> None:
    state, limits = await connected(store), ChargingLimits(store)
    short, long = [{"id": 1}], [{"id": 1, "text": "x" * MOST_BYTES}]
    await limits.limited(state, ChargingLimit(0, "EMS", T0, schedules=short))
    await limits.limited(state, ChargingLimit(1, "EMS", T0, True, schedules=long))
    kept = await limits.of(RECORD)
    assert [(one.schedules, one.too_long) for one in kept] == [(short, False), ([], True)]
    assert kept[1].is_grid_critical


async def test_all_limits_of_a_station_together_stay_small(store: Store) -> None:
    state, limits = await connected(store), ChargingLimits(store)
    long = [{"id": 1, "text": "x" * (MOST_BYTES - 100)}]
    for number in range(MAX_LIMITS):
        await limits.limited(state, ChargingLimit(number, "EMS", T0, schedules=long))
    kept = await limits.of(RECORD)
    assert len(kept) == MAX_LIMITS
    assert [one.too_long for one in kept] == [True] * (MAX_LIMITS - 8) + [False] * 8
