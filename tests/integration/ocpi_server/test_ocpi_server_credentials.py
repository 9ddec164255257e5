"""The credentials handshake, both ways."""

import asyncio
from dataclasses import replace

import pytest

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.services.roaming.partners import RegistrationFailed

ABC = Party("NL", "ABC")


async def credentials(gateway, method, token, body=None):
    return await gateway.ask(method, "/2.2.1/credentials", token, body)


async def due(gateway, partner_id):
    return [ref for ref, _ in await gateway.store.party(ABC).owed.due(partner_id, 100)]


async def test_a_partner_registers_and_holds_token_c(gateway, partner, strict):
    """ocpi-rules 3: A -> B in the POST -> C in the answer."""
    invited, token_a = await gateway.directory.invite("p")
    partner.accepts = {"token-b"}

    answer = await credentials(gateway, "POST", token_a, partner.credentials("token-b"))

    assert (answer.status, answer.code) == (200, 1000)
    strict("Credentials", answer.data)
    assert answer.data["url"] == f"{gateway.url}/ocpi/versions"
    assert {role["role"] for role in answer.data["roles"]} == {"CPO"}
    assert [role["party_id"] for role in answer.data["roles"]] == ["ABC", "XYZ"]
    stored = gateway.directory.get(invited.id)
    assert stored.state is PartnerState.REGISTERED
    assert (stored.outbound_token, stored.version) == ("token-b", "2.2.1")
    assert stored.acts_for(Party("DE", "EMS"))
    assert stored.endpoint("locations", "RECEIVER") == f"{partner.url}/2.2.1/locations"
    assert (await gateway.ask("GET", "/2.2.1/locations", answer.data["token"])).code == 1000


async def test_token_a_is_dead_after_the_exchange(gateway, partner):
    """ocpi-rules 3, S9."""
    _, token_a = await gateway.directory.invite("p")
    partner.accepts = {"token-b"}
    await credentials(gateway, "POST", token_a, partner.credentials("token-b"))

    assert (await gateway.ask("GET", "/versions", token_a)).status == 401
    again = await credentials(gateway, "POST", token_a, partner.credentials("token-b"))
    assert again.status == 401


async def test_only_one_of_two_posts_at_once_registers(gateway, partner):
    """S9: a token A is for one exchange."""
    _, token_a = await gateway.directory.invite("p")
    partner.accepts = {"token-b"}

    answers = await asyncio.gather(
        *(credentials(gateway, "POST", token_a, partner.credentials("token-b")) for _ in range(4))
    )

    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]


async def test_post_when_registered_and_put_or_delete_when_not_are_405(gateway, partner):
    """ocpi-rules 4."""
    _, token_a = await gateway.directory.invite("q")
    for method in ("PUT", "DELETE"):
        body = partner.credentials("b") if method == "PUT" else None
        assert (await credentials(gateway, method, token_a, body)).status == 405
    _, token_c = await gateway.registered(partner)

    answer = await credentials(gateway, "POST", token_c, partner.credentials("b-of-EMS"))

    assert (answer.status, answer.code) == (405, 2000)


async def test_what_cannot_be_fetched_is_3001_and_changes_nothing(gateway, partner):
    """ocpi-rules 3; "the server should add the status code 3001"."""
    invited, token_a = await gateway.directory.invite("p")

    refused = await credentials(gateway, "POST", token_a, partner.credentials("not-accepted"))
    gone = partner.credentials("b") | {"url": "http://127.0.0.1:1/versions"}
    unreachable = await credentials(gateway, "POST", token_a, gone)

    assert (refused.status, refused.code) == (200, 3001)
    assert (unreachable.status, unreachable.code) == (200, 3001)
    assert gateway.directory.get(invited.id) == invited
    assert (await gateway.ask("GET", "/versions", token_a)).status == 200


async def test_no_mutual_version_is_3002_and_no_endpoints_3003(gateway, new_partner):
    """ocpi-rules 3; status_codes 3xxx."""
    _, token_a = await gateway.directory.invite("p")
    old = await new_partner(version="2.1.1", accepts={"b"})
    bare = await new_partner(endpoints=(), accepts={"b"})

    assert (await credentials(gateway, "POST", token_a, old.credentials("b"))).code == 3002
    assert (await credentials(gateway, "POST", token_a, bare.credentials("b"))).code == 3003


