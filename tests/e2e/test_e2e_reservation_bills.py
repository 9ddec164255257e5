"""What a reservation costs, at the partner that has made it: it looks at every object itself."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

TEN_MINUTES = Decimal("0.3333")  # at 2.00 per hour, however little of them
PAIRS = (("1.6", "2.2.1"), ("2.0.1", "2.3.0"), ("2.1", "2.1.1"))


def component(type_, price, step_size=1):
    return {"type": type_, "price": Decimal(price), "vat": 20, "step_size": step_size}


TARIFF = {
    "id": "RESERVING",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [component("FLAT", "4.00")],
            "restrictions": {"reservation": "RESERVATION_EXPIRES"},
        },
        {
            "price_components": [component("TIME", "2.00", 600)],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {"price_components": [component("FLAT", "0.50"), component("ENERGY", "0.25")]},
    ],
}


def soon(**span):
    return datetime.now(UTC) + timedelta(**span)


def before_taxes(price):
    """A Price of any version; 2.1.1 has a number."""
    if isinstance(price, dict):
        return price["before_taxes"] if "before_taxes" in price else price["excl_vat"]
    return price


@pytest.mark.parametrize(("version", "ocpi"), PAIRS)
async def test_a_driver_pays_for_the_reservation_and_the_charging(scene, version, ocpi):
    """mod_cdrs start_date_time: "the start of the reservation"; 2.1.1: of the session."""
    charger = await scene.add_charger("CP1", version, tariff=TARIFF)
    partner = await scene.add_partner(ocpi=ocpi)
    number = 7 if ocpi == "2.1.1" else "R-7"
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", number, soon(hours=1))
    await partner.until(lambda: len(partner.sessions) == 1)
    reserved = dict(partner.sessions[0])

    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    transaction = await charger.until_transaction(1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await partner.until(lambda: len(partner.cdrs) == 1)

    [cdr], [session] = partner.cdrs, partner.sessions
    assert (session["id"], session["status"]) == (reserved["id"], "COMPLETED")
    # the first 10 minutes of 2.00 per hour; 0.50 to start; 0.25 per kWh
    expected = TEN_MINUTES + Decimal("0.5") + cdr["total_energy"] * Decimal("0.25")
    assert abs(before_taxes(cdr["total_cost"]) - expected) < Decimal("0.0001")
    assert session["total_cost"] == cdr["total_cost"]
    dimensions = [one["type"] for period in cdr["charging_periods"] for one in period["dimensions"]]
    if ocpi == "2.1.1":
        assert "RESERVATION_TIME" not in dimensions
        assert cdr["remark"].startswith("RESERVATION 0.3333 EUR")
        assert cdr["start_date_time"] == session["start_datetime"] >= reserved["start_datetime"]
    else:
        assert dimensions[0] == "RESERVATION_TIME"
        assert before_taxes(cdr["total_reservation_cost"]) == TEN_MINUTES
        assert cdr["start_date_time"] == reserved["start_date_time"] < session["start_date_time"]


@pytest.mark.parametrize("ocpi", ["2.2.1", pytest.param("2.3.0", marks=pytest.mark.long)])
async def test_a_driver_who_gives_up_pays_for_the_time(scene, ocpi):
    """mod_sessions 9.1.4: a CDR "just for the costs of the reservation"."""
    await scene.add_charger("CP1", "1.6", tariff=TARIFF)
    partner = await scene.add_partner(ocpi=ocpi)
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon(hours=1))
    await partner.until(lambda: len(partner.sessions) == 1)

    await partner.cancel_reservation("R-7")
    await partner.until(lambda: len(partner.cdrs) == 1)

    [cdr], [session] = partner.cdrs, partner.sessions
    assert session["status"] == "COMPLETED"
    assert before_taxes(cdr["total_cost"]) == TEN_MINUTES
    assert session["total_cost"] == cdr["total_cost"]
    assert cdr["total_energy"] == 0


@pytest.mark.long
@pytest.mark.parametrize("ocpi", ["2.1.1", "2.2.1", "2.3.0"])
async def test_a_driver_who_does_not_come_pays_the_fee(scene, ocpi):
    """RESERVATION_EXPIRES; 2.1.1 hears of the amount alone."""
    await scene.add_charger("CP1", "1.6", tariff=TARIFF)
    partner = await scene.add_partner(ocpi=ocpi)
    number = 7 if ocpi == "2.1.1" else "R-7"
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", number, soon(seconds=1.5))

    await partner.until(lambda: len(partner.cdrs) == 1, 20)

    assert before_taxes(partner.cdrs[0]["total_cost"]) == Decimal("4.3333")
    assert partner.sessions[0]["status"] == "COMPLETED"
