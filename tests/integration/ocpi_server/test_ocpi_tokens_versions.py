"""Tokens in 2.1.1, 2.2.1 and 2.3.0: kept once, shown in the version asked; real-time questions."""

import base64
from dataclasses import replace

import pytest

from gateway.domain.partners import Endpoint
from gateway.domain.party import Party
from gateway.domain.tokens import AuthorizationStatus, TokenType
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.outgoing.client import OcpiClient
from gateway.ocpi.outgoing.safe_http import SafeHttp
from gateway.ocpi.tokens.token_authorizer import RealTimeAuthorizer

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
ABC = Party("NL", "ABC")
EMS = Party("DE", "EMS")
PATH = "/tokens/DE/EMS/012345678"
DATED = {"last_updated": "2026-03-01T00:00:00Z"}


@pytest.fixture(params=VERSIONS)
def version(request):
    return request.param


@pytest.fixture
async def ems(connected, version):
    return await connected("ems", ("EMSP", EMS), version=version)


@pytest.fixture
def written(version, token):
    """A Token in the words of the version."""

    def make(**changes):
        document = token(**changes)
        if version == "2.1.1":
            document["auth_id"] = document.pop("contract_id")
            del document["country_code"], document["party_id"]
        return document

    return make


@pytest.fixture
def ask(gateway, ems, version):
    """Call the gateway as the partner, in its version and its form of token."""

    async def call(method, path, body=None, version=version):
        secret = ems[1]
        form = secret if version == "2.1.1" else base64.b64encode(secret.encode()).decode()
        return await gateway.ask(
            method, f"/{version}{path}", None, body, Authorization=f"Token {form}"
        )

    return call


async def test_a_token_is_put_patched_and_read(ask, written, version):
    """ocpi-rules 11, 18; ocpi-rules: 2.1.1 shapes (mod_tokens 12.2.1; 2.1.1 mod_tokens.md 2.1)."""
    created = await ask("PUT", PATH, written())
    updated = await ask("PUT", PATH, written(issuer="Another"))
    patched = await ask("PATCH", PATH, {"valid": False} | DATED)
    read = await ask("GET", PATH)

    assert [one.status for one in (created, updated, patched)] == [201, 200, 200]
    assert errors(version, "Token", read.data) == []
    assert (read.data["valid"], read.data["issuer"]) == (False, "Another")
    assert read.data.keys() == written().keys()


async def test_a_patch_is_dated_but_in_211(ask, written, version):
    """ocpi-rules 9: 2001 without last_updated; 2.1.1 does not ask for it."""
    await ask("PUT", PATH, written())

    answer = await ask("PATCH", PATH, {"valid": False})

    assert answer.code == (1000 if version == "2.1.1" else 2001)
    assert (await ask("GET", PATH)).data["valid"] is (version != "2.1.1")


async def test_the_type_in_the_url_is_part_of_the_key(ask, written):
    """ocpi-rules 18: ?type, RFID when left out."""
    await ask("PUT", PATH, written())
    await ask("PUT", f"{PATH}?type=OTHER", written(type="OTHER", issuer="App"))

    assert (await ask("GET", PATH)).data["issuer"] == "An eMSP"
    assert (await ask("GET", f"{PATH}?type=OTHER")).data["issuer"] == "App"


async def test_the_party_in_the_url_is_the_partners(gateway, ask, written):
    """ocpi-rules: identity check. A 2.1.1 Token says nothing, so the URL decides; S10."""
    answer = await ask("PUT", "/tokens/FR/OTH/012345678", written())

    assert (answer.status, answer.code) == (200, 2001)
    assert await gateway.store.tokens.count() == 0


async def test_what_was_pushed_in_211_is_read_in_230(gateway, connected, token):
    """ocpi-rules: 2.1.1 shapes: kept as 2.3.0, with the party of the URL."""
    partner, secret = await connected("ems", ("EMSP", EMS), version="2.1.1")
    old = token()
    old["auth_id"] = old.pop("contract_id")
    del old["country_code"], old["party_id"]
    await gateway.ask("PUT", f"/2.1.1{PATH}", None, old, Authorization=f"Token {secret}")
    await gateway.directory.save(replace(partner, version="2.3.0"))

    read = await gateway.ask("GET", f"/2.3.0{PATH}", secret)

    assert errors("2.3.0", "Token", read.data) == []
    assert (read.data["party_id"], read.data["contract_id"]) == ("EMS", "DE8ACC12E46L89")


