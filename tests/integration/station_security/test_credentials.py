"""New passwords and security profiles over OCPP: what is accepted when."""

import asyncio
import json

import pytest

OLD = "a-password-of-20-byt"
NEW = "another-password-123"
PROTOCOLS = ["ocpp1.6", "ocpp2.0.1"]
ACTION = {"ocpp1.6": "ChangeConfiguration", "ocpp2.0.1": "SetVariables"}


def answer(protocol, status):
    """A station's answer to its new password."""
    if protocol == "ocpp1.6":
        return {"status": status}
    result = {
        "attributeStatus": status,
        "component": {"name": "SecurityCtrlr"},
        "variable": {"name": "BasicAuthPassword"},
    }
    return {"setVariableResult": [result]}


def raw_call(protocol, password):
    """The same as the operator may send it by hand."""
    if protocol == "ocpp1.6":
        payload = {"key": "AuthorizationKey", "value": password.encode().hex()}
    else:
        variable = {
            "component": {"name": "SecurityCtrlr"},
            "variable": {"name": "BasicAuthPassword"},
            "attributeValue": password,
        }
        payload = {"setVariableData": [variable]}
    return {"action": ACTION[protocol], "payload": payload, "timeout": 2}


async def valid(site):
    """Which of the two gets in; the old one first would settle what is open, so it goes last."""
    return [await site.gets_in("CP", password=one) for one in (NEW, OLD)]


async def connected(site, protocol):
    await site.register("CP", 1, password=OLD)
    charger = await site.connect("CP", password=OLD, protocol=protocol)
    await charger.boot()
    return charger


async def set_password(site, body=None):
    return await site.ask("POST", "api/v1/charge-points/CP/password", body or {"password": NEW})


# --- passwords ---


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_after_accepted_only_the_new_password_is_valid(start_gateway, protocol):
    """security-and-faults row 6: A01.FR.03; TC_A_09_CSMS, OCPP 1.6 WP A01."""
    site = await start_gateway()
    charger = await connected(site, protocol)
    charger.answers[ACTION[protocol]] = answer(protocol, "Accepted")
    status, shown = await set_password(site)
    assert (status, shown["outcome"], shown["password"]) == (200, "ACCEPTED", NEW)
    assert await valid(site) == [True, False]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_after_a_refusal_only_the_old_password_is_valid(start_gateway, protocol):
    """security-and-faults row 6: A01.FR.04; TC_A_10_CSMS."""
    site = await start_gateway()
    for status in ("Rejected", "NotSupported", "UnknownVariable"):
        charger = await connected(site, protocol)
        charger.answers[ACTION[protocol]] = answer(protocol, status)
        _, shown = await set_password(site)
        assert "password" not in shown
        assert (await charger.call("Heartbeat", {}))[0] == 3
        assert await valid(site) == [False, True]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_password_that_waits_for_a_reboot_leaves_the_old_one_until_it_is_used(
    start_gateway, protocol
):
    """security-and-faults row 6: 2.0.1, any answer but Accepted."""
    site = await start_gateway()
    charger = await connected(site, protocol)
    charger.answers[ACTION[protocol]] = answer(protocol, "RebootRequired")
    await set_password(site)
    assert await site.gets_in("CP", password=OLD)
    assert await site.gets_in("CP", password=OLD)
    assert await valid(site) == [True, False]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("used", [NEW, OLD])
async def test_without_an_answer_both_are_valid_until_one_is_used(start_gateway, protocol, used):
    """security-and-faults row 6: "keep both pending; the first success settles it"."""
    site = await start_gateway()
    charger = await connected(site, protocol)
    sent = asyncio.create_task(
        site.ask("POST", "api/v1/charge-points/CP/calls", raw_call(protocol, NEW))
    )
    await site.until(lambda: charger.asked)
    assert (await site.show("CP"))["password_pending"]
    await charger.close()
    assert (await sent)[0] == 504
    assert await site.gets_in("CP", password=used)
    assert await valid(site) == [used == NEW, used == OLD]
    assert not (await site.show("CP"))["password_pending"]