NO_CREDENTIALS = [
    {"token": None},
    {"token": ""},
    {"token": "white space"},
    {"token": "ü"},
    {"token": 1},
    {"url": "nowhere"},
    {"url": "file:///etc/passwd"},
    {"url": None},
    {"roles": []},
    {"roles": "EMSP"},
    {"roles": [{"role": "EMSP"}]},
    {"roles": [{"role": "EMSP", "party_id": "TOOLONG", "country_code": "DE"}]},
    {"roles": [{"role": "EMSP", "party_id": "ABC", "country_code": "NL"}]},
]


async def test_what_are_no_credentials_is_2001(gateway, partner):
    """S10: nor may a partner be one of our own parties."""
    invited, token_a = await gateway.directory.invite("p")
    partner.accepts = {"b"}

    for changes in NO_CREDENTIALS:
        answer = await credentials(gateway, "POST", token_a, partner.credentials("b") | changes)

        assert (answer.status, answer.code) == (200, 2001), changes
        assert gateway.directory.get(invited.id) == invited, changes


async def test_put_rotates_the_token_and_fetches_the_endpoints_again(gateway, partner):
    """ocpi-rules 3: "even if the version has not changed"; S9: the old token dies."""
    registered, token_c = await gateway.registered(partner)
    partner.accepts = {"b-2"}
    partner.endpoints = (("credentials", "SENDER"), ("sessions", "RECEIVER"))

    answer = await credentials(gateway, "PUT", token_c, partner.credentials("b-2"))

    assert answer.code == 1000
    assert answer.data["token"] != token_c
    stored = gateway.directory.get(registered.id)
    assert stored.outbound_token == "b-2"
    assert stored.endpoint("locations", "RECEIVER") is None
    assert stored.endpoint("sessions", "RECEIVER")
    assert (await gateway.ask("GET", "/2.2.1/locations", token_c)).status == 401
    assert (await gateway.ask("GET", "/2.2.1/locations", answer.data["token"])).status == 200


async def test_a_put_that_cannot_be_checked_changes_nothing(gateway, partner):
    """ocpi-rules 3."""
    registered, token_c = await gateway.registered(partner)

    answer = await credentials(gateway, "PUT", token_c, partner.credentials("unknown"))

    assert answer.code == 3001
    assert gateway.directory.get(registered.id) == registered
    assert (await gateway.ask("GET", "/2.2.1/locations", token_c)).status == 200


async def test_get_returns_the_credentials_in_use(gateway, partner, strict):
    """credentials 7.2.1."""
    _, token_c = await gateway.registered(partner)

    answer = await credentials(gateway, "GET", token_c)

    strict("Credentials", answer.data)
    assert answer.data["token"] == token_c


async def test_delete_ends_everything(gateway, partner, token, location):
    """credentials 7.2.4: tokens authorize no more, nothing is owed, 401 from now on."""
    registered, token_c = await gateway.registered(partner)
    await gateway.ask("PUT", "/2.2.1/tokens/DE/EMS/012345678", token_c, token())
    await gateway.locations.put(ABC, location())
    assert await due(gateway, registered.id)

    answer = await credentials(gateway, "DELETE", token_c)

    assert (answer.status, answer.code) == (200, 1000)
    stored = gateway.directory.get(registered.id)
    assert (stored.state, stored.outbound_token) == (PartnerState.UNREGISTERED, None)
    assert (await gateway.ask("GET", "/versions", token_c)).status == 401
    assert await gateway.store.tokens.count() == 0
    assert await due(gateway, registered.id) == []
    assert gateway.directory.receivers("locations", ABC) == []


async def test_whoever_registers_is_owed_every_location_and_tariff(
    gateway, partner, location, tariff
):
    """credentials 7.1: "everything they should know"."""
    await gateway.locations.put(ABC, location())
    await gateway.tariffs.put(ABC, tariff())

    registered, _ = await gateway.registered(partner)

    assert set(await due(gateway, registered.id)) == {
        ObjectRef(ObjectKind.LOCATION, "LOC1"),
        ObjectRef(ObjectKind.TARIFF, "T1"),
    }


