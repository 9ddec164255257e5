"""The server as the simulated eMSP sees it: an independent reading of 2.2.1, and a strict one."""

import pytest

from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from simulators.partner import SimulatedPartner

ABC = Party("NL", "ABC")


@pytest.fixture
async def emsp():
    async with SimulatedPartner(country_code="DE", party_id="EMS") as simulated:
        yield simulated


@pytest.fixture
async def peer(gateway, emsp, location, tariff):
    """The simulated eMSP, registered with us by the real handshake."""
    await gateway.locations.put(ABC, location())
    await gateway.tariffs.put(ABC, tariff())
    emsp.issue_token("T1")
    _, token_a = await gateway.directory.invite("simulated")
    return await emsp.register(gateway.platform.versions_url, token_a)


async def test_it_registers_and_pulls_everything(gateway, emsp, peer, eventually):
    """Handshake and paging, by somebody else's reading of the text."""
    for module, count in (("locations", 1), ("tariffs", 1), ("cdrs", 0), ("sessions", 0)):
        pulled = await emsp.pull(module, limit=1)
        assert pulled["findings"] == [], module
        assert (pulled["accepted"], pulled["complete"]) == (count, True)

    async def pulled_from_it():
        return await gateway.store.tokens.count() == 1

    await eventually(pulled_from_it)
    assert emsp.violations == []


async def test_it_pushes_and_patches_tokens(gateway, emsp, peer):
    """mod_tokens, receiver interface."""
    emsp.issue_token("T2")
    await emsp.push_token("T2")
    await emsp.patch_token("T2", valid=False)

    [known] = await gateway.store.tokens.find("t2")

    assert known.document["valid"] is False
    assert emsp.violations == []


async def test_its_commands_are_answered(gateway, emsp, peer):
    """mod_commands, receiver interface."""
    command = await emsp.start_session("LOC1", "3256", "T1", wait=0)

    assert command.response["result"] == "ACCEPTED"
    assert gateway.commands.started[0][0].party == ABC
    assert emsp.violations == []


async def test_it_rotates_and_unregisters(gateway, emsp, peer):
    """credentials PUT and DELETE."""
    await emsp.rotate()
    assert (await emsp.pull("locations"))["complete"]

    await emsp.unregister()

    assert [one.state for one in gateway.directory.all()] == [PartnerState.UNREGISTERED]
    assert emsp.violations == []


async def test_we_register_rotate_and_unregister_with_it(gateway, emsp):
    """The handshake the other way round."""
    token_a = emsp.hand_out_token()

    registered = await gateway.registration.register(None, emsp.versions_url, token_a, "eMSP")
    rotated = await gateway.registration.update(registered.id)
    assert rotated.outbound_token != registered.outbound_token
    assert emsp.registered
    assert (await emsp.pull("locations"))["complete"]
    await gateway.registration.unregister(registered.id)

    assert not emsp.registered
    assert emsp.violations == []
