"""Commands as partners send them; what the service does with them is tested elsewhere."""

from datetime import UTC, datetime

import pytest

from gateway.domain.party import Party
from gateway.services.charging.in_flight import CommandAnswer
from gateway.services.charging.targets import Place

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
    [(to, request)] = gateway.commands.started
    assert to.partner.name == "a partner"
    assert (to.party, to.sender) == (XYZ, Party("DE", "EMS"))
    assert to.url == RESPONSE_URL
    assert request.token["uid"] == "012345678"
    assert (request.location_id, request.evse_uid, request.connector_id) == ("LOC1", "3256", None)
    assert request.authorization_reference == "ref-1"


@pytest.mark.parametrize("absent", [None, ""])
async def test_evse_and_reference_are_optional(gateway, secret, start, absent):
    """ocpi-rules 17. Peers in Go send what they leave out as an empty string."""
    answer = await send(
        gateway, secret, "START_SESSION", start(evse_uid=absent, authorization_reference=absent)
    )

    assert answer.data["result"] == "ACCEPTED"
    assert gateway.commands.started[0][1].evse_uid is None
    assert gateway.commands.started[0][1].authorization_reference is None


@pytest.mark.parametrize("changes", [{"location_id": "nope"}, {"evse_uid": "nowhere"}])
async def test_an_unknown_location_is_http_200_with_2003(gateway, secret, start, changes):
    """ocpi-rules 11."""
    answer = await send(gateway, secret, "START_SESSION", start(**changes))

    assert (answer.status, answer.code) == (200, 2003)
    assert gateway.commands.started == []


@pytest.mark.parametrize(
    ("allowed", "code"), [([{"uid": "0123AB", "type": "RFID"}], 1000), (None, 2003)]
)
async def test_a_session_starts_where_the_partner_may_show_the_location(
    gateway, secret, start, location, allowed, code
):
    """ocpi-rules: publish_allowed_to: whose driver sees it may start there; nobody else knows."""
    hidden = location() | {"publish": False}
    await gateway.locations.put(XYZ, hidden | ({"publish_allowed_to": allowed} if allowed else {}))

    answer = await send(gateway, secret, "START_SESSION", start())

    assert answer.code == code
    assert len(gateway.commands.started) == (code == 1000)


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
        {"location_id": ""},
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
    token = {"country_code": "DE", "party_id": "EMS"}
    session = {"id": "S1", "cdr_token": token}
    [partner] = gateway.directory.all()
    books.sessions.put(change, "S1", session, updated=datetime.now(UTC), partner_id=partner.id)
    await gateway.store.commit(change)
    gateway.commands.answer = CommandAnswer("REJECTED", 30, "Not yours")

    answer = await send(
        gateway, secret, "STOP_SESSION", {"response_url": RESPONSE_URL, "session_id": "s1"}
    )

    strict("CommandResponse", answer.data)
    assert answer.data["result"] == "REJECTED"
    assert answer.data["message"] == [{"language": "en", "text": "Not yours"}]
    assert [(to.party, id_) for to, id_ in gateway.commands.stopped] == [(XYZ, "s1")]


async def test_an_unknown_session_is_a_result_not_an_error(gateway, secret, strict):
    """CommandResponseType UNKNOWN_SESSION."""
    answer = await send(
        gateway, secret, "STOP_SESSION", {"response_url": RESPONSE_URL, "session_id": "none"}
    )

    strict("CommandResponse", answer.data)
    assert (answer.status, answer.data["result"]) == (200, "UNKNOWN_SESSION")


async def test_the_session_of_anothers_token_is_unknown(gateway, secret):
    """S8: that it exists is nobody else's business."""
    books = gateway.store.party(XYZ)
    change = books.change()
    session = {"id": "S2", "cdr_token": {"country_code": "DE", "party_id": "EVL"}}
    books.sessions.put(change, "S2", session, updated=datetime.now(UTC))
    await gateway.store.commit(change)

    body = {"response_url": RESPONSE_URL, "session_id": "S2"}
    answer = await send(gateway, secret, "STOP_SESSION", body)

    assert answer.data["result"] == "UNKNOWN_SESSION"
    assert gateway.commands.stopped == []


