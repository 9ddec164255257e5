"""Registration in 2.1.1, 2.2.1 and 2.3.0, both ways, and moving between them."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import RegistrationFailed

ALL = ("2.1.1", "2.2.1", "2.3.0")
ABC, XYZ = Party("NL", "ABC"), Party("DE", "XYZ")
EMS = Party("DE", "EMS")
HUB = Party("NL", "HUB")
NEWEST = "2.3.0"


@pytest.fixture(params=ALL)
def version(request):
    return request.param


@pytest.fixture
async def peer(new_peer):
    """An eMSP that speaks every version exactly as the standard says."""
    return await new_peer()


async def known(gateway, partner_id, ref, value=None):
    owed = gateway.store.party(ABC).owed
    if value is not None:
        await owed.set_known(partner_id, ref, value)
    return await owed.known(partner_id, ref)


async def due(gateway, partner_id):
    return [ref for ref, _ in await gateway.store.party(ABC).owed.due(partner_id, 100)]


async def post(gateway, peer, version, token_b="their-b", **changes):
    invited, token_a = await gateway.directory.invite("p")
    peer.accepts = {token_b}
    body = peer.credentials(token_b, version) | changes
    answer = await peer.ask(gateway, version, "POST", "/credentials", token_a, body)
    return gateway.directory.get(invited.id), token_a, answer


# --- they with us ------------------------------------------------------------------------------


async def test_they_register_in_any_version(gateway, peer, version):
    """ocpi-rules 3 (credentials 7.1.1): A -> B -> C, and their details of that version."""
    partner, token_a, answer = await post(gateway, peer, version)

    assert (answer.status, answer.code) == (200, 1000), answer.body
    assert (partner.state, partner.version) == (PartnerState.REGISTERED, version)
    assert partner.outbound_token == "their-b"
    assert partner.endpoint("tokens", "SENDER") == f"{peer.url}/{version}/tokens"
    assert partner.quirks == frozenset()
    token_c = answer.data["token"]
    assert (await peer.ask(gateway, version, "GET", "/tariffs", token_c)).code == 1000
    assert (await peer.ask(gateway, version, "GET", "/tariffs", token_a)).status == 401


async def test_our_credentials_of_211_are_one_flat_party(gateway, peer):
    """ocpi-rules 3 (2.1.1 credentials 2.1). ocpi-rules: 2.1.1 shapes."""
    _, _, answer = await post(gateway, peer, "2.1.1")

    assert answer.data == {
        "token": answer.data["token"],
        "url": f"{gateway.url}/ocpi/versions",
        "party_id": "ABC",
        "country_code": "NL",
        "business_details": {"name": "First"},
    }


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_our_credentials_list_our_parties_as_roles(gateway, peer, version):
    """ocpi-rules 3 (credentials 7.3.1)."""
    _, _, answer = await post(gateway, peer, version)

    assert set(answer.data) == {"token", "url", "roles"}
    parties = [(role["role"], role["party_id"]) for role in answer.data["roles"]]
    assert parties == [("CPO", "ABC"), ("CPO", "XYZ")]


async def test_in_211_a_partner_sees_only_the_party_that_it_knows(gateway, peer):
    """2.1.1 credentials 2.1: the codes "a client will use when pushing client owned objects"."""
    partner, _, _ = await post(gateway, peer, "2.1.1")

    assert partner.known_as == ABC
    assert (partner.sees(ABC), partner.sees(XYZ)) == (True, False)


async def test_in_211_we_are_the_party_that_the_partner_is_meant_to_see(gateway, peer):
    """`parties` of exactly one; else the default party, if it is among them."""
    invited, token_a = await gateway.directory.invite("p")
    await gateway.directory.save(replace(invited, parties=frozenset({XYZ})))
    peer.accepts = {"b"}

    body = peer.credentials("b", "2.1.1")
    answer = await peer.ask(gateway, "2.1.1", "POST", "/credentials", token_a, body)

    assert (answer.data["country_code"], answer.data["party_id"]) == ("DE", "XYZ")


async def test_a_211_partner_is_one_emsp(gateway, peer):
    """2.1.1 credentials 2.1 has no roles. ocpi-rules: 2.1.1 shapes."""
    partner, _, _ = await post(gateway, peer, "2.1.1")

    assert [(role.role, role.party) for role in partner.roles] == [("EMSP", EMS)]
    assert {endpoint.role for endpoint in partner.endpoints} == {""}


async def test_211_credentials_with_something_missing_are_2001(gateway, peer):
    """ocpi-rules 3 (2.1.1 credentials 2.1)."""
    for missing in ("token", "url", "party_id", "country_code"):
        partner, _, answer = await post(gateway, peer, "2.1.1", **{missing: None})

        assert (answer.status, answer.code) == (200, 2001), missing
        assert partner.state is PartnerState.INVITED, missing


async def test_our_details_of_211_name_no_roles(gateway, peer):
    """ocpi-rules 5 (2.1.1 version_information_endpoint). ocpi-rules: 2.1.1 shapes."""
    _, token_a = await gateway.directory.invite("p")

    answer = await peer.ask(gateway, "2.1.1", "GET", "", token_a)

    assert answer.data["version"] == "2.1.1"
    assert all(set(one) == {"identifier", "url"} for one in answer.data["endpoints"])
    identifiers = {one["identifier"] for one in answer.data["endpoints"]}
    assert "credentials" in identifiers
    assert identifiers.isdisjoint({"hubclientinfo", "chargingprofiles", "payments"})


async def test_every_version_is_listed(gateway, peer):
    """version_information_endpoint 6.1."""
    _, token_a = await gateway.directory.invite("p")

    answer = await gateway.ask("GET", "/versions", token_a)

    assert {one["version"]: one["url"] for one in answer.data} == {
        version: f"{gateway.url}/ocpi/{version}" for version in ALL
    }


async def test_a_version_that_they_do_not_list_is_3002(gateway, new_peer, version):
    """ocpi-rules 3 (status_codes 3002): we fetch "the client's endpoints for this version"."""
    peer = await new_peer(versions=tuple(one for one in ALL if one != version))

    partner, _, answer = await post(gateway, peer, version)

    assert (answer.status, answer.code) == (200, 3002)
    assert partner.state is PartnerState.INVITED


async def test_details_without_credentials_are_3003(gateway, new_peer, version):
    """ocpi-rules 3 (credentials 7.1.6, status_codes 3003): "required for all implementations"."""
    peer = await new_peer(endpoints=(("tokens", "SENDER"), ("locations", "RECEIVER")))

    partner, _, answer = await post(gateway, peer, version)

    assert (answer.status, answer.code) == (200, 3003)
    assert partner.state is PartnerState.INVITED


async def test_versions_that_cannot_be_fetched_are_3001(gateway, peer, version):
    """ocpi-rules 3 (credentials 7.1.5): and token A still works."""
    invited, token_a = await gateway.directory.invite("p")
    body = peer.credentials("not-accepted", version)

    answer = await peer.ask(gateway, version, "POST", "/credentials", token_a, body)

    assert (answer.status, answer.code) == (200, 3001)
    assert gateway.directory.get(invited.id) == invited


async def test_post_when_registered_is_405_in_every_version(gateway, peer, version):
    """ocpi-rules 4."""
    _, _, answer = await post(gateway, peer, version)
    token_c = answer.data["token"]

    for other in ALL:
        body = peer.credentials("their-b", other)
        again = await peer.ask(gateway, other, "POST", "/credentials", token_c, body)
        assert (again.status, again.code) == (405, 2000)


async def test_put_and_delete_when_not_registered_are_405(gateway, peer, version):
    """ocpi-rules 4."""
    _, token_a = await gateway.directory.invite("p")

    body = peer.credentials("b", version)
    put = await peer.ask(gateway, version, "PUT", "/credentials", token_a, body)
    delete = await peer.ask(gateway, version, "DELETE", "/credentials", token_a)

    assert (put.status, delete.status) == (405, 405)


async def test_they_unregister_in_any_version(gateway, peer, version):
    """ocpi-rules 4 (credentials 7.2.4)."""
    partner, _, answer = await post(gateway, peer, version)
    token_c = answer.data["token"]

    ended = await peer.ask(gateway, version, "DELETE", "/credentials", token_c)

    assert ended.code == 1000
    assert gateway.directory.get(partner.id).state is PartnerState.UNREGISTERED
    assert (await peer.ask(gateway, version, "GET", "", token_c)).status == 401


async def test_get_credentials_answers_in_the_version_of_its_url(gateway, peer):
    """credentials 7.2.1: whatever version the partner is registered with."""
    _, _, answer = await post(gateway, peer, "2.2.1")
    token_c = answer.data["token"]

    old = await peer.ask(gateway, "2.1.1", "GET", "/credentials", token_c)
    new = await peer.ask(gateway, "2.3.0", "GET", "/credentials", token_c)

    assert "party_id" in old.data
    assert "roles" in new.data
    assert old.data["token"] == new.data["token"] == token_c


async def test_modules_of_another_version_are_3002(gateway, peer, version):
    """Only versions and credentials may be called outside the version of the registration."""
    _, _, answer = await post(gateway, peer, version)

    for other in set(ALL) - {version}:
        refused = await peer.ask(gateway, other, "GET", "/tariffs", answer.data["token"])
        assert (refused.status, refused.code) == (200, 3002)
        assert version in refused.body["status_message"]


# --- hubs --------------------------------------------------------------------------------------


def hub_roles(*roles):
    return [
        {
            "role": role,
            "country_code": party.country_code,
            "party_id": party.party_id,
            "business_details": {"name": str(party)},
        }
        for role, party in roles
    ]


async def test_a_221_hub_is_known_by_its_role(gateway, peer):
    """2.2.1 credentials 7.3.1: "A Hub SHALL only reports itself as role: Hub".

    ocpi-rules: hub roles.
    """
    partner, _, _ = await post(gateway, peer, "2.2.1", roles=hub_roles(("HUB", HUB)))

    assert partner.hub_party == HUB
    assert partner.is_hub


async def test_a_230_hub_is_known_by_hub_party_id_and_lists_its_clients(gateway, peer):
    """2.3.0 credentials 7.3.1, its NOTE: parties "reachable through the Roaming Hub" are roles.

    ocpi-rules: hub roles.
    """
    roles = hub_roles(("EMSP", EMS), ("NSP", Party("FR", "NAV")))

    partner, _, _ = await post(gateway, peer, "2.3.0", roles=roles, hub_party_id="NLHUB")

    assert partner.hub_party == HUB
    assert partner.acts_for(EMS)


async def test_a_hub_may_list_our_own_parties(gateway, peer):
    """2.3.0 credentials 7.3.1: we are reachable through it as well; that makes it not us."""
    roles = hub_roles(("EMSP", EMS), ("CPO", ABC))

    partner, _, answer = await post(gateway, peer, "2.3.0", roles=roles, hub_party_id="NLHUB")

    assert answer.code == 1000
    assert [role.party for role in partner.roles] == [EMS]


async def test_a_client_of_a_hub_may_register_by_itself_as_well(gateway, peer, new_peer):
    """2.3.0 credentials 7.3.1: the hub's list of clients reserves nobody's party."""
    roles = hub_roles(("EMSP", EMS))
    await post(gateway, peer, "2.3.0", roles=roles, hub_party_id="NLHUB")
    direct = await new_peer()

    partner, _, answer = await post(gateway, direct, "2.3.0")

    assert answer.code == 1000
    assert partner.acts_for(EMS)


async def test_a_hub_party_id_that_is_no_party_is_2001(gateway, peer):
    """2.3.0 credentials 7.3.1: "one five-character string". ocpi-rules: hub roles."""
    for hub_party_id in ("NL", "NLHUBB", 7, ""):
        _, _, answer = await post(gateway, peer, "2.3.0", hub_party_id=hub_party_id)

        assert answer.code == 2001, hub_party_id


async def test_one_role_that_is_no_party_does_not_cost_the_others(gateway, peer):
    """Tolerant in: of a hub's thousand clients one is misspelt."""
    roles = [*hub_roles(("EMSP", EMS)), {"role": "EMSP", "party_id": "LONG", "country_code": "D"}]

    partner, _, answer = await post(gateway, peer, "2.3.0", roles=roles)

    assert answer.code == 1000
    assert [role.party for role in partner.roles] == [EMS]


