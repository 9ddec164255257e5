"""Each quirk of a partner, shown by one that really behaves so."""

import inspect
from contextlib import AsyncExitStack
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.domain import partner_quirks
from gateway.domain.delivery import ObjectKind, ObjectRef, VerdictKind
from gateway.domain.partners import PartnerState
from gateway.domain.party import Party
from gateway.ocpi import quirks
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.pushes.sender import ObjectSender
from gateway.services.roaming.partners import RegistrationFailed

ABC = Party("NL", "ABC")
LOCATION = ObjectRef(ObjectKind.LOCATION, "LOC1")
EVSE = ObjectRef(ObjectKind.EVSE, "LOC1", "3256")
CDR = ObjectRef(ObjectKind.CDR, "C1")
CHARGED = {
    "country_code": "NL",
    "party_id": "ABC",
    "id": "C1",
    "start_date_time": "2026-03-01T10:00:00Z",
    "end_date_time": "2026-03-01T11:00:00Z",
    "session_id": "S1",
    "cdr_token": {
        "country_code": "DE",
        "party_id": "EMS",
        "uid": "012345678",
        "type": "RFID",
        "contract_id": "DE8ACC12E46L89",
    },
    "auth_method": "WHITELIST",
    "cdr_location": {
        "id": "LOC1",
        "address": "F.Rooseveltlaan 3A",
        "city": "Gent",
        "country": "BEL",
        "coordinates": {"latitude": "51.047599", "longitude": "3.729944"},
        "evse_uid": "3256",
        "evse_id": "BE*BEC*E041503001",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    },
    "currency": "EUR",
    "tariffs": [],
    "charging_periods": [
        {
            "start_date_time": "2026-03-01T10:00:00Z",
            "dimensions": [{"type": "ENERGY", "volume": 10}],
        }
    ],
    "total_cost": {"before_taxes": 3},
    "total_energy": 10,
    "total_time": 1,
    "last_updated": "2026-03-01T11:00:00Z",
}

RUNNING = {
    "country_code": "NL",
    "party_id": "ABC",
    "id": "S1",
    "start_date_time": "2026-03-01T10:00:00Z",
    "kwh": 0,
    "cdr_token": CHARGED["cdr_token"],
    "auth_method": "WHITELIST",
    "location_id": "LOC1",
    "evse_uid": "3256",
    "connector_id": "1",
    "currency": "EUR",
    "status": "ACTIVE",
    "last_updated": "2026-03-01T10:00:00Z",
}


@pytest.fixture
async def sender(gateway):
    async with AsyncExitStack() as stack:
        http = SafeHttp(allow_private_hosts=True)
        stack.push_async_callback(http.close)
        yield ObjectSender(OcpiClient(http), gateway.store, gateway.locations)


async def registered(gateway, peer, *set_by_operator, version="2.2.1"):
    """We register with a peer for which the operator has set these quirks."""
    invited, _ = await gateway.directory.invite("p")
    await gateway.directory.save(replace(invited, quirks=frozenset(set_by_operator)))
    peer.accepts = {"their-a"}
    return await gateway.registration.register(
        invited.id, peer.versions_url, "their-a", "p", version
    )


def our_token(peer):
    """The token that the peer was given."""
    return peer.given[-1][2]["token"]


def paths(peer, method):
    return [path for sent, path, _, _ in peer.sent if sent == method]


def test_every_quirk_is_read_in_one_function():
    """A quirk that nobody reads does nothing; one read twice is a special case."""
    for name in partner_quirks.QUIRKS:
        constant = f"quirk.{name.upper()}"
        readers = [
            function
            for _, function in inspect.getmembers(quirks, inspect.isfunction)
            if function.__module__ == quirks.__name__
            and constant in inspect.getsource(function)
            and function is not quirks.token_quirk
        ]
        assert len(readers) == 1, name


