"""S7: what partners are sent names no charge point by its OCPP identity."""

import pytest

from simulators.partner import SimulatedPartner

IDENTITY = "PLANT-0815"
TARIFF = {
    "id": "T1",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [{"price_components": [{"type": "ENERGY", "price": 0.50, "step_size": 1}]}],
}
LOCATION = {
    "id": "HARBOUR",
    "publish": True,
    "address": "Harbour Street 1",
    "city": "Utrecht",
    "country": "NLD",
    "coordinates": {"latitude": "52.08946", "longitude": "5.11010"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {
            "uid": "first",
            "evse_id": "NL*GWY*E1",
            "charge_point": {"identity": IDENTITY, "evse_id": 1},
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                    "max_amperage": 16,
                    "tariff_ids": ["T1"],
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1", "2.3.0"])
async def test_nothing_that_a_partner_holds_names_a_charge_point(scene, fast, version):
    """S7: locations (published, then withdrawn), sessions, CDRs, tariffs, results of commands."""
    partner = SimulatedPartner(version=version)
    await partner.start()
    scene.partners.append(partner)
    _, invitation = await scene.ask("POST", "partners", {"name": "They"})
    await partner.register(scene.gateway.addresses.ocpi, invitation["token"])
    partner.issue_token("TAG1")
    await partner.push_token("TAG1")
    await scene.put("tariffs/T1", TARIFF)
    registration = {"security_profile": 1, "password": "the-password-1234567", "provision": False}
    await scene.put(f"charge-points/{IDENTITY}", registration)
    await scene.put("locations/HARBOUR", LOCATION)
    charger = await scene.add_charger(
        IDENTITY, "2.0.1", register=False, password="the-password-1234567", clock=fast
    )
    await partner.until(lambda: partner.evse("HARBOUR", "first") is not None)

    await charger.charge(1, "TAG1", energy_wh=1000)
    await partner.until(lambda: len(partner.cdrs) == 1 and len(partner.tariffs) == 1)
    command = await partner.start_session("HARBOUR", "first", "TAG1")
    await scene.put("locations/HARBOUR", LOCATION | {"publish": False, "address": "Moved 1"})
    await partner.until(lambda: "Moved 1" in str(partner.locations))

    held = str((partner.locations, partner.tariffs, partner.sessions, partner.cdrs, command))
    held += str(list(partner.requests))
    assert "HARBOUR" in held
    assert IDENTITY not in held
    assert "charge_point" not in held