# --- we with them ------------------------------------------------------------------------------


async def test_we_register_in_any_version(gateway, new_peer, version):
    """ocpi-rules 3 (credentials 7.1.1), as the sender."""
    peer = await new_peer(versions=(version,), accepts={"their-a"})
    seen = []

    async def during(body):
        seen.append((await peer.ask(gateway, version, "GET", "", body["token"])).status)

    peer.on_credentials = during

    partner = await gateway.registration.register(None, peer.versions_url, "their-a", "p")

    [(method, path, body)] = peer.given
    assert (method, path) == ("POST", f"/{version}/credentials")
    assert seen == [200]
    assert ("roles" in body) == (version != "2.1.1")
    assert (partner.version, partner.outbound_token) == (version, "their-c-1")
    assert partner.state is PartnerState.REGISTERED
    assert partner.quirks == frozenset()
    assert (await peer.ask(gateway, version, "GET", "/cdrs", body["token"])).status == 200


@pytest.mark.parametrize("old", [None, "2.1.1"])
async def test_what_they_push_before_their_answer_is_here_waits_for_it(gateway, new_peer, old):
    """credentials 7.1.1: they use token B "for any requests" as soon as they have it."""
    peer = await new_peer(accepts={"a"})
    pushed = []

    async def during(body):
        path = "/2.3.0/tariffs"
        pushed.append(asyncio.create_task(gateway.ask("GET", path, body["token"])))

    if old is None:
        peer.on_credentials = during
        await gateway.registration.register(None, peer.versions_url, "a", "p")
    else:
        partner = await gateway.registration.register(None, peer.versions_url, "a", "p", old)
        peer.on_credentials = during
        await gateway.registration.update(partner.id, "2.3.0")

    [task] = pushed
    assert (await task).code == 1000


