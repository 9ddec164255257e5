"""A hub, and the parties behind it, through the whole gateway."""

import pytest

from simulators.partner import SimulatedPartner

ONE, TWO = ("DE", "ONE"), ("FR", "TWO")


@pytest.fixture(params=["2.2.1", "2.3.0"])
async def hub(request, scene):
    """A hub that registered with us by the real handshake, two eMSPs behind it, their tokens."""
    hub = SimulatedPartner(
        country_code="DE", party_id="HUB", name="A hub", version=request.param, behind=[ONE, TWO]
    )
    await hub.start()
    scene.partners.append(hub)
    _, invitation = await scene.ask("POST", "partners", {"name": "A hub"})
    await hub.register(scene.gateway.addresses.ocpi, invitation["token"])
    hub.id_here = invitation["id"]
    for (country_code, party_id), uid in ((ONE, "TAG1"), (TWO, "TAG2")):
        hub.issue_token(uid, country_code=country_code, party_id=party_id)
        await hub.push_token(uid)
    return hub


async def clients(scene, hub):
    found = await scene.get(f"partners/{hub.id_here}/clients")
    return {one["party_id"]: (one["status"], one["waiting"]) for one in found}


def to_whom(hub, method, part):
    """The parties that our requests to the hub were addressed to."""
    return {
        one["to"][-3:] for one in hub.requests if one["method"] == method and part in one["path"]
    }


async def test_a_party_behind_a_hub_is_served_through_it(scene, hub, fast):
    """ocpi-rules 25 (4.2): the token's owner for sessions and CDRs, the hub for locations."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)

    await charger.charge(1, "TAG1", energy_wh=1000)
    await charger.charge(1, "TAG2", energy_wh=1000)
    await hub.until(lambda: len(hub.cdrs) == 2)
    await hub.until(lambda: hub.evse("LOC-CP1", "CP1-1") is not None)

    [shown] = await scene.get("partners")
    assert (shown["hub_party"], shown["state"]) == ("DE*HUB", "REGISTERED")
    assert to_whom(hub, "POST", "/cdrs") == {"ONE", "TWO"}
    assert to_whom(hub, "PUT", "/sessions") == {"ONE", "TWO"}
    assert to_whom(hub, "PUT", "/locations") == {"HUB"}


async def test_a_party_that_is_offline_gets_its_sessions_when_it_is_back(scene, hub, fast):
    """ocpi-rules 15 (mod_hub_client_info 14.1.2): not queued; then the state of that moment."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    await hub.set_status(*ONE, "OFFLINE")

    await charger.charge(1, "TAG1", energy_wh=1000)
    await charger.charge(1, "TAG2", energy_wh=1000)
    await hub.until(lambda: len(hub.cdrs) == 1)

    async def waiting():
        return (await clients(scene, hub)).get("ONE") == ("OFFLINE", 2)

    await scene.until(waiting)
    assert to_whom(hub, "POST", "/cdrs") == {"TWO"}
    assert "ONE" not in to_whom(hub, "PUT", "/sessions")

    await hub.set_status(*ONE, "CONNECTED")
    await hub.until(lambda: len(hub.cdrs) == 2)

    assert (await clients(scene, hub))["ONE"] == ("CONNECTED", 0)
    assert to_whom(hub, "POST", "/cdrs") == {"ONE", "TWO"}


async def test_the_hubs_list_is_known_after_the_registration(scene, hub):
    """ocpi-rules 15 (pull model)."""

    async def known():
        return (await clients(scene, hub)).keys() >= {"ONE", "TWO"}

    await scene.until(known)
