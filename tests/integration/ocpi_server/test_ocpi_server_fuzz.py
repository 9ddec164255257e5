"""Valid bodies with one thing wrong, at random: never an HTTP error, never a 3xxx."""

import copy
import random

import pytest

from gateway.domain.party import Party

ABC = Party("NL", "ABC")
JUNK = [
    None, True, 0, -1, 2**62, 1.5, 1e300, "", "x" * 5000, "\u0000", "\ud83d\ude00", "é", [], {},
    [[]], [None], {"": None}, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:59", "N/A", "*:{}",
]  # fmt: skip


def spoiled(body, chance):
    """A copy in which one member, at any depth, is something else or gone or there twice over."""
    body = copy.deepcopy(body)
    place = body
    while True:
        key = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
        inner = place[key]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.7:
            place = inner
            continue
        if isinstance(place, dict) and chance.random() < 0.2:
            del place[key]
        else:
            place[key] = chance.choice(JUNK)
        return body


@pytest.mark.parametrize("seed", range(4))
async def test_no_spoiled_body_breaks_the_server(gateway, partner, token, location, seed):
    """ocpi-rules 11, S18: 2001 or success, in an envelope."""
    chance = random.Random(seed)
    _, secret = await gateway.registered(partner)
    await gateway.locations.put(ABC, location())
    full = token(
        visual_number="1",
        language="en",
        default_profile_type="GREEN",
        energy_contract={"supplier_name": "A", "contract_id": "1"},
    )
    command = {
        "response_url": "https://x.example/1",
        "token": full,
        "location_id": "LOC1",
        "evse_uid": "3256",
        "connector_id": "1",
        "authorization_reference": "r",
    }
    credentials = partner.credentials("not-accepted")

    for _ in range(40):
        for method, path, body in (
            ("PUT", "/tokens/DE/EMS/012345678", full),
            ("PATCH", "/tokens/DE/EMS/012345678", full),
            ("POST", "/commands/START_SESSION", command),
            ("PUT", "/credentials", credentials),
        ):
            answer = await gateway.ask(method, f"/2.2.1{path}", secret, spoiled(body, chance))
            assert answer.status in (200, 201), answer.body
            assert answer.code in (1000, 2001, 2003, 2004, 3001), answer.body