async def test_what_they_push_before_an_answer_that_fails_is_401(gateway, new_peer):
    """S9: token B is worth nothing when nothing came of the registration."""
    peer = await new_peer(accepts={"a"})
    pushed = []

    async def during(body):
        pushed.append(asyncio.create_task(gateway.ask("GET", "/2.3.0/tariffs", body["token"])))
        await asyncio.sleep(0)
        peer.accepts = set()
        raise web.HTTPForbidden

    peer.on_credentials = during
    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(None, peer.versions_url, "a", "p")

    [task] = pushed
    assert (await task).status == 401


async def test_we_choose_the_best_mutual_version(gateway, new_peer):
    """version_information_endpoint 6.1."""
    peer = await new_peer(versions=("2.1.1", "2.0", "2.3.0", "2.2.1"), accepts={"a"})

    partner = await gateway.registration.register(None, peer.versions_url, "a", "p")

    assert partner.version == NEWEST


async def test_the_operator_may_name_the_version(gateway, new_peer, version):
    """POST /partners/{id}/register with a version."""
    peer = await new_peer(accepts={"a"})

    partner = await gateway.registration.register(None, peer.versions_url, "a", "p", version)

    assert partner.version == version


@pytest.mark.parametrize("named", ["2.0", "2.2.1"])
async def test_a_version_that_one_side_does_not_speak_fails(gateway, new_peer, named):
    """Before anything is sent: 7.1.6 "expected NOT to send the POST request"."""
    peer = await new_peer(versions=("2.0", "2.3.0"), accepts={"a"})

    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(None, peer.versions_url, "a", "p", named)

    assert peer.given == []
    assert gateway.directory.all() == []