# --- the form of the token ---------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.2.1", "2.3.0"])
async def test_a_partner_that_wants_its_token_raw_is_found_out(gateway, new_peer, version):
    """ocpi-rules 1 (2.2.1 TF 4.1.2): "trial and error", at the handshake.

    ocpi-rules: raw token habit.
    """
    peer = await new_peer(forms=("raw",), versions=(version,))

    partner = await registered(gateway, peer, version=version)

    assert partner.quirks == {"raw_token"}
    [seen] = partner.quirks_seen
    assert (seen.name, seen.at) == ("raw_token", gateway.clock)
    assert "in this form" in seen.how


async def test_a_211_partner_that_wants_base64_is_found_out(gateway, new_peer):
    """ocpi-rules 1 (2.1.1 TF). ocpi-rules: raw token habit."""
    peer = await new_peer(forms=("base64",), versions=("2.1.1",))

    partner = await registered(gateway, peer, version="2.1.1")

    assert partner.quirks == {"base64_token"}


@pytest.mark.parametrize("version", ["2.1.1", "2.2.1"])
async def test_a_partner_that_takes_either_form_gets_that_of_its_version(
    gateway, new_peer, version
):
    """ocpi-rules 1."""
    peer = await new_peer(forms=("raw", "base64"))

    assert (await registered(gateway, peer, version=version)).quirks == frozenset()


async def test_who_registers_with_a_raw_token_in_221_is_found_out(gateway, new_peer):
    """ocpi-rules 1: nothing has to be set beforehand. ocpi-rules: raw token habit."""
    peer = await new_peer(forms=("raw",), accepts={"their-b"})
    invited, token_a = await gateway.directory.invite("p")

    body = peer.credentials("their-b", "2.2.1")
    answer = await peer.ask(gateway, "2.2.1", "POST", "/credentials", token_a, body, form="raw")

    assert answer.code == 1000
    assert gateway.directory.get(invited.id).quirks == {"raw_token"}
    token_c = answer.data["token"]
    assert (await peer.ask(gateway, "2.2.1", "GET", "/cdrs", token_c, form="raw")).status == 200


async def test_a_partner_that_mended_its_ways_loses_the_quirk(gateway, new_peer):
    """The form is proven at each handshake."""
    peer = await new_peer(forms=("raw",))
    partner = await registered(gateway, peer)
    peer.forms = ("base64",)

    updated = await gateway.registration.update(partner.id)

    assert updated.quirks == frozenset()


# --- versions and endpoints --------------------------------------------------------------------


async def test_credentials_are_advertised_as_receiver_too(gateway, new_peer):
    """ocpi-rules 5: "peers may require RECEIVER"; seen by how it advertises its own.

    ocpi-rules: role habit.
    """
    peer = await new_peer(endpoints=(("credentials", "RECEIVER"), ("tokens", "SENDER")))
    partner = await registered(gateway, peer)
    assert partner.quirks == {"credentials_receiver"}

    details = await peer.ask(gateway, "2.2.1", "GET", "", our_token(peer))

    roles = {one["role"] for one in details.data["endpoints"] if one["identifier"] == "credentials"}
    assert roles == {"SENDER", "RECEIVER"}


async def test_credentials_are_advertised_once_to_everybody_else(gateway, new_peer):
    """ocpi-rules 5 (version_information_endpoint 6.2.4): "not defined twice"."""
    peer = await new_peer()
    await registered(gateway, peer)

    details = await peer.ask(gateway, "2.2.1", "GET", "", our_token(peer))

    names = [one["identifier"] for one in details.data["endpoints"]]
    assert names.count("credentials") == 1


async def test_a_partner_without_a_credentials_endpoint_can_register(gateway, new_peer):
    """no_credentials_module; without it that is 3003."""
    peer = await new_peer(endpoints=(("tokens", "SENDER"),), accepts={"their-b"})
    invited, token_a = await gateway.directory.invite("p")
    body = peer.credentials("their-b", "2.2.1")
    refused = await peer.ask(gateway, "2.2.1", "POST", "/credentials", token_a, body)
    assert refused.code == 3003
    await gateway.directory.save(replace(invited, quirks=frozenset({"no_credentials_module"})))

    answer = await peer.ask(gateway, "2.2.1", "POST", "/credentials", token_a, body)

    assert answer.code == 1000
    with pytest.raises(RegistrationFailed, match="no credentials endpoint"):
        await gateway.registration.update(invited.id)


