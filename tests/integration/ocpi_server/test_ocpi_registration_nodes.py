"""Registrations that several nodes see to, that are cut short, and whose answers get lost."""

import asyncio
from dataclasses import replace

import aiohttp
import pytest
from aiohttp import web

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.introduction import introduce
from gateway.services.roaming.partners import RegistrationFailed, token_hash
from gateway.store import Store

ABC = Party("NL", "ABC")


@pytest.fixture
async def peer(new_peer):
    return await new_peer(versions=("2.2.1",), accepts={"a"})


@pytest.fixture
async def node_2(gateway, redis_url, stack):
    """Another node of the same gateway; it hears of changes by the bus alone."""
    store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    stack.push_async_callback(store.close)
    http = await stack.enter_async_context(aiohttp.ClientSession())
    other = type(gateway)(store, http, reread_seconds=60)
    await other.start(stack)
    return other


async def registered(gateway, peer):
    return await gateway.registration.register(None, peer.versions_url, "a", "p")


def our_token(peer):
    return peer.given[-1][2]["token"]


async def asked(gateway, token, path="/2.2.1/tariffs"):
    return (await gateway.ask("GET", path, token)).status


# --- several nodes -----------------------------------------------------------------------------


async def test_a_new_token_counts_at_once_on_every_node(gateway, node_2, peer):
    """credentials 7.1.1: the partner calls with it as soon as it has our answer."""
    for name in ("a", "b", "c", "d"):
        invited, token_a = await gateway.directory.invite("p")
        peer.accepts, peer.party = {"b"}, Party("DE", f"EM{name}")
        body = peer.credentials("b", "2.2.1")

        answer = await node_2.ask("POST", "/2.2.1/credentials", token_a, body)

        assert answer.code == 1000, answer.body
        assert await asked(gateway, answer.data["token"]) == 200
        assert gateway.directory.get(invited.id).state is PartnerState.REGISTERED


async def test_what_they_push_to_another_node_before_their_answer_waits_as_well(
    gateway, node_2, peer
):
    """credentials 7.1.1: they use token B "for any requests" as soon as they have it."""
    pushed = []

    async def during(body):
        pushed.append(asyncio.create_task(asked(node_2, body["token"])))
        await asyncio.sleep(0.05)

    peer.on_credentials = during
    await registered(gateway, peer)

    assert await pushed[0] == 200


async def test_what_two_nodes_change_at_the_same_time_is_kept(gateway, node_2):
    """S9: an operator's word about quirks does not bring a token back that was just renewed."""
    partner, old = await gateway.directory.invite("p")
    for number in range(20):
        hashed = token_hash(f"token-{number}")
        await asyncio.gather(
            gateway.directory.change(
                partner.id, lambda one, new=hashed: replace(one, inbound_token_hash=new)
            ),
            node_2.directory.change(
                partner.id,
                lambda one, name=str(number): replace(one, quirks=one.quirks | {name}),
            ),
        )

    stored = await gateway.store.partners.get(partner.id)
    assert stored.inbound_token_hash == token_hash("token-19")
    assert len(stored.quirks) == 20
    assert await asked(gateway, old, "/versions") == 401


async def test_one_party_is_registered_once_though_two_nodes_are_asked(gateway, node_2, new_peer):
    """S10: two platforms that claim the same party at the same moment."""
    peers = [await new_peer(versions=("2.2.1",), accepts={"a"}) for _ in range(2)]

    ended = await asyncio.gather(
        *(registered(node, peer) for node, peer in zip((gateway, node_2), peers, strict=True)),
        return_exceptions=True,
    )

    assert sorted(isinstance(one, RegistrationFailed) for one in ended) == [False, True]
    stored = await gateway.store.partners.all()
    assert [one.state for one in stored] == [PartnerState.REGISTERED]


async def test_a_partner_that_is_removed_meanwhile_does_not_come_back(gateway, node_2, peer):
    """Neither by the answer that we were waiting for."""
    invited, _ = await gateway.directory.invite("p")

    async def during(_body):
        await node_2.directory.remove(invited.id)

    peer.on_credentials = during
    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(invited.id, peer.versions_url, "a", "p")

    assert await gateway.store.partners.all() == []