async def test_without_a_credentials_endpoint_we_send_nothing(gateway, new_peer):
    """ocpi-rules 3 (credentials 7.1.6): "expected NOT to send the POST request"."""
    peer = await new_peer(endpoints=(("tokens", "SENDER"),), accepts={"a"})

    with pytest.raises(RegistrationFailed, match="credentials endpoint"):
        await gateway.registration.register(None, peer.versions_url, "a", "p")

    assert peer.given == []


async def test_we_unregister_in_any_version(gateway, new_peer, version):
    """credentials 7.2.4."""
    peer = await new_peer(versions=(version,), accepts={"a"})
    partner = await gateway.registration.register(None, peer.versions_url, "a", "p")

    await gateway.registration.unregister(partner.id)

    assert peer.given[-1][:2] == ("DELETE", f"/{version}/credentials")
    assert gateway.directory.get(partner.id).state is PartnerState.UNREGISTERED


# --- moving to another version -----------------------------------------------------------------

BY_DEFAULT = {("2.1.1", "2.3.0"), ("2.3.0", "2.1.1"), ("2.2.1", "2.3.0")}
MOVES = [
    pytest.param(old, new, marks=() if (old, new) in BY_DEFAULT else pytest.mark.long)
    for old in ALL
    for new in ALL
]


