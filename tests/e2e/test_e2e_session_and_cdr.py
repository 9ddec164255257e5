"""The last update of a Session and its CDR say the same, and what the partner reckons itself.

The partner prices every CDR by its own reading of the Tariff in it, holds its charging periods
against the Session's, and reports what differs: a scene ends with none of that.
"""

import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from simulators.charge_point.outlet import DC_50KW
from simulators.charge_point.vehicle import WATT_MILLISECONDS_PER_WH, Vehicle
from simulators.partner.repriced import NOT_THE_TARIFFS
from tests.e2e.conftest import ScriptedClock

VERSIONS = ("1.6", "2.0.1", "2.1")
SEEDS = [pytest.param(seed, marks=[pytest.mark.long] if seed else []) for seed in range(6)]
AN_HOUR = 3600
# local time in Utrecht, which is UTC+1 on that day: 19:00 to 22:00
EVENING = datetime(2026, 3, 2, 17, 59, tzinfo=UTC)
VAT = 21
SESSION_ONLY = ("CURRENT", "ENERGY_EXPORT", "ENERGY_IMPORT", "POWER", "STATE_OF_CHARGE")


def priced(kind, price):
    return {"type": kind, "price": Decimal(price), "vat": VAT, "step_size": 1}


EVENING_TARIFF = {
    "id": "EVENING",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {"price_components": [priced("FLAT", "0.50")]},
        {
            "price_components": [priced("ENERGY", "0.25")],
            "restrictions": {"start_time": "20:00", "end_time": "06:00"},
        },
        {"price_components": [priced("ENERGY", "0.45")], "restrictions": {"min_power": 10}},
        {"price_components": [priced("ENERGY", "0.35")]},
        # ten minutes of parking are free
        {"price_components": [priced("PARKING_TIME", "3")], "restrictions": {"min_duration": 9600}},
    ],
}


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
def clock():
    """As far behind as a visit takes: a 1.6 stop that is old looks like a replayed queue's."""
    return ScriptedClock(datetime.now(UTC) - timedelta(minutes=106))


def wanting(energy_wh, most_w=11_040):
    vehicle = Vehicle.of(200_000, 10, ac_w=most_w, dc_w=50_000)
    vehicle.wanted = energy_wh * WATT_MILLISECONDS_PER_WH
    return vehicle


async def plug_and_start(charger, clock, vehicle):
    await charger.plug_in(1, vehicle)
    clock.move(minutes=1)
    await charger.present_token("TAG1", 1)
    return await charger.until_transaction(1)


async def until_billed(partner, count=1):
    await partner.until(
        lambda: (
            len(partner.cdrs) == count
            and [one["status"] for one in partner.sessions] == ["COMPLETED"] * count
        ),
        20,
    )


def assert_agreed(partner):
    """By hand, beside what the partner looks at: kWh, periods, cost; its prices are ours."""
    assert [one for one in partner.advice if one["what"] == NOT_THE_TARIFFS] == []
    for session, cdr in zip(partner.sessions, partner.cdrs, strict=True):
        assert cdr.get("session_id") in (session["id"], None)  # 2.1.1 has none
        assert session["kwh"] == cdr["total_energy"]
        assert session["total_cost"] == cdr["total_cost"]
        assert billable(session["charging_periods"]) == cdr["charging_periods"]


def billable(periods):
    """Without what CdrDimensionType has for Sessions only."""
    return [
        {**one, "dimensions": [its for its in one["dimensions"] if its["type"] not in SESSION_ONLY]}
        for one in periods
    ]


async def charge_and_park(charger, clock, transaction, spans=(7, 20, 33)):
    """Until just now: an hour to the full battery, then parked."""
    for span in spans:
        clock.move(minutes=span)
        charger.transactions.sample(transaction, "Sample.Periodic")
    charger.transactions.measure(charger.connectors[1])
    clock.move(minutes=45)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)


async def test_they_agree_where_no_update_came_before_the_end(start_scene, version, clock):
    """The interval is longer than the session: between start and end nothing was pushed."""
    scene = await start_scene(session_interval=AN_HOUR)
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    transaction = await plug_and_start(charger, clock, wanting(11_040))
    await charge_and_park(charger, clock, transaction)
    await until_billed(partner)

    assert partner.cdrs[0]["total_energy"] == Decimal("11.04")
    assert_agreed(partner)


