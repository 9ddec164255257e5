"""The partner directory: fresh on every node."""

from dataclasses import replace

import pytest

from gateway.domain.partners import Endpoint, PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import PartnerDirectory, token_hash
from gateway.store import Store

ABC = Party("NL", "ABC")


@pytest.fixture
async def other_node(gateway, redis_url):
    store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    directory = PartnerDirectory(store, gateway.now, reread_seconds=60)
    await directory.load()
    yield directory
    await directory.close()
    await store.close()


async def test_what_one_node_saves_the_others_see(gateway, other_node, eventually):
    """By the bus, long before the next re-read."""
    partner, token = await gateway.directory.invite("p")

    await eventually(lambda: other_node.by_token(token) is not None)
    assert other_node.get(partner.id) == partner


async def test_a_revoked_token_dies_on_every_node(gateway, other_node, eventually):
    """S9."""
    partner, token = await gateway.directory.invite("p")
    await eventually(lambda: other_node.by_token(token) is not None)

    await gateway.directory.save(
        replace(partner, state=PartnerState.UNREGISTERED, inbound_token_hash=None)
    )

    assert gateway.directory.by_token(token) is None
    await eventually(lambda: other_node.by_token(token) is None)


async def test_a_token_on_its_way_counts_on_every_node(gateway, other_node, eventually):
    """PUT credentials of ours: the partner may reach another node with the new token."""
    partner, token = await gateway.directory.invite("p")
    offered = token_hash("the-next-one")

    await gateway.directory.change(partner.id, lambda one: replace(one, offered_token_hash=offered))

    await eventually(lambda: other_node.by_token("the-next-one") is not None)
    assert other_node.by_token(token) == other_node.by_token("the-next-one")


async def test_resuming_a_partner_does_not_revive_the_token_that_it_renewed(gateway):
    """S9: a node that has not heard of the renewal yet resumes from what it remembers."""
    invited, token = await gateway.directory.invite("p")
    remembered = replace(invited, state=PartnerState.SUSPENDED)
    await gateway.directory.save(replace(remembered, inbound_token_hash=token_hash("renewed")))

    await gateway.directory.resume(remembered)

    assert gateway.directory.by_token(token) is None
    assert gateway.directory.by_token("renewed").state is PartnerState.REGISTERED


async def test_tokens_are_stored_as_hashes_and_sealed(gateway):
    """S9: inbound as hashes, outbound encrypted."""
    partner, token = await gateway.directory.invite("p")
    await gateway.directory.save(replace(partner, outbound_token="canary-out"))

    redis = gateway.store.redis
    for key in await redis.keys("*"):
        dumped = await redis.dump(key)
        assert token.encode() not in dumped
        assert b"canary-out" not in dumped


async def test_receivers_are_whoever_has_the_endpoint(gateway):
    """A suspended partner is owed what it misses; an invited one is not there yet."""
    invited, _ = await gateway.directory.invite("invited")
    registered, _ = await gateway.directory.invite("registered")
    endpoints = (Endpoint("sessions", "RECEIVER", "https://x.example/s"),)
    await gateway.directory.save(replace(invited, endpoints=endpoints))
    await gateway.directory.save(
        replace(registered, endpoints=endpoints, state=PartnerState.REGISTERED)
    )

    assert [one.name for one in gateway.directory.receivers("sessions", ABC)] == ["registered"]
    assert gateway.directory.receivers("tariffs", ABC) == []
    await gateway.directory.save(
        replace(registered, endpoints=endpoints, state=PartnerState.SUSPENDED)
    )
    assert [one.name for one in gateway.directory.receivers("sessions", ABC)] == ["registered"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 101, "a\nb"])
async def test_a_partner_needs_a_name(gateway, name):
    """It is shown to operators."""
    with pytest.raises(ValueError, match="name"):
        await gateway.directory.invite(name)