async def test_who_registers_twice_at_once_is_registered_and_stays_so(gateway, node_2, peer):
    """The second is told so; it does not undo the first."""
    invited, _ = await gateway.directory.invite("p")
    ended = await asyncio.gather(
        *(
            node.registration.register(invited.id, peer.versions_url, "a", "p")
            for node in (gateway, node_2)
        ),
        return_exceptions=True,
    )

    assert sum(isinstance(one, RegistrationFailed) for one in ended) == 1
    stored = await gateway.store.partners.get(invited.id)
    assert stored.state is PartnerState.REGISTERED
    assert await asked(gateway, our_token(peer)) == 200


# --- lost answers ------------------------------------------------------------------------------


async def lost(gateway, peer):
    """A PUT of ours that the partner takes, and whose answer does not come."""
    partner = await registered(gateway, peer)
    old = our_token(peer)

    async def cut(_body):
        raise web.HTTPBadGateway

    peer.on_credentials = cut
    with pytest.raises(RegistrationFailed):
        await gateway.registration.update(partner.id)
    return partner, old, our_token(peer)


async def test_after_a_put_without_an_answer_either_token_counts(gateway, peer):
    """S9: who knows whether the partner took it; until it uses the new one, so may the old."""
    partner, old, new = await lost(gateway, peer)
    gateway.registration.settle_seconds = 0.05

    assert await asked(gateway, old) == 200
    assert await asked(gateway, new, "/versions") == 200
    assert await asked(gateway, old) == 200
    assert await asked(gateway, new) == 200
    assert await asked(gateway, old) == 401
    stored = await gateway.store.partners.get(partner.id)
    assert (stored.inbound_token_hash, stored.offered_token_hash) == (token_hash(new), None)


async def test_after_a_restart_both_tokens_still_count(gateway, peer, node_2):
    """What was handed over is in the store, not in the memory of the node that did it."""
    _, old, new = await lost(gateway, peer)
    node_2.registration.settle_seconds = 0.05

    assert await asked(node_2, old) == 200
    assert await asked(node_2, new) == 200
    assert await asked(node_2, old) == 401


async def test_the_partner_may_put_its_credentials_with_the_new_token(gateway, peer):
    """A partner that noticed the lost answer renews; all earlier tokens are dead then."""
    _, old, new = await lost(gateway, peer)
    peer.on_credentials, peer.accepts = None, {"b-2"}

    body = peer.credentials("b-2", "2.2.1")
    put = await gateway.ask("PUT", "/2.2.1/credentials", new, body)

    assert put.code == 1000, put.body
    assert [await asked(gateway, token) for token in (old, new)] == [401, 401]
    assert await asked(gateway, put.data["token"]) == 200


async def test_a_token_that_the_partner_refused_is_worth_nothing(gateway, peer):
    """S9: HTTP 400 is an answer; the registration is as it was."""
    partner = await registered(gateway, peer)
    old = our_token(peer)

    async def refuse(_body):
        raise web.HTTPBadRequest

    peer.on_credentials = refuse
    with pytest.raises(RegistrationFailed):
        await gateway.registration.update(partner.id)

    assert await asked(gateway, our_token(peer), "/versions") == 401
    assert await asked(gateway, old) == 200
    assert gateway.directory.get(partner.id) == partner


async def test_a_suspended_partner_that_cannot_be_registered_anew_stays_as_it_was(gateway, peer):
    """Its own token still counts, also while we are asking it."""
    partner = await registered(gateway, peer)
    token, seen = our_token(peer), []
    await gateway.directory.suspend(partner, "HTTP 401")

    async def refuse(_body):
        seen.append(await asked(gateway, token))
        raise web.HTTPBadRequest

    peer.on_credentials, peer.accepts = refuse, {"a"}
    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(partner.id, peer.versions_url, "a", "p")

    stored = await gateway.store.partners.get(partner.id)
    assert (stored.state, stored.endpoints) == (PartnerState.SUSPENDED, partner.endpoints)
    assert [*seen, await asked(gateway, token)] == [200, 200]