async def test_our_endpoints_end_with_a_slash_where_that_is_wanted(gateway, new_peer):
    """ocpi-rules: URL joining; and such a URL works. ocpi-rules: slash habit."""
    peer = await new_peer()
    await registered(gateway, peer, "advertised_slash")

    details = await peer.ask(gateway, "2.2.1", "GET", "", our_token(peer))

    urls = {one["identifier"]: one["url"] for one in details.data["endpoints"]}
    assert urls["tariffs"] == f"{gateway.url}/ocpi/2.2.1/tariffs/"
    assert all(url.endswith("/") for url in urls.values())
    path = urls["tariffs"].removeprefix(f"{gateway.url}/ocpi/2.2.1")
    assert (await peer.ask(gateway, "2.2.1", "GET", path, our_token(peer))).code == 1000


async def test_a_partner_whose_urls_want_a_slash_is_found_out(gateway, new_peer, sender, location):
    """ocpi-rules: URL joining. Its frameworks redirect to the slash; redirects are not followed.

    ocpi-rules: slash habit.
    """
    peer = await new_peer(wants_slash=True)
    await gateway.locations.put(ABC, location())

    partner = await registered(gateway, peer)
    verdict = await sender.deliver(partner, ABC, LOCATION)

    assert partner.quirks == {"trailing_slash"}
    assert "redirects" in partner.quirks_seen[0].how
    assert verdict.kind is VerdictKind.DELIVERED
    assert paths(peer, "PUT") == ["/2.2.1/locations/NL/ABC/LOC1/"]


async def test_without_the_quirk_such_a_redirect_says_what_is_wanted(
    gateway, new_peer, sender, location
):
    """The operator reads the quirk's name in the last error."""
    peer = await new_peer()
    await gateway.locations.put(ABC, location())
    partner = await registered(gateway, peer)
    peer.wants_slash = True

    verdict = await sender.deliver(partner, ABC, LOCATION)

    assert verdict.kind is VerdictKind.UNREACHABLE
    assert "trailing_slash" in verdict.detail


async def test_ids_are_lower_case_in_urls_where_that_is_wanted(gateway, new_peer, sender, location):
    """ocpi-rules 23: a partner that compares CiStrings exactly, in lower case.

    ocpi-rules: id case habit.
    """
    peer = await new_peer()
    await gateway.locations.put(ABC, location("LOC1"))
    partner = await registered(gateway, peer, "lower_case_ids")

    await sender.deliver(partner, ABC, LOCATION)

    [(_, path, _, body)] = [one for one in peer.sent if one[0] == "PUT"]
    assert path == "/2.2.1/locations/nl/abc/loc1"
    assert body["id"] == "LOC1"


async def test_a_pinned_version_is_the_only_one_spoken(gateway, new_peer):
    """A partner that lists a 2.3.0 which does not work."""
    peer = await new_peer()
    partner = await registered(gateway, peer, "pinned_version:2.2.1", version=None)
    assert partner.version == "2.2.1"

    listed = await gateway.ask("GET", "/versions", our_token(peer))
    body = peer.credentials("b", "2.3.0")
    moved = await peer.ask(gateway, "2.3.0", "PUT", "/credentials", our_token(peer), body)

    assert [one["version"] for one in listed.data] == ["2.2.1"]
    assert (moved.status, moved.code) == (200, 3002)
    assert (await gateway.registration.update(partner.id)).version == "2.2.1"


CUSTOM = {"payments", "invoicereconciliation"}