async def test_whoever_cannot_receive_is_owed_nothing(gateway, new_partner, location):
    """A pull-only partner ("OCPI doesn't require parties to implement Push")."""
    await gateway.locations.put(ABC, location())
    pulling = await new_partner(endpoints=(("credentials", "SENDER"),))

    registered, _ = await gateway.registered(pulling)

    assert await due(gateway, registered.id) == []


async def test_nobody_takes_over_another_platforms_party(gateway, partner, new_partner):
    """S10: a second platform with the same role is refused; the first one stays."""
    first, token_c = await gateway.registered(partner)
    _, token_a = await gateway.directory.invite("impostor")
    impostor = await new_partner(accepts={"b"})

    answer = await credentials(gateway, "POST", token_a, impostor.credentials("b"))

    assert answer.code == 2001
    assert gateway.directory.get(first.id).state is PartnerState.REGISTERED
    assert (await gateway.ask("GET", "/2.2.1/locations", token_c)).status == 200


async def test_a_platform_that_lost_its_tokens_goes_on_in_its_old_record(
    gateway, partner, charged, location, token
):
    """Its versions are at the same origin, so it is the same platform: it keeps its bills."""
    await gateway.locations.put(ABC, location())
    first, old_token = await gateway.registered(partner)
    await gateway.directory.change(
        first.id, lambda one: replace(one, quirks=frozenset({"no_patch"}))
    )
    await charged("S1", first, partner.party)
    await gateway.store.tokens.put(first.id, token())
    books = gateway.store.party(ABC)
    await books.owed.drop_partner(first.id)
    whole, cdr = ObjectRef(ObjectKind.LOCATION, "LOC1"), ObjectRef(ObjectKind.CDR, "S1")
    await books.owed.set_known(first.id, whole, "2026-01-01T00:00:00Z")
    change = books.change()
    books.owed.mark(change, [first.id], cdr)
    await gateway.store.commit(change)

    second, new_token = await gateway.registered(partner)

    assert (second.id, second.name) == (first.id, first.name)
    assert "no_patch" in second.quirks
    assert [one.id for one in gateway.directory.all()] == [first.id]
    assert [one.id for one in await gateway.store.partners.all()] == [first.id]
    assert (await gateway.ask("GET", "/versions", old_token)).status == 401
    assert set(await due(gateway, first.id)) == {cdr, whole}
    assert await books.owed.known(first.id, whole) is None
    listed = await gateway.ask("GET", "/2.2.1/cdrs", new_token)
    assert [one["id"] for one in listed.data] == ["S1"]


async def test_a_platform_that_we_register_with_anew_goes_on_in_its_old_record(gateway, partner):
    """The same from our side; what the operator has set at the invitation counts."""
    first, _ = await gateway.registered(partner)
    invited, _ = await gateway.directory.invite("anew")
    await gateway.directory.change(
        invited.id, lambda one: replace(one, quirks=frozenset({"no_patch"}))
    )
    partner.accepts = {"their-a", partner.next_token}

    second = await gateway.registration.register(
        invited.id, partner.versions_url, "their-a", "anew"
    )

    assert (second.id, second.state) == (first.id, PartnerState.REGISTERED)
    assert "no_patch" in second.quirks
    assert gateway.directory.get(invited.id) is None


async def test_a_partner_that_wants_its_token_raw_is_found_out(gateway, new_partner):
    """ocpi-rules 1: a quirk, "detected where it can be"."""
    raw = await new_partner(takes_raw=True)

    registered, _ = await gateway.registered(raw)

    assert "raw_token" in registered.quirks


# --- we register with them -----------------------------------------------------------------