# --- real-time authorization ----------------------------------------------------------------------


@pytest.fixture
async def peer(new_peer):
    started = await new_peer()
    started.accepts.add("for-ems")
    return started


@pytest.fixture
async def authorize(connected, peer, version, stack):
    """Ask the partner about a card at an EVSE."""
    role = "" if version == "2.1.1" else "SENDER"
    endpoint = Endpoint("tokens", role, f"{peer.url}/{version}/tokens")
    partner, _ = await connected("ems", ("EMSP", EMS), version=version, endpoints=(endpoint,))
    http = SafeHttp(allow_private_hosts=True)
    stack.push_async_callback(http.close)
    authorizer = RealTimeAuthorizer(OcpiClient(http))

    async def ask(place=("LOC1", "3256")):
        return await authorizer.authorize(partner, ABC, "0123 AB", TokenType.RFID, place, EMS)

    return ask


def answering(peer, version, data, status=200, code=1000):
    async def answer(_request):
        answered = peer.answer(data, status)
        answered.text = answered.text.replace('"status_code": 1000', f'"status_code": {code}')
        return answered

    peer.routes[f"/{version}/tokens/0123 AB/authorize"] = answer


async def test_the_owner_is_asked_in_its_version(peer, version, authorize, token):
    """ocpi-rules 18 (mod_tokens 12.2.2.2): uid and type, and LocationReferences."""
    data = {"allowed": "ALLOWED", "location": {"location_id": "LOC1", "evse_uids": ["3256"]}}
    if version != "2.1.1":
        data |= {"token": token("0123 AB"), "authorization_reference": "R1"}
    answering(peer, version, data)

    decision = await authorize()

    assert decision.accepted
    assert decision.reference == (None if version == "2.1.1" else "R1")
    method, path, headers, body = peer.sent[-1]
    assert (method, path) == ("POST", f"/{version}/tokens/0123%20AB/authorize?type=RFID")
    assert errors(version, "LocationReferences", body) == []
    assert body == {"location_id": "LOC1", "evse_uids": ["3256"]}
    assert ("OCPI-to-party-id" in headers) is (version != "2.1.1")


async def test_a_card_that_its_owner_does_not_know(peer, version, authorize):
    """ocpi-rules 11: HTTP 404 with 2004."""
    answering(peer, version, None, 404, 2004)
    assert (await authorize()).status is AuthorizationStatus.INVALID


async def test_an_evse_that_is_left_out_is_not_allowed(peer, version, authorize):
    """mod_tokens 12.3.1: "Only the EVSEs the EV driver is allowed to charge at are returned"."""
    place = {"location_id": "LOC1", "evse_uids": ["another"]}
    answering(peer, version, {"allowed": "ALLOWED", "location": place})
    assert (await authorize()).status is AuthorizationStatus.NOT_ALLOWED_AT_LOCATION


async def test_the_drivers_text_is_handed_on(peer, version, authorize):
    """mod_tokens 12.3.1: `info`, "additional information to the EV driver"."""
    told = {"language": "nl", "text": "Saldo te laag"}
    answering(peer, version, {"allowed": "NO_CREDIT", "info": told})
    decision = await authorize()
    assert decision.status is AuthorizationStatus.NO_CREDIT
    assert (decision.info.language, decision.info.text) == ("nl", "Saldo te laag")


async def test_a_value_that_is_not_available_is_kept_as_it_is(ask, written, version):
    """ocpi-rules: #NA (transport_and_format, No data available)."""
    body = written(issuer="#NA", contract_id="#NA", visual_number="#NA")

    assert (await ask("PUT", PATH, body)).code == 1000

    kept = (await ask("GET", PATH)).data
    contract = "auth_id" if version == "2.1.1" else "contract_id"
    assert (kept["issuer"], kept[contract], kept["visual_number"]) == ("#NA",) * 3


async def test_a_token_without_a_uid_is_none(ask, gateway, written):
    """ocpi-rules: #NA. What is to be found by its uid has to have one."""
    answer = await ask("PUT", "/tokens/DE/EMS/%23NA", written(uid="#NA"))

    assert (answer.status, answer.code) == (200, 2001)
    assert await gateway.store.tokens.find("#NA") == []