async def listed(gateway, peer):
    details = await gateway.ask("GET", "/2.3.0", our_token(peer))
    return {one["identifier"] for one in details.data["endpoints"]}


async def test_modules_beyond_the_core_are_not_listed_to_a_stranger(gateway, new_peer):
    """2.3.0 version_information_endpoint: "Do NOT send custom moduleIDs to parties ..."."""
    peer = await new_peer()
    await registered(gateway, peer, version="2.3.0")

    assert await listed(gateway, peer) & CUSTOM == set()


async def test_a_module_beyond_the_core_is_listed_to_whoever_has_it(gateway, new_peer):
    """Also while the partner is reading our details during the POST."""
    peer = await new_peer()
    peer.endpoints = (*peer.endpoints, ("payments", "SENDER"))
    seen = []

    async def during(_body):
        seen.append(await listed(gateway, peer))

    peer.on_credentials = during
    await registered(gateway, peer, version="2.3.0")

    assert seen[0] & CUSTOM == {"payments"}
    assert await listed(gateway, peer) == seen[0]


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("payments_module", "payments"),
        ("invoice_reconciliation_module", "invoicereconciliation"),
    ],
)
async def test_a_module_beyond_the_core_is_listed_by_agreement(gateway, new_peer, name, module):
    """To a partner that will have it when it has read our details."""
    peer = await new_peer()
    await registered(gateway, peer, name, version="2.3.0")

    assert await listed(gateway, peer) & CUSTOM == {module}


# --- answers -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("set_by_operator", "expected"), [((), 201), (("no_201",), 200)])
async def test_what_was_created_is_answered_as_the_partner_can_take_it(
    gateway, new_peer, token, set_by_operator, expected
):
    """ocpi-rules 11 (status_codes): 201 when newly created. ocpi-rules: success code habit."""
    peer = await new_peer()
    await registered(gateway, peer, *set_by_operator)

    path = "/tokens/DE/EMS/012345678"
    answer = await peer.ask(gateway, "2.2.1", "PUT", path, our_token(peer), token())

    assert (answer.status, answer.code) == (expected, 1000)


async def test_single_objects_come_in_an_array_where_that_is_wanted(gateway, new_peer):
    """ocpi-rules: data cardinality; both ways. ocpi-rules: array habit."""
    peer = await new_peer(in_arrays=True)
    partner = await registered(gateway, peer, "array_data")

    answer = await peer.ask(gateway, "2.2.1", "GET", "/credentials", our_token(peer))
    listed = await peer.ask(gateway, "2.2.1", "GET", "/tariffs", our_token(peer))

    assert partner.state is PartnerState.REGISTERED
    assert [one["token"] for one in answer.data] == [our_token(peer)]
    assert listed.data == []


async def test_arrays_of_one_are_only_hinted_at(gateway, new_peer):
    """ocpi-rules: data cardinality. How it writes does not prove what it reads: it read ours.

    ocpi-rules: array habit.
    """
    peer = await new_peer(in_arrays=True)

    partner = await registered(gateway, peer)

    assert partner.quirks == frozenset()
    assert [seen.name for seen in partner.quirks_seen] == ["array_data"]


# --- messages ----------------------------------------------------------------------------------


async def test_no_routing_headers_are_sent_and_strange_ones_ignored(
    gateway, new_peer, sender, location
):
    """ocpi-rules 25: header strictness. ocpi-rules: routing habit."""
    peer = await new_peer()
    await gateway.locations.put(ABC, location())
    partner = await registered(gateway, peer, "no_routing_headers")
    strange = {"OCPI_to_country_code": "ZZ", "OCPI_to_party_id": "ZZZ"}

    await sender.deliver(partner, ABC, LOCATION)
    answer = await gateway.ask("GET", "/2.2.1/locations", our_token(peer), **strange)

    [headers] = [headers for method, _, headers, _ in peer.sent if method == "PUT"]
    assert not any(name.lower().startswith("ocpi-") for name in headers)
    assert answer.code == 1000
    await gateway.directory.save(replace(partner, quirks=frozenset()))
    refused = await gateway.ask("GET", "/2.2.1/locations", our_token(peer), **strange)
    assert refused.code != 1000


