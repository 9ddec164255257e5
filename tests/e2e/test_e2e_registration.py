"""The credentials handshake both ways, rotation, and the end of it."""

import base64

import pytest

from simulators.partner import CallFailed


async def register_with(scene, partner):
    """We register with a platform that gave us its token A."""
    status, invited = await scene.ask("POST", "partners", {"name": "They"})
    assert status == 201
    body = {"versions_url": partner.versions_url, "token": partner.hand_out_token()}
    status, answer = await scene.ask("POST", f"partners/{invited['id']}/register", body)
    assert status == 200, answer
    return invited["id"]


async def test_they_register_with_us_and_receive(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await charger.charge(1, "TAG1", energy_wh=100)
    await partner.until(lambda: len(partner.cdrs) == 1)

    [shown] = await scene.get("partners")
    assert shown["state"] == "REGISTERED"
    assert shown["version"] == "2.2.1"


async def test_we_register_with_them_and_they_receive(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_stranger()
    partner.issue_token("TAG1")
    await register_with(scene, partner)
    await partner.push_token("TAG1")

    await charger.charge(1, "TAG1", energy_wh=100)
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert len(partner.sessions) == 1
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1") is not None)


async def test_a_token_a_serves_once(scene):
    partner = await scene.add_stranger()
    _, invitation = await scene.ask("POST", "partners", {"name": "They"})
    await partner.register(scene.gateway.addresses.ocpi, invitation["token"])

    with pytest.raises(CallFailed) as refused:
        await partner.register(scene.gateway.addresses.ocpi, invitation["token"])

    assert refused.value.http_status == 401


async def test_tokens_that_the_partner_had_before_are_pulled(scene, version):
    charger = await scene.add_charger("CP1", version)
    partner = await scene.add_stranger()
    for number in range(120):
        partner.issue_token(f"TAG{number}")
    await register_with(scene, partner)
    await charger.plug_in(1)

    async def accepted():
        return await charger.present_token("TAG119", 1) == "Accepted"

    await scene.until(accepted)


async def test_after_a_rotation_by_them_only_the_new_token_opens(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    old = partner.peers[0].token

    await partner.rotate()

    new = partner.peers[0].token
    assert old != new
    assert await status_of_get(scene, old) == 401
    assert await status_of_get(scene, new) == 200
    await charger.charge(1, "TAG1", energy_wh=100)
    await partner.until(lambda: len(partner.cdrs) == 1)


async def status_of_get(scene, token):
    encoded = base64.b64encode(token.encode()).decode()
    headers = {"Authorization": f"Token {encoded}"}
    async with scene.api.get(scene.gateway.addresses.ocpi, headers=headers) as answer:
        return answer.status


async def assert_nothing_opens_and_nothing_comes(scene, charger, partner):
    received = len(partner.requests)
    await charger.plug_in(1)
    # its tokens went with it
    assert await charger.present_token("TAG1", 1) == "Invalid"
    await charger.unplug(1)
    await scene.gateway.close()
    await scene.gateway.start()

    assert len(partner.requests) == received


async def test_after_unregistration_by_them_nothing_opens_and_nothing_comes(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")
    token = partner.peers[0].token

    await partner.unregister()
    assert await status_of_get(scene, token) == 401
    await assert_nothing_opens_and_nothing_comes(scene, charger, partner)


async def test_after_unregistration_by_the_operator_nothing_opens_and_nothing_comes(
    scene, version, fast
):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.until(lambda: partner.evse("LOC-CP1", "CP1-1")["status"] == "AVAILABLE")
    token = partner.peers[0].token
    [shown] = await scene.get("partners")

    status, _ = await scene.ask("DELETE", f"partners/{shown['id']}")
    assert status == 204
    assert not partner.registered
    assert await status_of_get(scene, token) == 401
    await assert_nothing_opens_and_nothing_comes(scene, charger, partner)


async def test_a_session_that_ends_after_unregistration_is_billed_to_nobody_outside(
    scene, version, fast
):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    transaction = await charger.until_transaction(1)
    await partner.until(lambda: len(partner.sessions) == 1)

    await partner.unregister()
    received = len(partner.requests)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    assert len(await scene.until_cdrs(1)) == 1
    await scene.gateway.close()
    await scene.gateway.start()

    assert len(partner.requests) == received


async def test_a_partner_that_registers_anew_gets_what_there_is(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.unregister()
    _, invitation = await scene.ask("POST", "partners", {"name": "Again"})

    await partner.register(scene.gateway.addresses.ocpi, invitation["token"])
    await partner.push_token("TAG1")
    await charger.charge(1, "TAG1", energy_wh=100)
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert len(partner.sessions) == 1


async def test_a_registration_that_fails_says_where_and_can_be_tried_again(scene):
    partner = await scene.add_stranger()
    _, invited = await scene.ask("POST", "partners", {"name": "They"})
    path = f"partners/{invited['id']}/register"

    wrong = {"versions_url": partner.versions_url, "token": "not-theirs"}
    status, answer = await scene.ask("POST", path, wrong)
    assert status == 502, answer
    right = {"versions_url": partner.versions_url, "token": partner.hand_out_token()}
    status, answer = await scene.ask("POST", path, right)

    assert status == 200, answer
    assert partner.registered