@pytest.mark.parametrize("used", [NEW, OLD])
async def test_a_restart_between_sending_and_the_answer_leaves_both_valid(
    start_gateway, redis_url, used
):
    """security-and-faults row 6: "crash between sending and the conf", and on another node."""
    site = await start_gateway(node_id="node-a")
    other = await start_gateway(node_id="node-b")
    charger = await connected(site, "ocpp1.6")
    body = raw_call("ocpp1.6", NEW)
    sent = asyncio.create_task(other.ask("POST", "api/v1/charge-points/CP/calls", body))
    await site.until(lambda: charger.asked)
    await site.gateway.close()
    await sent
    assert await other.gets_in("CP", password=used)
    assert await valid(other) == [used == NEW, used == OLD]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_raw_call_of_the_operator_changes_the_registry_as_well(start_gateway, protocol):
    """security-and-faults row 6."""
    site = await start_gateway()
    for status, result in (("Rejected", [False, True]), ("Accepted", [True, False])):
        charger = await connected(site, protocol)
        charger.answers[ACTION[protocol]] = answer(protocol, status)
        body = raw_call(protocol, NEW)
        assert (await site.ask("POST", "api/v1/charge-points/CP/calls", body))[0] == 200
        assert await valid(site) == result


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_call_that_breaks_its_schema_changes_nothing(start_gateway, protocol):
    site = await start_gateway()
    await connected(site, protocol)
    body = raw_call(protocol, NEW)
    body["payload"]["extra"] = [1]
    status, _ = await site.ask("POST", "api/v1/charge-points/CP/calls", body)
    assert status == 422
    assert await valid(site) == [False, True]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_password_is_made_at_random_and_fits_the_version(start_gateway, protocol):
    """security-and-faults rows 5, 7: A01.FR.07; 1.6: hexadecimal, 20 bytes."""
    site = await start_gateway()
    charger = await connected(site, protocol)
    charger.answers[ACTION[protocol]] = answer(protocol, "Accepted")
    made = []
    for _ in range(2):
        status, shown = await site.ask("POST", "api/v1/charge-points/CP/password", {})
        assert status == 200
        made.append(shown["password"])
    assert len(set(made)) == 2
    assert {len(bytes.fromhex(one)) for one in made} == {20}
    assert made[0] in json.dumps(charger.asked[0])
    assert await site.gets_in("CP", password=bytes.fromhex(made[1]))


async def test_a_text_goes_to_a_1_6_station_in_hexadecimal(start_gateway):
    """security-and-faults row 5: 1.6 A00.FR.205."""
    site = await start_gateway()
    charger = await connected(site, "ocpp1.6")
    charger.answers["ChangeConfiguration"] = {"status": "Accepted"}
    await set_password(site)
    assert charger.asked == [
        ("ChangeConfiguration", {"key": "AuthorizationKey", "value": NEW.encode().hex()})
    ]
    assert await site.gets_in("CP", password=NEW)


async def test_a_password_of_a_wrong_length_is_not_sent(start_gateway):
    """security-and-faults row 5."""
    site = await start_gateway()
    charger = await connected(site, "ocpp2.0.1")
    for password in ("x" * 15, "x" * 41, ""):
        assert (await set_password(site, {"password": password}))[0] == 422
    assert charger.asked == []


async def test_a_station_that_is_away_gets_no_password(start_gateway):
    site = await start_gateway()
    await site.register("CP", 1, password=OLD)
    assert (await set_password(site))[0] == 409
    assert (await site.ask("POST", "api/v1/charge-points/NONE/password", {}))[0] == 404
    assert await valid(site) == [False, True]


async def test_the_operators_own_password_ends_what_was_open(start_gateway):
    site = await start_gateway()
    charger = await connected(site, "ocpp1.6")
    sent = asyncio.create_task(
        site.ask("POST", "api/v1/charge-points/CP/calls", raw_call("ocpp1.6", NEW))
    )
    await site.until(lambda: charger.asked)
    await charger.close()
    await sent
    await site.register("CP", 1, password="the-operators-own-1")
    assert await valid(site) == [False, False]
    assert await site.gets_in("CP", password="the-operators-own-1")


# --- security profiles ---


async def raise_profile(site, body):
    return await site.ask("POST", "api/v1/charge-points/CP/security-profile", body)


async def test_an_upgraded_station_never_gets_in_with_less_again(start_gateway, pki):
    """security-and-faults row 3, OCPP 1.6 WP A05: A05.FR.09, over a restart, on another node."""
    first = await start_gateway(tls=True, node_id="node-a")
    second = await start_gateway(tls=True, node_id="node-b")
    charger = await connected(first, "ocpp1.6")
    charger.answers["ChangeConfiguration"] = {"status": "Accepted"}
    status, shown = await raise_profile(second, {"profile": 2})
    assert (status, shown["outcome"]) == (200, "ACCEPTED")
    assert charger.asked == [("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"})]
    lower, higher = {"password": OLD}, {"password": OLD, "tls": pki.tls()}
    assert await first.gets_in("CP", **lower)  # it may fall back before (A05.FR.08)
    assert await first.gets_in("CP", **higher)
    assert not await first.gets_in("CP", **lower)
    assert not await second.gets_in("CP", **lower)
    await first.gateway.close()
    third = await start_gateway(tls=True, node_id="node-a")
    assert not await third.gets_in("CP", **lower)
    assert await third.gets_in("CP", **higher)


async def test_a_refused_upgrade_leaves_the_profile_as_it_was(start_gateway, pki):
    site = await start_gateway(tls=True)
    charger = await connected(site, "ocpp1.6")
    charger.answers["ChangeConfiguration"] = {"status": "Rejected"}
    await raise_profile(site, {"profile": 2})
    assert not await site.gets_in("CP", password=OLD, tls=pki.tls())
    assert await site.gets_in("CP", password=OLD)