@pytest.mark.parametrize(("old", "new"), MOVES)
async def test_they_move_by_put_at_the_new_versions_url(gateway, peer, old, new):
    """ocpi-rules 3 (credentials 7.2.3): "will switch to the version that contains this"."""
    partner, _, answer = await post(gateway, peer, old)
    token_c = answer.data["token"]
    peer.accepts = {"their-b-2"}

    body = peer.credentials("their-b-2", new)
    put = await peer.ask(gateway, new, "PUT", "/credentials", token_c, body)

    assert put.code == 1000, put.body
    assert ("roles" in put.data) == (new != "2.1.1")
    moved = gateway.directory.get(partner.id)
    assert (moved.version, moved.outbound_token) == (new, "their-b-2")
    assert moved.endpoint("tokens", "SENDER") == f"{peer.url}/{new}/tokens"
    assert moved.known_as == (ABC if new == "2.1.1" else None)
    renewed = put.data["token"]
    assert (await peer.ask(gateway, new, "GET", "/tariffs", renewed)).code == 1000
    assert (await peer.ask(gateway, new, "GET", "/tariffs", token_c)).status == 401


@pytest.mark.parametrize(("old", "new"), MOVES)
async def test_we_move_by_put_at_their_url_of_the_new_version(gateway, new_peer, old, new):
    """ocpi-rules 3 (credentials 7.1.2)."""
    peer = await new_peer(accepts={"a"})
    partner = await gateway.registration.register(None, peer.versions_url, "a", "p", old)
    first = peer.given[-1][2]["token"]

    moved = await gateway.registration.update(partner.id, new)

    method, path, body = peer.given[-1]
    assert (method, path) == ("PUT", f"/{new}/credentials")
    assert ("roles" in body) == (new != "2.1.1")
    assert (moved.version, moved.outbound_token) == (new, "their-c-2")
    assert moved.endpoint("tokens", "SENDER") == f"{peer.url}/{new}/tokens"
    assert (await peer.ask(gateway, new, "GET", "/cdrs", body["token"])).code == 1000
    assert (await peer.ask(gateway, new, "GET", "/cdrs", first)).status == 401


async def test_an_update_without_a_version_stays_in_the_version(gateway, new_peer):
    """credentials 7.1.4: a rotation is no upgrade."""
    peer = await new_peer(accepts={"a"})
    partner = await gateway.registration.register(None, peer.versions_url, "a", "p", "2.1.1")

    assert (await gateway.registration.update(partner.id)).version == "2.1.1"


async def test_a_token_that_was_just_handed_over_dies_with_the_next(gateway, new_peer):
    """S9: also while it would still have been accepted ahead of their answer."""
    peer = await new_peer(accepts={"a"})
    partner = await gateway.registration.register(None, peer.versions_url, "a", "p")
    await gateway.registration.update(partner.id)
    token_c = peer.given[-1][2]["token"]
    body = peer.credentials("their-c-2", "2.3.0")

    put = await peer.ask(gateway, "2.3.0", "PUT", "/credentials", token_c, body)

    assert put.code == 1000
    assert (await peer.ask(gateway, "2.3.0", "GET", "", token_c)).status == 401