# --- cut short ---------------------------------------------------------------------------------


async def test_what_a_dead_node_left_to_be_owed_is_in_the_record(gateway, peer, location):
    """kill -9 between the registration and owing everything (see gateway.delivery)."""
    await gateway.locations.put(ABC, location())
    held = await gateway.store.bus.lease("introduction:p", 60)
    invited, _ = await gateway.directory.invite("p")
    await gateway.directory.save(replace(invited, id="p"))
    await gateway.directory.remove(invited.id)

    partner = await gateway.registration.register("p", peer.versions_url, "a", "p")
    await held.release()

    owed = gateway.store.party(ABC).owed
    assert ABC in partner.to_introduce
    assert await owed.due("p", 10) == []


async def test_nothing_is_left_to_be_owed_after_a_registration(gateway, peer, location):
    """`to_introduce` is for what is left undone."""
    await gateway.locations.put(ABC, location())

    partner = await registered(gateway, peer)

    assert gateway.directory.get(partner.id).to_introduce == frozenset()
    owed = [ref for ref, _ in await gateway.store.party(ABC).owed.due(partner.id, 10)]
    assert owed == [ObjectRef(ObjectKind.LOCATION, "LOC1")]


async def test_one_that_lost_our_token_is_registered_anew_and_still_owed_its_cdrs(gateway, peer):
    """What it has not been told of is not lost with its tokens."""
    partner = await registered(gateway, peer)
    await gateway.directory.change(
        partner.id, lambda one: replace(one, state=PartnerState.SUSPENDED)
    )
    books, cdr = gateway.store.party(ABC), ObjectRef(ObjectKind.CDR, "CDR1")
    change = books.change()
    books.owed.mark(change, [partner.id], cdr)
    await gateway.store.commit(change)
    peer.accepts = {"their new a"}

    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(partner.id, peer.versions_url, "wrong", "p")
    assert gateway.directory.get(partner.id).state is PartnerState.SUSPENDED
    anew = await gateway.registration.register(partner.id, peer.versions_url, "their new a", "p")

    assert (anew.id, anew.state) == (partner.id, PartnerState.REGISTERED)
    assert cdr in [ref for ref, _ in await books.owed.due(partner.id, 10)]
    with pytest.raises(RegistrationFailed, match="registered already"):
        await gateway.registration.register(partner.id, peer.versions_url, "their new a", "p")


async def test_one_that_a_push_suspends_meanwhile_is_owed_everything_again(gateway, peer, location):
    """It has refused our old token once more, while we registered with it anew."""
    partner = await registered(gateway, peer)
    await gateway.locations.put(ABC, location())
    owed = gateway.store.party(ABC).owed
    await owed.drop_partner(partner.id)
    peer.accepts, answer = {"their new a"}, peer._credentials

    async def suspend(*_):
        await gateway.directory.change(
            partner.id, lambda one: replace(one, state=PartnerState.SUSPENDED)
        )

    async def answer_late(*asked):
        await suspend()
        return await answer(*asked)

    await suspend()
    peer._credentials = answer_late

    await gateway.registration.register(partner.id, peer.versions_url, "their new a", "p")

    assert gateway.directory.get(partner.id).state is PartnerState.REGISTERED
    refs = [ref for ref, _ in await owed.due(partner.id, 10)]
    assert refs == [ObjectRef(ObjectKind.LOCATION, "LOC1")]


async def test_who_comes_second_with_an_old_record_introduces_nobody_again(gateway, peer, location):
    """The registration and the partner's own delivery both begin with it."""
    await gateway.locations.put(ABC, location())
    partner = await registered(gateway, peer)
    owed = gateway.store.party(ABC).owed
    ((ref, version),) = await owed.due(partner.id, 10)
    before = replace(partner, to_introduce=frozenset({ABC}))

    after = await introduce(gateway.store, gateway.directory, before)

    assert after.to_introduce == frozenset()
    assert await owed.due(partner.id, 10) == [(ref, version)]