async def test_a_partner_that_does_not_know_patch_gets_the_whole(
    gateway, new_peer, sender, location
):
    """ocpi-rules 9, 10: PUT each time."""
    peer = await new_peer()
    await gateway.locations.put(ABC, location())
    patched = await registered(gateway, peer)
    await sender.deliver(patched, ABC, LOCATION)
    await sender.deliver(patched, ABC, EVSE)
    assert len(paths(peer, "PATCH")) == 1
    stubborn = replace(patched, quirks=frozenset({"no_patch"}))

    await sender.deliver(stubborn, ABC, EVSE)

    assert len(paths(peer, "PATCH")) == 1
    assert paths(peer, "PUT") == ["/2.2.1/locations/NL/ABC/LOC1"] * 2


@pytest.mark.parametrize(
    ("set_by_operator", "methods"), [((), ["PUT", "PATCH"]), (("no_patch",), ["PUT", "PUT"])]
)
async def test_a_running_session_is_sent_whole_where_patch_is_not_known(
    gateway, new_peer, sender, set_by_operator, methods
):
    """ocpi-rules 10."""
    peer = await new_peer()
    partner = await registered(gateway, peer, *set_by_operator)
    books = gateway.store.party(ABC)
    for kwh in (1, 2):
        change = books.change()
        books.sessions.put(change, "S1", RUNNING | {"kwh": kwh}, updated=gateway.clock)
        await gateway.store.commit(change)
        verdict = await sender.deliver(partner, ABC, ObjectRef(ObjectKind.SESSION, "S1"))
        assert verdict.kind is VerdictKind.DELIVERED

    sent = [(method, body) for method, path, _, body in peer.sent if "/sessions/" in path]
    assert [method for method, _ in sent] == methods
    assert ("cdr_token" in sent[-1][1]) == (methods[-1] == "PUT")


@pytest.mark.parametrize(
    ("version", "set_by_operator", "expected"),
    [
        ("2.2.1", (), 2001),
        ("2.2.1", ("patch_without_last_updated",), 1000),
        ("2.1.1", (), 1000),
    ],
)
async def test_a_patch_without_last_updated(
    gateway, new_peer, token, version, set_by_operator, expected
):
    """ocpi-rules 9 (2.2.1 mod_tokens 12.2.1.3; 2.1.1's own example has none).

    ocpi-rules: last_updated habit.
    """
    peer = await new_peer()
    await registered(gateway, peer, *set_by_operator, version=version)
    path, ours = "/tokens/DE/EMS/012345678", our_token(peer)
    document = token()
    if version == "2.1.1":
        del document["country_code"], document["party_id"]
        document["auth_id"] = document.pop("contract_id")
        document["type"] = "RFID"
    assert (await peer.ask(gateway, version, "PUT", path, ours, document)).code == 1000

    answer = await peer.ask(gateway, version, "PATCH", path, ours, {"valid": False})

    assert answer.code == expected


@pytest.mark.parametrize(("set_by_operator", "posts"), [((), 2), (("no_cdr_repost",), 1)])
async def test_a_cdr_whose_answer_was_lost(gateway, new_peer, sender, set_by_operator, posts):
    """R14, ocpi-rules 15: posted again, or left to the partner's GET."""
    peer = await new_peer()

    async def broken(_request):
        return web.Response(status=502)

    peer.routes["/2.2.1/cdrs"] = broken
    partner = await registered(gateway, peer, *set_by_operator)
    books = gateway.store.party(ABC)
    change = books.change()
    books.cdrs.put(change, "C1", CHARGED, updated=gateway.clock)
    await gateway.store.commit(change)

    for _ in range(2):
        await sender.deliver(partner, ABC, CDR)

    assert len(paths(peer, "POST")) == 1 + posts  # the first is the handshake's