async def test_they_agree_where_every_meter_value_was_pushed(start_scene, version, clock):
    scene = await start_scene()
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    transaction = await plug_and_start(charger, clock, wanting(11_040))
    await charge_and_park(charger, clock, transaction)
    await until_billed(partner)

    assert_agreed(partner)


async def test_they_agree_at_a_partner_that_was_down_meanwhile(start_scene, version, clock):
    scene = await start_scene()
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    transaction = await plug_and_start(charger, clock, wanting(11_040))
    await partner.until(lambda: len(partner.sessions) == 1)
    await partner.refuse_connections()
    await charge_and_park(charger, clock, transaction)
    await scene.until_cdrs()
    await partner.accept_connections()
    await until_billed(partner)

    assert_agreed(partner)


@pytest.mark.parametrize("interval", [AN_HOUR, pytest.param(0, marks=pytest.mark.long)])
async def test_they_agree_where_the_gateway_died_meanwhile(start_scene, version, clock, interval):
    """kill -9 between two meter values: the bill goes on from what was kept."""
    scene = await start_scene(process=True, session_interval=interval)
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()

    transaction = await plug_and_start(charger, clock, wanting(11_040))
    clock.move(minutes=20)
    charger.transactions.sample(transaction, "Sample.Periodic")
    await scene.gateway.kill()
    clock.move(minutes=10)
    charger.transactions.sample(transaction, "Sample.Periodic")
    await scene.gateway.start()
    await charger.until_connected()
    await charge_and_park(charger, clock, transaction, (7, 20, 3))
    await until_billed(partner)

    assert partner.cdrs[0]["total_energy"] == Decimal("11.04")
    assert_agreed(partner)


@pytest.mark.parametrize("seed", SEEDS)
async def test_they_agree_whatever_happened(start_scene, version, seed):
    """Meter values, other power, outages of the partner and of the station, in any order."""
    chance, clock = random.Random(seed), ScriptedClock()
    scene = await start_scene(session_interval=chance.choice([0, 0.2, AN_HOUR]))
    charger = await scene.add_charger("CP1", version, clock=clock, tariff=EVENING_TARIFF)
    partner = await scene.add_partner()

    vehicle = wanting(chance.randrange(3_000, 20_000))
    transaction = await plug_and_start(charger, clock, vehicle)
    for _ in range(12):
        await happen(chance, charger, partner, clock, transaction, vehicle)
    charger.go_online()
    await partner.accept_connections()
    clock.move(minutes=3)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner)

    assert Decimal(partner.cdrs[0]["total_energy"]) * 1000 == transaction.energy_wh
    assert_agreed(partner)


async def test_a_partner_is_told_of_meter_values_once_per_interval_of_its_own(
    start_scene, version, clock
):
    """ocpi-rules 15: the operator sees every one of them meanwhile, the partner start and end."""
    scene = await start_scene()
    charger = await scene.add_charger("CP1", version, clock=clock)
    partner = await scene.add_partner()
    status, _ = await scene.ask("PATCH", f"partners/{partner.id_here}", {"session_interval": 3600})
    assert status == 200

    transaction = await plug_and_start(charger, clock, wanting(11_040))
    await partner.until(lambda: len(partner.sessions) == 1)
    for _ in range(30):
        clock.move(minutes=2)
        charger.transactions.sample(transaction, "Sample.Periodic")

    async def all_seen():
        return (await scene.get("sessions"))[0]["kwh"] == Decimal("11.04")

    await scene.until(all_seen)
    assert partner.sessions[0]["kwh"] == 0
    clock.move(minutes=45)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner)

    came = [one for one in partner.events if one["event"].startswith("session")]
    assert [one["status"] for one in came] == ["ACTIVE", "COMPLETED"]
    assert_agreed(partner)


async def happen(chance, charger, partner, clock, transaction, vehicle):
    clock.move(seconds=chance.randrange(20, 1500))
    match chance.choice(["sample"] * 4 + ["power", "state", "station", "partner"]):
        case "sample":
            charger.transactions.sample(transaction, "Sample.Periodic")
        case "power":
            charger.transactions.sample(transaction, "Sample.Periodic")
            vehicle.most_ac_w = chance.choice([1_380, 3_680, 7_360, 11_040])
        case "state":
            charger.transactions.measure(charger.connectors[1])
        case "station":
            chance.choice([charger.go_offline, charger.go_online])()
        case "partner":
            await chance.choice([partner.refuse_connections, partner.accept_connections])()


