"""Secrets stay where they belong: not in logs, not in metrics, not readable in the store."""

import json

import pytest


async def everything_readable(scene):
    """Logs, metrics, every key and value of the store, all that the operator API shows."""
    async with scene.api.get(scene.gateway.addresses.operator + "metrics") as answer:
        metrics = await answer.text()
    shown = [
        await scene.get(path)
        for path in ("charge-points", "partners", "charge-points/CP1/messages", "transactions")
    ]
    return {
        "log": scene.gateway.log.read_text(),
        "metrics": metrics,
        "store": repr(await scene.dump()),
        "operator API": json.dumps(shown, default=str),
    }


@pytest.mark.parametrize("version", ["1.6", "2.0.1"])
async def test_no_secret_shows_anywhere(start_scene, version, fast):
    """security-and-faults 7; passwords and inbound tokens hashed, outbound ones sealed. S9."""
    scene = await start_scene(process=True, log_level="DEBUG")
    await scene.register_charger("CP1")
    password = "canary-password-7351"
    await scene.put("charge-points/CP1", {"security_profile": 1, "password": password})
    charger = await scene.add_charger("CP1", version, password=password, register=False, clock=fast)
    partner = await scene.add_partner()
    theirs = await scene.add_stranger("OTH")
    token_a = theirs.hand_out_token()
    _, invited = await scene.ask("POST", "partners", {"name": "They"})
    body = {"versions_url": theirs.versions_url, "token": token_a}
    status, _ = await scene.ask("POST", f"partners/{invited['id']}/register", body)
    assert status == 200
    # what goes wrong must not tell either
    await scene.ask("PUT", "charge-points/CP2", {"security_profile": 1, "password": "canary-shrt"})
    await charger.charge(1, "TAG1", energy_wh=100)
    await partner.until(lambda: len(partner.cdrs) == 1)
    await partner.rotate()
    # last, for the station takes the new password at its word and comes back with it
    await scene.ask("POST", "charge-points/CP1/calls", _new_password(version))

    secrets = [
        password,
        token_a,
        "canary-new-password-1",
        "canary-shrt",
        scene.gateway.operator_token,
        *(one for peer in (*partner.peers, *theirs.peers) for one in (peer.token, peer.own_token)),
    ]
    for where, text in (await everything_readable(scene)).items():
        found = [secret for secret in secrets if secret in text]
        assert found == [], where


def _new_password(version):
    """The operator gives the station another password."""
    if version == "1.6":
        payload = {"key": "AuthorizationKey", "value": "canary-new-password-1"}
        return {"action": "ChangeConfiguration", "payload": payload}
    variable = {
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
        "attributeValue": "canary-new-password-1",
    }
    return {"action": "SetVariables", "payload": {"setVariableData": [variable]}}


async def test_a_wrong_password_is_not_logged(start_scene, credentials):
    scene = await start_scene(process=True, log_level="DEBUG")
    await scene.register_charger("CP1")
    url = scene.gateway.addresses.ocpp.replace("ws://", "http://") + "CP1"
    headers = credentials("CP1", "canary-wrong-password") | {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }
    async with scene.api.get(url, headers=headers) as answer:
        assert answer.status == 401
    guess = {"Authorization": "Bearer canary-guess"}
    async with scene.api.get(
        scene.gateway.addresses.operator + "api/v1/partners", headers=guess
    ) as answer:
        assert answer.status == 401

    log = scene.gateway.log.read_text()
    assert "CP1" in log
    assert "canary" not in log
