"""Commands as partners send them; what the service does with them is tested elsewhere."""

from datetime import UTC, datetime

import pytest

from gateway.domain.party import Party
from gateway.services.charging.commands import CommandAnswer

ABC = Party("NL", "ABC")
XYZ = Party("DE", "XYZ")
RESPONSE_URL = "https://emsp.example/ocpi/commands/START_SESSION/1?x=%2F"


@pytest.fixture
def start(token):
    def make(**changes):
        body = {
            "response_url": RESPONSE_URL,
            "token": token(valid=False, whitelist="NEVER"),
            "location_id": "LOC1",
            "evse_uid": "3256",
            "authorization_reference": "ref-1",
        } | changes
        return {name: value for name, value in body.items() if value is not None}

    return make


@pytest.fixture
async def secret(gateway, partner, location):
    _, token = await gateway.registered(partner)
    await gateway.locations.put(XYZ, location())
    return token


async def send(gateway, secret, command, body, **headers):
    return await gateway.ask("POST", f"/2.2.1/commands/{command}", secret, body, **headers)


async def test_start_session_is_handed_over_and_answered_at_once(gateway, secret, strict, start):
    """ocpi-rules 16 and 17: the token's validity is the eMSP's matter; no data is lost."""
    answer = await send(gateway, secret, "START_SESSION", start())

    assert (answer.status, answer.code) == (200, 1000)
    strict("CommandResponse", answer.data)
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    [(partner, party, request)] = gateway.commands.started
    assert partner.name == "a partner"
    assert party == XYZ
    assert request.response_url == RESPONSE_URL
    assert request.token["uid"] == "012345678"
    assert (request.location_id, request.evse_uid, request.connector_id) == ("LOC1", "3256", None)
    assert request.authorization_reference == "ref-1"


async def test_evse_and_reference_are_optional(gateway, secret, start):
    """ocpi-rules 17."""
    answer = await send(
        gateway, secret, "START_SESSION", start(evse_uid=None, authorization_reference=None)
    )

    assert answer.data["result"] == "ACCEPTED"
    assert gateway.commands.started[0][2].evse_uid is None


@pytest.mark.parametrize("changes", [{"location_id": "nope"}, {"evse_uid": "nowhere"}])
async def test_an_unknown_location_is_http_200_with_2003(gateway, secret, start, changes):
    """ocpi-rules 11."""
    answer = await send(gateway, secret, "START_SESSION", start(**changes))

    assert (answer.status, answer.code) == (200, 2003)
    assert gateway.commands.started == []


async def test_the_location_must_be_the_addressed_partys(gateway, secret, start):
    """ocpi-rules 25."""
    answer = await send(
        gateway,
        secret,
        "START_SESSION",
        start(),
        OCPI_to_country_code="NL",
        OCPI_to_party_id="ABC",
    )

    assert answer.code == 2003


@pytest.mark.parametrize(
    "changes",
    [
        {"response_url": None},
        {"response_url": "not a url"},
        {"response_url": "file:///etc/passwd"},
        {"response_url": "ftp://emsp.example/"},
        {"response_url": "http://"},
        {"response_url": "http://user@emsp.example/"},
        {"response_url": "https://emsp.example/" + "x" * 3000},
        {"response_url": 7},
        {"token": None},
        {"token": {}},
        {"token": "012345678"},
        {"location_id": None},
        {"location_id": 1},
        {"location_id": "x" * 37},
        {"evse_uid": []},
        {"evse_uid": None, "connector_id": "1"},
        {"authorization_reference": "x" * 37},
    ],
)
async def test_an_incomplete_start_session_is_2001(gateway, secret, start, changes):
    """ocpi-rules 11, S11: `response_url` is looked at before anything is done."""
    answer = await send(gateway, secret, "START_SESSION", start(**changes))

    assert (answer.status, answer.code) == (200, 2001)
    assert gateway.commands.started == []


async def test_another_emsps_token_is_refused(gateway, secret, start, token):
    """S10: "SHALL only use Token that are owned by this eMSP"."""
    answer = await send(gateway, secret, "START_SESSION", start(token=token(party_id="EVL")))

    assert answer.code == 2001
    assert gateway.commands.started == []


async def test_stop_session_finds_the_party_of_the_session(gateway, secret, strict):
    """mod_commands 13.3.7."""
    books = gateway.store.party(XYZ)
    change = books.change()
    books.sessions.put(change, "S1", {"id": "S1"}, updated=datetime.now(UTC))
    await gateway.store.commit(change)
    gateway.commands.answer = CommandAnswer("REJECTED", 30, "Not yours")

    answer = await send(
        gateway, secret, "STOP_SESSION", {"response_url": RESPONSE_URL, "session_id": "s1"}
    )

    strict("CommandResponse", answer.data)
    assert answer.data["result"] == "REJECTED"
    assert answer.data["message"] == [{"language": "en", "text": "Not yours"}]
    assert [(call[1], call[3]) for call in gateway.commands.stopped] == [(XYZ, "s1")]


async def test_an_unknown_session_is_a_result_not_an_error(gateway, secret, strict):
    """CommandResponseType UNKNOWN_SESSION."""
    answer = await send(
        gateway, secret, "STOP_SESSION", {"response_url": RESPONSE_URL, "session_id": "none"}
    )

    strict("CommandResponse", answer.data)
    assert (answer.status, answer.data["result"]) == (200, "UNKNOWN_SESSION")


@pytest.mark.parametrize(
    "command", ["RESERVE_NOW", "CANCEL_RESERVATION", "UNLOCK_CONNECTOR", "DANCE"]
)
async def test_other_commands_are_not_supported(gateway, secret, strict, command):
    """ocpi-rules 16: a CommandResponse, with its own enum."""
    answer = await send(gateway, secret, command, {"response_url": RESPONSE_URL})

    strict("CommandResponse", answer.data)
    assert (answer.status, answer.data["result"]) == (200, "NOT_SUPPORTED")
    assert answer.data["message"]