async def test_reserve_now_is_handed_over(gateway, secret, strict, start):
    """mod_commands 13.3.5."""
    body = start(reservation_id="R1", expiry_date="2026-03-01T13:00:00")
    answer = await send(gateway, secret, "RESERVE_NOW", body)

    strict("CommandResponse", answer.data)
    assert answer.data == {"result": "ACCEPTED", "timeout": 30}
    [(to, order)] = gateway.commands.reserved
    assert (to.url, to.party, to.sender) == (RESPONSE_URL, XYZ, Party("DE", "EMS"))
    assert (order.reservation_id, order.place) == ("R1", Place("LOC1", "3256"))
    assert order.expires_at == datetime(2026, 3, 1, 13, tzinfo=UTC)
    assert order.authorization_reference == "ref-1"
    assert order.token["uid"] == "012345678"


@pytest.mark.parametrize(
    "changes",
    [
        {"reservation_id": None},
        {"reservation_id": "x" * 37},
        {"reservation_id": True},
        {"expiry_date": None},
        {"expiry_date": "tomorrow"},
        {"expiry_date": 7},
        {"token": None},
        {"response_url": None},
    ],
)
async def test_an_incomplete_reserve_now_is_2001(gateway, secret, start, changes):
    """ocpi-rules 11."""
    whole = {"reservation_id": "R1", "expiry_date": "2026-03-01T13:00:00Z"}
    answer = await send(gateway, secret, "RESERVE_NOW", start(**whole | changes))

    assert (answer.status, answer.code) == (200, 2001)
    assert gateway.commands.reserved == []


async def test_a_reservation_is_cancelled_by_the_partners_id(gateway, secret, strict):
    """mod_commands 13.3.1."""
    body = {"response_url": RESPONSE_URL, "reservation_id": "R1"}
    answer = await send(gateway, secret, "CANCEL_RESERVATION", body)

    strict("CommandResponse", answer.data)
    assert answer.data["result"] == "ACCEPTED"
    assert "R1" in [id_ for _, id_ in gateway.commands.cancelled]


async def test_a_reservation_nobody_knows_is_rejected(gateway, secret, strict):
    """ocpi-rules 16: UNKNOWN_RESERVATION is a word of the other enum."""
    body = {"response_url": RESPONSE_URL, "reservation_id": "R2"}
    answer = await send(gateway, secret, "CANCEL_RESERVATION", body)

    strict("CommandResponse", answer.data)
    assert (answer.status, answer.data["result"]) == (200, "REJECTED")


async def test_unlock_connector_needs_all_three_ids(gateway, secret, strict):
    """mod_commands 13.3.8."""
    body = {"response_url": RESPONSE_URL, "location_id": "LOC1", "evse_uid": "3256"}
    incomplete = await send(gateway, secret, "UNLOCK_CONNECTOR", body)
    answer = await send(gateway, secret, "UNLOCK_CONNECTOR", body | {"connector_id": "1"})

    assert (incomplete.status, incomplete.code) == (200, 2001)
    strict("CommandResponse", answer.data)
    [(to, place)] = gateway.commands.unlocked
    assert (to.party, place) == (XYZ, Place("LOC1", "3256", "1"))


async def test_other_commands_are_not_supported(gateway, secret, strict):
    """ocpi-rules 16: a CommandResponse, with its own enum."""
    answer = await send(gateway, secret, "DANCE", {"response_url": RESPONSE_URL})

    strict("CommandResponse", answer.data)
    assert (answer.status, answer.data["result"]) == (200, "NOT_SUPPORTED")
    assert answer.data["message"]