async def test_whoever_moved_is_owed_everything_and_known_to_hold_nothing(
    gateway, peer, location, tariff
):
    """Other shapes at other URLs: PATCH only after PUT. A CDR stays posted (ocpi-rules 19)."""
    await gateway.locations.put(ABC, location())
    await gateway.tariffs.put(ABC, tariff())
    partner, _, answer = await post(gateway, peer, "2.2.1")
    owed = gateway.store.party(ABC).owed
    for ref, version in await owed.due(partner.id, 10):
        await owed.settle(partner.id, ref, version)
    held = [ObjectRef(ObjectKind.LOCATION, "LOC1"), ObjectRef(ObjectKind.SESSION, "S1")]
    cdr = ObjectRef(ObjectKind.CDR, "C1")
    for ref in (*held, cdr):
        await known(gateway, partner.id, ref, "held")

    body = peer.credentials("their-b", "2.3.0")
    await peer.ask(gateway, "2.3.0", "PUT", "/credentials", answer.data["token"], body)

    assert set(await due(gateway, partner.id)) == {held[0], ObjectRef(ObjectKind.TARIFF, "T1")}
    assert [await known(gateway, partner.id, ref) for ref in (*held, cdr)] == [None, None, "held"]


async def test_whoever_stays_where_it_was_is_owed_nothing_anew(gateway, peer, location):
    """A monthly rotation of the token does not repeat a million locations."""
    await gateway.locations.put(ABC, location())
    partner, _, answer = await post(gateway, peer, "2.3.0")
    await gateway.store.party(ABC).owed.drop_partner(partner.id)

    body = peer.credentials("their-b", "2.3.0")
    await peer.ask(gateway, "2.3.0", "PUT", "/credentials", answer.data["token"], body)

    assert await due(gateway, partner.id) == []
    assert peer.asked.count("/2.3.0") == 2  # "even if the version has not changed"


async def test_a_failed_move_changes_nothing(gateway, new_peer):
    """credentials 7.1.2; tokens, version and endpoints stay."""
    peer = await new_peer(versions=("2.2.1",), accepts={"a"})
    partner = await gateway.registration.register(None, peer.versions_url, "a", "p")

    with pytest.raises(RegistrationFailed, match=r"2\.2\.1, not 2\.3\.0"):
        await gateway.registration.update(partner.id, "2.3.0")

    assert gateway.directory.get(partner.id) == partner
    assert [method for method, _, _ in peer.given] == ["POST"]


async def test_a_put_tells_new_roles_and_ends_old_ones(gateway, peer):
    """credentials 7.3.1: the roles of the last PUT are the roles."""
    partner, _, answer = await post(gateway, peer, "2.3.0")
    body = peer.credentials("their-b", "2.3.0") | {"roles": hub_roles(("EMSP", Party("FR", "NEW")))}

    await peer.ask(gateway, "2.3.0", "PUT", "/credentials", answer.data["token"], body)

    changed = gateway.directory.get(partner.id)
    assert [role.party for role in changed.roles] == [Party("FR", "NEW")]
    assert not changed.acts_for(EMS)


async def test_tokens_of_a_party_that_left_the_platform_authorize_no_more(gateway, peer, token):
    """Nobody is left who would pay for them."""
    _, _, answer = await post(gateway, peer, "2.2.1")
    roles = hub_roles(("EMSP", EMS), ("EMSP", Party("FR", "NEW")))
    body = peer.credentials("their-b", "2.2.1")
    put = await peer.ask(
        gateway,
        "2.2.1",
        "PUT",
        "/credentials",
        answer.data["token"],
        body | {"roles": roles},
    )
    token_c = put.data["token"]
    for party, uid in (("DE/EMS", "T1"), ("FR/NEW", "T2")):
        country_code, party_id = party.split("/")
        document = token(uid, country_code=country_code, party_id=party_id)
        path = f"/tokens/{party}/{uid}"
        assert (await peer.ask(gateway, "2.2.1", "PUT", path, token_c, document)).code == 1000

    remaining = body | {"roles": roles[1:]}
    await peer.ask(gateway, "2.2.1", "PUT", "/credentials", token_c, remaining)

    assert await gateway.store.tokens.find("T1") == []
    assert len(await gateway.store.tokens.find("T2")) == 1