async def test_a_direct_current_visit_until_the_battery_is_full(start_scene, version):
    """Power falls, the state of charge rises, the vehicle suspends; a CDR shows no such state.

    28 kWh from 30 % to full, at 50 kW until 35 %; then parked until two hours are over.
    """
    clock, scene = ScriptedClock(), await start_scene(session_interval=1)
    await scene.register_charger("CP1")
    place = await scene.get("locations/LOC-CP1")
    place["evses"][0]["connectors"][0] |= {
        "standard": "IEC_62196_T2_COMBO",
        "format": "CABLE",
        "power_type": "DC",
        "max_voltage": 400,
        "max_amperage": 125,
        "max_electric_power": 50_000,
    }
    await scene.put("locations/LOC-CP1", place)
    charger = await scene.add_charger("CP1", version, clock=clock, register=False, rating=DC_50KW)
    partner = await scene.add_partner()

    vehicle = Vehicle.of(40_000, 30, ac_w=11_040, dc_w=50_000)
    transaction = await plug_and_start(charger, clock, vehicle)
    for _ in range(60):
        clock.move(minutes=2)
        charger.transactions.measure(charger.connectors[1])
        charger.transactions.sample(transaction, "Sample.Periodic")
    assert charger.connectors[1].charging_state == "SuspendedEV"
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner)

    [session], [cdr] = partner.sessions, partner.cdrs
    assert cdr["total_energy"] == Decimal(28)
    charging, parking = session["charging_periods"]
    assert volume(charging, "MAX_POWER") == 50
    assert 30 < volume(charging, "STATE_OF_CHARGE") < volume(parking, "STATE_OF_CHARGE") == 100
    assert volume(parking, "PARKING_TIME") == cdr["total_parking_time"] > 0
    assert_agreed(partner)


def volume(period, kind):
    return next(one["volume"] for one in period["dimensions"] if one["type"] == kind)


# 0.50 + 2.484 + 0.644 + 1.38 + 1.00; VAT 0.105 + 0.5216 + 0.1352 + 0.2898 + 0.21
COST = {
    "2.1.1": {"": Decimal("6.008")},
    "2.2.1": {"excl_vat": Decimal("6.008"), "incl_vat": Decimal("7.2696")},
    "2.3.0": {"before_taxes": Decimal("6.008"), "taxes": Decimal("1.2616")},
}


def amounts(cost):
    """2.1.1 has a number, 2.3.0 a list of taxes."""
    if isinstance(cost, Decimal):
        return {"": cost}
    return {
        name: sum(tax["amount"] for tax in said) if name == "taxes" else said
        for name, said in cost.items()
    }


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        pytest.param(ocpp, ocpi, marks=() if usual else pytest.mark.long)
        for ocpp, usual_ocpi in zip(VERSIONS, COST, strict=True)
        for ocpi in COST
        for usual in [ocpi == usual_ocpi]
    ],
)
async def test_three_hours_by_day_and_night_power_and_parking(start_scene, version, spoken):
    """A reading a minute. By hand, with VAT of 21 %:

    19:00 to 19:30  11.04 kW    5.52 kWh x 0.45 = 2.484
    19:30 to 20:00   3.68 kW    1.84 kWh x 0.35 = 0.644
    20:00 to 21:30   3.68 kW    5.52 kWh x 0.25 = 1.38
    21:30 to 22:00   parked     the last 20 minutes x 3 = 1.00
    """
    clock, scene = ScriptedClock(EVENING), await start_scene(session_interval=1)
    charger = await scene.add_charger("CP1", version, clock=clock, tariff=EVENING_TARIFF)
    partner = await scene.add_partner(ocpi=spoken)

    vehicle = wanting(12_880)
    transaction = await plug_and_start(charger, clock, vehicle)
    for minute in range(1, 181):
        clock.move(minutes=1)
        charger.transactions.measure(charger.connectors[1])
        charger.transactions.sample(transaction, "Sample.Periodic")
        if minute == 30:
            vehicle.most_ac_w = 3_680
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await until_billed(partner)

    [cdr] = partner.cdrs
    assert cdr["total_energy"] == Decimal("12.88")
    # the station's clock is a few milliseconds past the full minute at each reading
    for name, wanted in COST[spoken].items():
        assert abs(amounts(cdr["total_cost"])[name] - wanted) <= Decimal("0.001")
    assert_agreed(partner)
