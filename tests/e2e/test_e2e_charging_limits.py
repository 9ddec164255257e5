"""What an outside source limits at a station: told, shown, told otherwise, cleared (2.x)."""

import pytest

SCHEDULE = {
    "id": 1,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}],
}


def limit(source, evse_id=None, *, critical=None, schedule=None):
    told = {"chargingLimitSource": source}
    told |= {} if critical is None else {"isGridCritical": critical}
    body = {"chargingLimit": told}
    body |= {} if evse_id is None else {"evseId": evse_id}
    return body | ({} if schedule is None else {"chargingSchedule": [schedule]})


async def shown(scene):
    found = await scene.get("charge-points/CP1/charging-limits")
    return [(one["evse_id"], one["source"], one["is_grid_critical"]) for one in found]


@pytest.fixture(params=["2.0.1", pytest.param("2.1", marks=pytest.mark.long)])
def version(request):
    return request.param


async def test_the_limits_of_a_station_are_what_it_told_last(scene, version):
    """Block K, external limits; ocpp-rules 30: without an EVSE it is the station's own."""
    await scene.register_charger("CP1", connectors=2)
    async with scene.wire("CP1", version) as wire:
        for told in (
            limit("SO", critical=True),
            limit("EMS", 1, schedule=SCHEDULE),
            limit("EMS", 2),
            limit("SO", critical=False),
        ):
            assert (await wire.call("NotifyChargingLimit", told))[2] == {}
        assert await shown(scene) == [(0, "SO", False), (1, "EMS", None), (2, "EMS", None)]
        [one] = [
            one
            for one in await scene.get("charge-points/CP1/charging-limits")
            if one["evse_id"] == 1
        ]
        period = one["schedules"][0]["chargingSchedulePeriod"][0]
        assert str(period["limit"]) == "6.5"

        cleared = {"chargingLimitSource": "EMS", "evseId": 2}
        assert (await wire.call("ClearedChargingLimit", cleared))[2] == {}
        assert await shown(scene) == [(0, "SO", False), (1, "EMS", None)]
        for source in ("Other", "SO", "EMS"):
            await wire.call("ClearedChargingLimit", {"chargingLimitSource": source})
        assert await shown(scene) == []
    assert len(await scene.get("charge-points/CP1/kept/NotifyChargingLimit")) == 4


async def test_nobody_has_limits_who_is_not_registered(scene):
    status, _ = await scene.ask("GET", "charge-points/NOBODY/charging-limits")
    assert status == 404
