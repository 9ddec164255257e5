"""Tariffs for some partners and for what drivers wish, from the operator to the partner's bill."""

from datetime import UTC, datetime, timedelta

import pytest

from simulators.charge_point.settings import StationSettings

LONG = pytest.mark.long


def tariff(id_, price, **more):
    component = {"type": "ENERGY", "price": price, "step_size": 1}
    return {
        "id": id_,
        "currency": "EUR",
        "tax_included": "NO",
        "elements": [{"price_components": [component]}],
    } | more


async def offer(scene, *tariffs):
    for one in tariffs:
        await scene.put(f"tariffs/{one['id']}", one)
    location = await scene.get("locations/LOC-CP1")
    location["evses"][0]["connectors"][0]["tariff_ids"] = [one["id"] for one in tariffs]
    await scene.put("locations/LOC-CP1", location)


def ids(objects):
    return sorted(one["id"] for one in objects)


def cost(bill):
    """Without taxes, in the words of 2.2.1 and of 2.3.0."""
    total = bill["total_cost"]
    return float(total.get("excl_vat", total.get("before_taxes")))


def named(bill):
    return {period.get("tariff_id") for period in bill["charging_periods"]}


def connector_names(partner):
    [location] = partner.locations
    return location["evses"][0]["connectors"][0].get("tariff_ids")


@pytest.mark.parametrize(
    ("version", "ocpi"), [("2.0.1", "2.2.1"), pytest.param("1.6", "2.3.0", marks=LONG)]
)
async def test_each_partner_sees_and_pays_its_own_tariff(scene, fast, version, ocpi):
    charger = await scene.add_charger("CP1", version, clock=fast)
    one = await scene.add_partner(ocpi=ocpi)
    other = await scene.add_partner("OTH", ocpi=ocpi, tokens=("TAG2",))
    await offer(scene, tariff("ALL", 0.50), tariff("OWN", 0.40, partners=[one.id_here]))
    await one.until(lambda: connector_names(one) == ["OWN"])
    await other.until(lambda: connector_names(other) == ["ALL"])
    await one.until(lambda: {"ALL", "OWN"} <= set(ids(one.tariffs)))

    for uid, partner in (("TAG1", one), ("TAG2", other)):
        await charger.charge(1, uid, energy_wh=1000)
        await partner.until(lambda partner=partner: len(partner.cdrs) == 1)

    [own], [usual] = one.cdrs, other.cdrs
    assert (named(own), cost(own)) == ({"OWN"}, 0.4)  # 1 kWh x 0.40
    assert (named(usual), cost(usual)) == ({"ALL"}, 0.5)  # 1 kWh x 0.50
    assert "OWN" not in ids(other.tariffs)
    assert "'OWN'" not in str(usual)
    assert "partners" not in str([one.tariffs, own])
    assert one.violations == []
    assert other.violations == []


def by(price, bill):
    """Whether all of its energy is at this price per kWh."""
    kwh = bill.get("kwh", bill.get("total_energy"))
    return kwh > 0 and cost(bill) == pytest.approx(float(kwh) * price, abs=0.005)  # of a cent


async def test_a_wish_prices_the_running_session_at_the_partner(scene, fast):
    """2.2.1 mod_tariffs PROFILE_GREEN; mod_sessions 9.2.1.2"""
    settings = StationSettings(sample_interval=300)
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast, settings=settings)
    partner = await scene.add_partner()
    await offer(scene, tariff("ALL", 0.50), tariff("GREEN", 0.20, type="PROFILE_GREEN"))
    await partner.until(lambda: set(ids(partner.tariffs)) >= {"ALL", "GREEN"})
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await partner.until(lambda: partner.sessions and by(0.50, partner.sessions[0]))
    [session] = partner.sessions

    departure = (datetime.now(UTC) + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    wish = {"profile_type": "GREEN", "departure_time": departure, "energy_need": 2}
    assert await partner.set_preferences(session["id"], wish) == "ACCEPTED"
    await partner.until(lambda: by(0.20, partner.sessions[0]))
    charger.stop_transaction(1)
    await charger.unplug(1)

    await partner.until(lambda: len(partner.cdrs) == 1)
    [cdr] = partner.cdrs
    assert named(cdr) == {"GREEN"}
    assert by(0.20, cdr)
    assert [one["id"] for one in cdr["tariffs"]] == ["GREEN"]
    assert partner.violations == []
