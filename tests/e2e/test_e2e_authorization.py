"""Who may charge: the whitelist types of mod_tokens 12.4.5, asked and not asked."""

import asyncio

import pytest

from simulators.partner import Authorization


def asked(partner):
    return [event for event in partner.events if event["event"] == "authorization"]


async def test_a_token_that_must_be_asked_for_is_asked_for_with_the_place(scene, version):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist="NEVER")

    await charger.plug_in(1)
    status = await charger.present_token("TAG1", 1)

    assert status == "Accepted"
    places = [event["location"] for event in asked(partner)]
    assert {place["location_id"] for place in places} == {"LOC-CP1"}


async def test_a_start_names_the_evse_it_asks_for(scene, version):
    """A start without an Authorize before it knows where the car stands."""
    charger = await scene.add_charger("CP1", version, connectors=2)
    partner = await scene.add_partner(whitelist="NEVER")

    await charger.plug_in(2)
    charger.start_transaction(2, "TAG1")
    transaction = await charger.until_transaction(2)

    assert transaction.token_status == "Accepted"
    [event] = asked(partner)
    assert event["location"] == {"location_id": "LOC-CP1", "evse_uids": ["CP1-2"]}


async def test_one_visit_asks_the_owner_once(scene, version):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist="NEVER")

    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await charger.until_transaction(1)

    assert len(asked(partner)) == 1


@pytest.mark.parametrize(
    ("whitelist", "allowed"),
    [
        ("NEVER", "BLOCKED"),
        ("NEVER", "EXPIRED"),
        ("NEVER", "NO_CREDIT"),
        ("NEVER", "NOT_ALLOWED"),
        ("ALLOWED_OFFLINE", "BLOCKED"),
    ],
)
async def test_whom_the_owner_refuses_does_not_charge(scene, version, whitelist, allowed):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist=whitelist)
    partner.set_authorization(Authorization(allowed, None))

    await charger.plug_in(1)
    status = await charger.present_token("TAG1", 1)

    assert status != "Accepted"
    assert charger.ledger.running() == []
    assert partner.sessions == []


async def test_the_owners_reference_is_in_session_and_cdr(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner(whitelist="NEVER")
    partner.set_authorization(Authorization("ALLOWED", "owner-ref-1"))

    await charger.charge(1, "TAG1", energy_wh=500)
    await partner.until(lambda: len(partner.cdrs) == 1)

    for billed in (partner.sessions[0], partner.cdrs[0]):
        assert billed["authorization_reference"] == "owner-ref-1"
        assert billed["auth_method"] == "AUTH_REQUEST"


@pytest.mark.parametrize(
    ("whitelist", "decision"),
    [("ALLOWED_OFFLINE", "Accepted"), ("NEVER", "Invalid"), ("ALLOWED", "Accepted")],
)
async def test_an_owner_that_is_down_is_judged_by_the_whitelist_type(
    scene, version, whitelist, decision
):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist=whitelist)
    await partner.refuse_connections()

    await charger.plug_in(1)
    status = await charger.present_token("TAG1", 1)

    assert (status == "Accepted") is (decision == "Accepted")
    assert bool(charger.ledger.running()) is (decision == "Accepted")


@pytest.mark.parametrize("whitelist", ["ALWAYS", "ALLOWED"])
async def test_a_token_that_may_be_decided_here_asks_nobody(scene, version, whitelist):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist=whitelist)

    await charger.plug_in(1)

    assert await charger.present_token("TAG1", 1) == "Accepted"
    assert asked(partner) == []


async def test_a_token_that_its_owner_withdrew_does_not_charge(scene, version):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner(whitelist="ALWAYS")
    await partner.patch_token("TAG1", valid=False)

    await charger.plug_in(1)

    assert await charger.present_token("TAG1", 1) == "Blocked"


async def test_an_unknown_token_does_not_charge(scene, version):
    charger = await scene.add_charger("CP1", version)
    await scene.add_partner()

    await charger.plug_in(1)

    assert await charger.present_token("NOBODY", 1) == "Invalid"


@pytest.mark.parametrize("uid", ["tag1", "Tag1"])
async def test_case_of_a_uid_does_not_matter(scene, version, uid):
    """uid is a CiString."""
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_partner()

    await charger.plug_in(1)

    assert await charger.present_token(uid, 1) == "Accepted"
    await partner.until(lambda: len(partner.sessions) == 1)
    assert partner.sessions[0]["cdr_token"]["uid"] == "TAG1"


async def test_the_operators_own_token_charges_and_concerns_no_partner(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await scene.put("tokens/RFID/STAFF", {"status": "Accepted"})

    transaction = await charger.charge(1, "STAFF", energy_wh=500)
    await charger.until_acknowledged(transaction)

    assert transaction.token_status in ("Accepted", None)
    assert [one["cdr_token"]["uid"] for one in await scene.until_cdrs()] == ["STAFF"]
    assert partner.sessions == partner.cdrs == []


async def test_a_slow_owner_does_not_hold_up_another_charger(scene):
    slow_charger = await scene.add_charger("CP1", "1.6")
    other = await scene.add_charger("CP2", "2.0.1")
    partner = await scene.add_partner(whitelist="ALLOWED_OFFLINE")
    healthy = await scene.add_partner("OTH", tokens=("TAG2",), whitelist="NEVER")
    partner.set_authorization(Authorization("ALLOWED", delay=600.0))
    await slow_charger.plug_in(1)
    await other.plug_in(1)

    waiting = asyncio.create_task(slow_charger.present_token("TAG1", 1))
    assert await other.present_token("TAG2", 1) == "Accepted"
    assert not waiting.done()
    # in the end the pushed token decides
    assert await waiting == "Accepted"
    assert len(asked(healthy)) == 1