async def test_a_2_0_1_station_is_given_a_network_profile_and_told_to_prefer_it(start_gateway, pki):
    """security-and-faults row 3; TC_A_19_CSMS."""
    site = await start_gateway(tls=True)
    charger = await connected(site, "ocpp2.0.1")
    priority = {
        "component": {"name": "OCPPCommCtrlr"},
        "variable": {"name": "NetworkConfigurationPriority"},
        "attributeStatus": "Accepted",
    }
    charger.answers["SetNetworkProfile"] = {"status": "Accepted"}
    charger.answers["GetVariables"] = {"getVariableResult": [priority | {"attributeValue": "0,1"}]}
    charger.answers["SetVariables"] = {"setVariableResult": [priority]}
    assert (await raise_profile(site, {"profile": 2}))[0] == 422
    body = {"profile": 2, "csms_url": "wss://csms.example/ocpp", "configuration_slot": 1}
    status, shown = await raise_profile(site, body)
    assert (status, shown["outcome"]) == (200, "ACCEPTED")
    sent = dict(charger.asked)
    assert sent["SetNetworkProfile"]["connectionData"]["securityProfile"] == 2
    assert sent["SetVariables"]["setVariableData"][0]["attributeValue"] == "1,0"
    assert await site.gets_in("CP", password=OLD, tls=pki.tls())
    assert not await site.gets_in("CP", password=OLD)


@pytest.mark.parametrize("profile", [1, 2])
async def test_no_profile_is_lowered_over_ocpp(start_gateway, pki, profile):
    """security-and-faults row 3: A00.FR.005; from 3 to 2 only where the operator allows it."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, password=OLD)
    tls = pki.tls(pki.ours.issue("CP"))
    charger = await site.connect("CP", tls=tls)
    await charger.boot()
    charger.answers["ChangeConfiguration"] = {"status": "Accepted"}
    assert (await raise_profile(site, {"profile": profile}))[0] == 422
    payload = {"key": "SecurityProfile", "value": str(profile)}
    body = {"action": "ChangeConfiguration", "payload": payload}
    await site.ask("POST", "api/v1/charge-points/CP/calls", body)
    assert not await site.gets_in("CP", password=OLD)
    assert not await site.gets_in("CP", password=OLD, tls=pki.tls())
    assert await site.gets_in("CP", tls=tls)


async def test_a_flagged_station_falls_back_from_3_to_2_and_no_further(start_gateway, pki):
    """security-and-faults row 3: 2.1's AllowSecurityProfileDowngrade."""
    site = await start_gateway(tls=True)
    await site.register("CP", 3, password=OLD, allow_security_profile_downgrade=True)
    assert await site.gets_in("CP", password=OLD, tls=pki.tls())
    assert await site.gets_in("CP", tls=pki.tls(pki.ours.issue("CP")))
    assert not await site.gets_in("CP", password=OLD)
    assert not await site.gets_in("CP")


async def test_the_operator_has_to_mean_it_to_lower_an_upgraded_profile(start_gateway, pki):
    """security-and-faults row 3: "another method, not via OCPP" (A00.FR.005)."""
    site = await start_gateway(tls=True)
    charger = await connected(site, "ocpp1.6")
    charger.answers["ChangeConfiguration"] = {"status": "Accepted"}
    await raise_profile(site, {"profile": 2})
    assert await site.gets_in("CP", password=OLD, tls=pki.tls())
    body = {"security_profile": 1}
    assert (await site.ask("PUT", "api/v1/charge-points/CP", body))[0] == 422
    assert not await site.gets_in("CP", password=OLD)
    await site.register("CP", 1, lower_security_profile=True)
    assert await site.gets_in("CP", password=OLD)


# --- secrets ---


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_a_new_password_shows_nowhere_but_in_the_answer(
    start_gateway, protocol, store, capfd
):
    """security-and-faults row 7: logs, store, metrics, messages, error pages."""
    site = await start_gateway()
    charger = await connected(site, protocol)
    charger.answers[ACTION[protocol]] = answer(protocol, "Accepted")
    for canary in ("canary-password-0001", "canary-password-0002"):
        assert (await set_password(site, {"password": canary}))[0] == 200
    charger.answers[ACTION[protocol]] = {"nonsense": 1}
    canary = "canary-password-0003"
    await site.ask("POST", "api/v1/charge-points/CP/calls", raw_call(protocol, canary))
    await set_password(site, {"password": "canary-short"})
    assert not await site.gets_in("CP", password="canary-wrong-password")
    _, messages = await site.ask("GET", "api/v1/charge-points/CP/messages")
    shown = [await site.show("CP"), messages, (await site.ask("GET", "metrics"))[1]]
    stored = []
    for key in await store.redis.keys("*"):
        stored.append((key, await store.redis.dump(key)))
    everything = "".join([json.dumps(shown), repr(stored), *capfd.readouterr()])
    assert "credentials sent" in everything
    assert ACTION[protocol] in everything
    assert "canary" not in everything
    assert b"canary".hex() not in everything