async def test_we_register_with_a_platform(gateway, partner, strict, location):
    """ocpi-rules 3, the other way round: they may read our versions with B during the POST."""
    await gateway.locations.put(ABC, location())
    partner.accepts = {"their-a", "their-c"}
    partner.next_token = "their-c"
    seen = []

    async def read_our_versions(body):
        for path in (body["url"], f"{gateway.url}/ocpi/2.2.1"):
            seen.append((await gateway.ask("GET", path, body["token"])).status)

    partner.on_credentials = read_our_versions

    registered = await gateway.registration.register(
        None, partner.versions_url, "their-a", "A platform"
    )

    [(method, body)] = partner.given
    assert method == "POST"
    strict("Credentials", body)
    assert seen == [200, 200]
    assert (registered.state, registered.outbound_token) == (PartnerState.REGISTERED, "their-c")
    assert (await gateway.ask("GET", "/2.2.1/locations", body["token"])).status == 200
    assert await due(gateway, registered.id) == [ObjectRef(ObjectKind.LOCATION, "LOC1")]


async def test_a_failed_registration_of_ours_leaves_nothing_behind(gateway, partner):
    """The operator is told why."""
    with pytest.raises(RegistrationFailed, match="could not be fetched"):
        await gateway.registration.register(None, partner.versions_url, "wrong", "A platform")
    partner.accepts = {"their-a"}
    partner.endpoints = (("tokens", "SENDER"),)
    with pytest.raises(RegistrationFailed, match="credentials endpoint"):
        await gateway.registration.register(None, partner.versions_url, "their-a", "A platform")

    assert gateway.directory.all() == []
    assert await gateway.store.partners.all() == []


async def test_a_partner_we_invited_can_be_registered_by_us_instead(gateway, partner):
    """POST /partners, then POST /partners/{id}/register."""
    invited, token_a = await gateway.directory.invite("p")
    with pytest.raises(RegistrationFailed):
        await gateway.registration.register(invited.id, partner.versions_url, "wrong", "p")
    assert (await gateway.ask("GET", "/versions", token_a)).status == 200
    partner.accepts = {"their-a"}

    registered = await gateway.registration.register(
        invited.id, partner.versions_url, "their-a", "p"
    )

    assert registered.id == invited.id
    assert (await gateway.ask("GET", "/versions", token_a)).status == 401
    with pytest.raises(RegistrationFailed, match="already"):
        await gateway.registration.register(invited.id, partner.versions_url, "their-a", "p")


async def test_we_rotate_both_tokens(gateway, partner):
    """credentials 7.1.4; the new token opens our versions while the PUT is still open."""
    registered, old = await gateway.registered(partner)
    partner.next_token = "rotated"
    seen = []

    async def during(body):
        seen.append((await gateway.ask("GET", "/versions", body["token"])).status)
        seen.append((await gateway.ask("GET", "/2.2.1/cdrs", old)).status)

    partner.on_credentials = during

    rotated = await gateway.registration.update(registered.id)

    [(method, body)] = partner.given
    assert method == "PUT"
    assert seen == [200, 200]
    assert rotated.outbound_token == "rotated"
    assert (await gateway.ask("GET", "/2.2.1/cdrs", old)).status == 401
    assert (await gateway.ask("GET", "/2.2.1/cdrs", body["token"])).status == 200


async def test_a_failed_rotation_keeps_the_old_tokens(gateway, partner):
    """Nothing is lost when the partner does not answer."""
    registered, old = await gateway.registered(partner)
    partner.accepts.clear()

    with pytest.raises(RegistrationFailed):
        await gateway.registration.update(registered.id)

    assert gateway.directory.get(registered.id) == registered
    assert (await gateway.ask("GET", "/2.2.1/cdrs", old)).status == 200


async def test_we_unregister_and_tell_them(gateway, partner):
    """credentials 7.2.4, whatever the partner answers."""
    registered, token_c = await gateway.registered(partner)

    await gateway.registration.unregister(registered.id)

    assert [method for method, _ in partner.given] == ["DELETE"]
    assert gateway.directory.get(registered.id).state is PartnerState.UNREGISTERED
    assert (await gateway.ask("GET", "/versions", token_c)).status == 401


async def test_a_suspended_partner_can_renew_its_credentials(gateway, partner):
    """SUSPENDED: "until it calls us or is re-registered"."""
    registered, token_c = await gateway.registered(partner)
    await gateway.directory.save(replace(registered, state=PartnerState.SUSPENDED))

    answer = await credentials(gateway, "PUT", token_c, partner.credentials("b-of-EMS"))

    assert answer.code == 1000
    assert gateway.directory.get(registered.id).state is PartnerState.REGISTERED
