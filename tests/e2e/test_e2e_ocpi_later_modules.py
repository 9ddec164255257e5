"""The modules that came after 2.1.1, between the gateway and a simulated partner of each version.

What the partner holds against the gateway is empty at the end of every test, see `Scene.close`.
"""

import pytest

from simulators.partner import SimulatedPartner

LIMIT = {
    "charging_rate_unit": "A",
    "charging_profile_period": [{"start_period": 0, "limit": 8}],
}


async def registered(scene, version, *quirks, **options):
    partner = SimulatedPartner(version=version, **options)
    await partner.start()
    scene.partners.append(partner)
    status, invitation = await scene.ask("POST", "partners", {"name": "Later"})
    assert status == 201, invitation
    path = f"partners/{invitation['id']}"
    assert (await scene.ask("PATCH", path, {"quirks": quirks}))[0] == 200
    partner.issue_token("TAG1")
    await partner.register(scene.gateway.addresses.ocpi, invitation["token"])
    await partner.push_token("TAG1")
    return partner, invitation["id"]


async def charging(scene, charger, partner):
    """The id of a session that goes on."""
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await charger.until_transaction(1)
    await partner.until(lambda: len(partner.sessions) == 1)
    return partner.sessions[0]["id"]


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_charging_profile_is_set_read_and_cleared(scene, version):
    """mod_charging_profiles: each request has its response and its result."""
    charger = await scene.add_charger("CP1", "2.0.1")
    partner, _ = await registered(scene, version)
    session_id = await charging(scene, charger, partner)

    asked = [
        await partner.set_profile(session_id, LIMIT),
        await partner.get_profile(session_id, 900),
        await partner.clear_profile(session_id),
    ]

    assert [one.response["result"] for one in asked] == ["ACCEPTED"] * 3
    assert [one.result["result"] for one in asked] == ["ACCEPTED"] * 3
    periods = asked[1].result["profile"]["charging_profile"]["charging_profile_period"]
    assert periods[0]["limit"] == 8


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_profile_for_a_session_that_is_not_there_is_refused(scene, version):
    """mod_charging_profiles, ChargingProfileResponseType UNKNOWN_SESSION."""
    partner, _ = await registered(scene, version)

    asked = await partner.set_profile("no-such-session", LIMIT)

    assert asked.response["result"] == "UNKNOWN_SESSION"
    assert asked.result is None


async def test_a_terminal_and_its_confirmation_reach_us_and_can_be_read_back(scene):
    """2.3.0 mod_payments, Receiver Interface."""
    partner, _ = await registered(scene, "2.3.0", "payments_module", party_id="PTP", role="PTP")

    terminal = await partner.put_terminal(reference="serial 1")
    confirmation = await partner.confirm_payment(
        authorization_reference="ref-1",
        total_costs={"before_taxes": 4, "taxes": [{"name": "VAT", "amount": 1}]},
        currency="EUR",
        eft_data=["Mastercard", "Nr: **** 1234"],
        capture_status_code="SUCCESS",
    )

    held = await partner.get_payment("terminals", terminal["terminal_id"])
    assert {name: held[name] for name in terminal} == terminal
    held = await partner.get_payment("financial-advice-confirmations", confirmation["id"])
    assert {name: held[name] for name in confirmation} == confirmation


async def test_a_terminal_is_assigned_to_a_location_by_us(scene):
    """2.3.0 mod_payments, PATCH Terminal: "to assign location ids and/or evse_uids"."""
    await scene.register_charger("CP1")
    partner, _ = await registered(scene, "2.3.0", "payments_module", party_id="PTP", role="PTP")
    terminal = await partner.put_terminal(reference="serial 1")
    path = f"payment-terminals/{terminal['terminal_id']}"

    status, answer = await scene.ask("PATCH", path, {"location_ids": ["LOC-CP1"]})

    assert status == 200, answer
    assert partner.terminals[terminal["terminal_id"]]["location_ids"] == ["LOC-CP1"]


async def test_an_invoice_reconciliation_record_with_reverse_billing(scene):
    """2.3.0 mod_invoice_reconciliation: POST, PUT and DELETE by the eMSP."""
    partner, _ = await registered(scene, "2.3.0", "invoice_reconciliation_module")

    record = await partner.issue_record("2026-04", ["CDR1"])
    await partner.issue_record("2026-05", ["CDR1", "CDR2"], record["id"])
    await partner.withdraw_record(record["id"])
