"""Nobody reads or writes what is another's: partners, hubs, several parties of ours, all versions.

Every object is made with words of its own, so that whatever of it appears anywhere in any answer
is seen (S8); writes in another's name change nothing in the store (S10); no answer holds an
identity of a charge point (S7).
"""

import json
import random
from dataclasses import dataclass, replace
from typing import Any

import pytest

from gateway.domain.partners import Partner
from gateway.domain.party import Party

ABC, XYZ = Party("NL", "ABC"), Party("DE", "XYZ")
HUB, NET = Party("DE", "HUB"), Party("DE", "NET")
NAMES = ("ONE", "TWO", "THR", "FOU", "FIV", "SIX", "SEV", "EIG")
EMSPS = {name: Party("FR", name) for name in NAMES}
VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
ROUTED = ("2.2.1", "2.3.0")
SINCE = "date_from=2020-01-01T00:00:00Z"


@dataclass
class Reader:
    """Somebody who asks: as whom, with what headers, and whose words it may find."""

    name: str
    partner: Partner
    token: str
    headers: dict[str, str]
    own: set[str]
    ours: tuple[Party, ...]


async def token_of(gateway, partner, owner, uid):
    document = {
        "country_code": owner.country_code,
        "party_id": owner.party_id,
        "uid": uid,
        "type": "RFID",
        "contract_id": f"contract-of-{uid}",
        "issuer": "x",
        "valid": True,
        "whitelist": "ALWAYS",
        "last_updated": "2026-02-01T00:00:00Z",
    }
    await gateway.store.tokens.put(partner.id, document)


@pytest.fixture
async def readers(gateway, connected, charged, routed, location, tariff):
    """An eMSP of each version, one that sees one party only, and two behind a hub of each kind.

    Each has sessions, CDRs and tokens whose ids contain its name; each of our parties has a
    location and a tariff with its name.
    """
    for ours in (ABC, XYZ):
        await gateway.locations.put(ours, location(f"LOC-{ours.party_id}"))
        await gateway.tariffs.put(ours, tariff(f"TAR-{ours.party_id}"))
    made = []
    for name, version in zip(("ONE", "TWO", "THR"), VERSIONS, strict=True):
        partner, token = await connected(name, ("EMSP", EMSPS[name]), version=version)
        made.append(Reader(name, partner, token, {}, {name}, (ABC, XYZ)))
    near, token = await connected("FOU", ("EMSP", EMSPS["FOU"]), parties=frozenset({XYZ}))
    made.append(Reader("FOU", near, token, {}, {"FOU"}, (XYZ,)))
    hub, hub_token = await connected("hub", ("HUB", HUB), hub_party=HUB)
    clients = [("EMSP", EMSPS[name]) for name in ("SEV", "EIG")]
    net, net_token = await connected("net", *clients, version="2.3.0", hub_party=NET)
    for name, behind, token in (
        ("FIV", hub, hub_token),
        ("SIX", hub, hub_token),
        ("SEV", net, net_token),
        ("EIG", net, net_token),
    ):
        made.append(Reader(name, behind, token, routed(EMSPS[name]), {name}, (ABC, XYZ)))
    for reader in made:
        owner = EMSPS[reader.name]
        for ours in (ABC, XYZ):
            await charged(f"{reader.name}-{ours.party_id}", reader.partner, owner, ours)
        await token_of(gateway, reader.partner, owner, f"{reader.name}-UID")
    made.append(Reader("HUB", hub, hub_token, routed(HUB), {"FIV", "SIX"}, (ABC, XYZ)))
    made.append(Reader("NET", net, net_token, routed(NET), {"SEV", "EIG"}, (ABC, XYZ)))
    return made


def party_of(reader):
    return EMSPS.get(reader.name) or {"HUB": HUB, "NET": NET}[reader.name]


def words(owner, parties=(ABC, XYZ)):
    return [f"{owner}-{ours.party_id}" for ours in parties] + [f"{owner}-UID"]


def foreign(reader):
    """Words that must never be in an answer to this reader."""
    others = [word for name in EMSPS if name not in reader.own for word in words(name)]
    hidden = [ours for ours in (ABC, XYZ) if ours not in reader.ours]
    return [
        *others,
        *(f"{name}-{ours.party_id}" for name in EMSPS for ours in hidden),
        *(f"LOC-{ours.party_id}" for ours in hidden),
        *(f"TAR-{ours.party_id}" for ours in hidden),
        "SECRET-",  # every OCPP identity of the locations begins so
        "charge_point",
    ]


def paths(version, rng):
    """Every GET there is, with ids of everybody and of nobody."""
    ids = [word for name in EMSPS for word in words(name)]
    ids += ["LOC-ABC", "LOC-XYZ", "TAR-ABC", "TAR-XYZ", "SECRET-LOC-ABC", "3256", "%2e%2e", "*"]
    ids += ["".join(rng.choices("ABCDEF0123456789-*{}:", k=rng.randint(1, 36))) for _ in range(8)]
    lists = [f"/sessions?{SINCE}", "/cdrs", "/tariffs", "/locations", f"/cdrs?{SINCE}&limit=1000"]
    lists += [f"/sessions?{SINCE}&offset={offset}&limit=1" for offset in range(4)]
    singles = [f"/locations/{id_}" for id_ in ids] + ["/locations/LOC-ABC/3256/1"]
    singles += [f"/sessions/{id_}" for id_ in ids[:3]] + [f"/cdrs/{id_}" for id_ in ids[:3]]
    singles += [f"/tariffs/{id_}" for id_ in ids[-4:]]
    for party in (*EMSPS.values(), ABC, HUB):
        space = f"/tokens/{party.country_code}/{party.party_id}"
        singles += [f"{space}/{name}-UID" for name in EMSPS] + [f"{space}/ONE-UID?type=OTHER"]
        singles.append(f"/hubclientinfo/{party.country_code}/{party.party_id}")
    url = "response_url=https://x.example/r"
    singles += [f"/chargingprofiles/{id_}?duration=60&{url}" for id_ in ids[:6]]
    further = ["/invoicereconciliation", "/payments/terminals", "/charging_preferences"]
    return [f"/{version}{path}" for path in [*lists, *further, *singles]]


def some(reader, every, share, rng):
    """The lists and what is the reader's own, and of all others a part."""
    own = [path for path in every if path.count("/") == 2 or f"/{reader.name}-UID" in path]
    own += [path for path in every if path.endswith("-UID") and reader.name in ("HUB", "NET")]
    rest = [path for path in every if path not in set(own)]
    return own + rng.sample(rest, len(rest) // share)


@pytest.mark.parametrize("share", [5, pytest.param(1, marks=pytest.mark.long)])
async def test_no_partner_finds_anything_of_another_by_any_get(gateway, readers, share):
    """S8, S7: N partners x all GETs x random ids: 0 leaks; and each finds its own."""
    rng = random.Random(8)
    leaks, asked = [], 0
    for reader in readers:
        found = ""
        version = reader.partner.version
        for path in some(reader, paths(version, rng), share, rng):
            answer = await gateway.ask("GET", path, reader.token, **reader.headers)
            asked += 1
            data = json.dumps(answer.body.get("data"), default=str)
            assert answer.status < 500, (reader.name, path, answer.body)
            leaks += [(reader.name, path, word) for word in foreign(reader) if word in data]
            found += data
        own = [word for name in reader.own for word in words(name, reader.ours)]
        own += [f"LOC-{ours.party_id}" for ours in reader.ours]
        own += [f"TAR-{ours.party_id}" for ours in reader.ours]
        assert [word for word in own if word not in found] == [], reader.name
    assert leaks == []
    assert asked > 1_000 // share


async def test_the_total_of_a_list_counts_nothing_of_others(gateway, readers):
    """S8, ocpi-rules 6: X-Total-Count, too, would tell how much another has."""
    for reader in readers:
        for module in (f"sessions?{SINCE}", "cdrs"):
            path = f"/{reader.partner.version}/{module}"
            answer = await gateway.ask("GET", path, reader.token, **reader.headers)
            assert answer.headers["X-Total-Count"] == str(len(reader.own) * len(reader.ours))


async def test_what_is_in_the_way_of_a_stranger_says_no_more_than_what_is_not_there(
    gateway, readers
):
    """S8: the answer to another's id is the answer to an id of nobody, byte for byte."""
    for reader in readers:
        version = reader.partner.version
        own = party_of(reader)
        other = next(name for name in EMSPS if name not in reader.own)
        space = f"{EMSPS[other].country_code}/{EMSPS[other].party_id}"
        pairs = [(f"/tokens/{space}/{other}-UID", f"/tokens/{space}/NOBODY")]
        mine = f"{own.country_code}/{own.party_id}"
        pairs.append((f"/tokens/{mine}/{other}-UID", f"/tokens/{mine}/NOBODY"))
        if ABC not in reader.ours:
            pairs.append(("/locations/LOC-ABC", "/locations/NOBODY"))
        for there, nowhere in pairs:
            answers = [
                await gateway.ask("GET", f"/{version}{path}", reader.token, **reader.headers)
                for path in (there, nowhere)
            ]
            first, second = ((a.status, a.code, a.body["status_message"]) for a in answers)
            assert first == second, (reader.name, there)


# --- writes ---------------------------------------------------------------------------------------


async def everything(gateway) -> dict[str, Any]:
    """The whole store, but for leases, which expire."""
    redis = gateway.store.redis
    readers = {
        b"hash": redis.hgetall,
        b"set": redis.smembers,
        b"string": redis.get,
        b"zset": lambda key: redis.zrange(key, 0, -1, withscores=True),
        b"list": lambda key: redis.lrange(key, 0, -1),
    }
    keys = [key async for key in redis.scan_iter("gw:*") if b":lease:" not in key]
    return {key.decode(): await readers[await redis.type(key)](key) for key in keys}


def token_body(owner, uid, version):
    body = {
        "uid": uid,
        "type": "RFID",
        "issuer": "x",
        "valid": False,
        "whitelist": "NEVER",
        "last_updated": "2026-03-01T00:00:00Z",
    }
    if version == "2.1.1":
        return body | {"auth_id": f"contract-of-{uid}"}
    party = {"country_code": owner.country_code, "party_id": owner.party_id}
    return body | party | {"contract_id": f"contract-of-{uid}"}


def command(url="https://x.example/r", **members):
    return {"response_url": url, **members}


def forged_writes(reader, version, routed):
    """Writes that are not the reader's to make: method, path, body, headers."""
    other = next(name for name in EMSPS if name not in reader.own)
    theirs = EMSPS[other]
    mine = party_of(reader)
    space, own = (f"{one.country_code}/{one.party_id}" for one in (theirs, mine))
    ours = reader.ours[0].party_id
    patch = {"valid": False, "last_updated": "2026-03-01T00:00:00Z"}
    stranger = token_body(theirs, f"{other}-UID", version)
    # URL party
    yield "PUT", f"/tokens/{space}/{other}-UID", stranger, reader.headers
    yield "PATCH", f"/tokens/{space}/{other}-UID", patch, reader.headers
    # another's token in one's own space
    yield "PATCH", f"/tokens/{own}/{other}-UID", patch, reader.headers
    session = f"{other}-{ours}"
    yield "POST", "/commands/STOP_SESSION", command(session_id=session), reader.headers
    yield (
        "DELETE",
        f"/chargingprofiles/{session}?response_url=https://x.example/r",
        None,
        (reader.headers),
    )
    yield (
        "PUT",
        f"/sessions/{session}/charging_preferences",
        {"profile_type": "CHEAP"},
        (reader.headers),
    )
    yield (
        "PUT",
        f"/hubclientinfo/{space}",
        {
            "country_code": mine.country_code,
            "party_id": mine.party_id,
            "role": "EMSP",
            "status": "OFFLINE",
            "last_updated": "2026-03-01T00:00:00Z",
        },
        reader.headers,
    )
    if version == "2.1.1":
        return
    # body party
    yield "PUT", f"/tokens/{own}/{other}-UID", stranger, reader.headers
    start = command(token=stranger, location_id=f"LOC-{ours}", evse_uid="3256")
    reserve = start | {"expiry_date": "2027-01-01T00:00:00Z", "reservation_id": "r"}
    if reader.name != "HUB":  # a 2.2.1 hub, which does not say whom it carries, may carry anybody
        yield "POST", "/commands/START_SESSION", start, reader.headers
        yield "POST", "/commands/RESERVE_NOW", reserve, reader.headers
    # OCPI-from party: of another partner, of the platform itself, half of one
    right = token_body(mine, f"{reader.name}-UID", version)
    forged = [routed(reader.ours[0]), {"OCPI_from_party_id": "ONE"}]
    if not reader.partner.is_hub:
        forged.append(routed(theirs))
    for headers in forged:
        yield "PUT", f"/tokens/{own}/{reader.name}-UID", right, headers
    # OCPI-to a party that is not there, or that the partner is not to know of
    for receiver in (Party("IT", "NON"), *(one for one in (ABC, XYZ) if one not in reader.ours)):
        headers = reader.headers | routed(None, receiver)
        yield "PUT", f"/tokens/{own}/{reader.name}-UID", right, headers


async def test_a_write_in_anothers_name_is_refused_and_writes_nothing(gateway, readers, routed):
    """S10: OCPI-from party, body party, URL party that are not the sender's: 0 writes.

    ocpi-rules: identity check.
    """
    before = await everything(gateway)
    refused = 0
    for reader in readers:
        version = reader.partner.version
        for method, path, body, headers in forged_writes(reader, version, routed):
            answer = await gateway.ask(method, f"/{version}{path}", reader.token, body, **headers)
            result = (answer.body.get("data") or {}).get("result")
            ok = answer.code >= 2000 or result in ("UNKNOWN_SESSION", "REJECTED")
            assert ok or result == "NOT_SUPPORTED", (reader.name, method, path, answer.body)
            assert answer.status < 500, (reader.name, method, path)
            refused += 1
    assert await everything(gateway) == before
    assert gateway.commands.started == gateway.commands.stopped == []
    assert refused > 100


async def test_the_same_write_in_ones_own_name_is_taken(gateway, readers):
    """S10: or the test before would show nothing."""
    for reader in readers:
        if reader.name not in EMSPS:
            continue
        owner = EMSPS[reader.name]
        version = reader.partner.version
        path = f"/{version}/tokens/{owner.country_code}/{owner.party_id}/{reader.name}-UID"
        body = token_body(owner, f"{reader.name}-UID", version)
        answer = await gateway.ask("PUT", path, reader.token, body, **reader.headers)
        assert answer.code == 1000, (reader.name, version, answer.body)


# --- our parties ---------------------------------------------------------------------------------


async def test_without_ocpi_to_a_list_has_all_parties_that_the_partner_sees(
    gateway, readers, routed
):
    """ocpi-rules 25 (4.2.5, Open Routing): and with it that party's alone."""
    by_name = {reader.name: reader for reader in readers}
    cases = [
        ("TWO", None, ["LOC-ABC", "LOC-XYZ"]),
        ("TWO", ABC, ["LOC-ABC"]),
        ("TWO", XYZ, ["LOC-XYZ"]),
        ("FOU", None, ["LOC-XYZ"]),
        ("FOU", XYZ, ["LOC-XYZ"]),
    ]
    for name, receiver, expected in cases:
        reader = by_name[name]
        headers = routed(EMSPS[name], receiver)
        answer = await gateway.ask("GET", "/2.2.1/locations", reader.token, **headers)
        assert [one["id"] for one in answer.data] == expected
        assert answer.headers["X-Total-Count"] == str(len(expected))


@pytest.mark.parametrize("version", ROUTED)
async def test_a_party_that_the_partner_does_not_see_is_an_unknown_receiver(
    gateway, readers, routed, version
):
    """ocpi-rules 25, 12: the same answer as for a party that is not there."""
    near = next(reader for reader in readers if reader.name == "FOU")
    await gateway.directory.save(replace(near.partner, version=version))
    answers = [
        await gateway.ask("GET", f"/{version}/locations", near.token, **routed(None, receiver))
        for receiver in (ABC, Party("NL", "NON"))
    ]

    assert [(one.status, one.code) for one in answers] == [(200, 2001)] * 2
    hidden, unknown = (one.body["status_message"] for one in answers)
    assert hidden.replace("NL*ABC", "NL*NON") == unknown


async def test_our_roles_are_those_parties_that_the_partner_sees(gateway, readers):
    """ocpi-rules 3: Credentials, and after a change of visibility at once."""
    near = next(reader for reader in readers if reader.name == "FOU")

    async def roles():
        answer = await gateway.ask("GET", "/2.2.1/credentials", near.token)
        return [(one["country_code"], one["party_id"]) for one in answer.data["roles"]]

    assert await roles() == [("DE", "XYZ")]
    await gateway.directory.save(replace(near.partner, parties=None))
    assert await roles() == [("NL", "ABC"), ("DE", "XYZ")]


async def test_routing_headers_mean_nothing_in_2_1_1(gateway, readers, routed):
    """ocpi-rules 25: neither read nor answered. ocpi-rules: 2.1.1 shapes."""
    old = next(reader for reader in readers if reader.partner.version == "2.1.1")
    answer = await gateway.ask(
        "GET", "/2.1.1/locations", old.token, **routed(Party("XX", "XXX"), Party("XX", "YYY"))
    )

    assert answer.code == 1000
    assert [name for name in answer.headers if name.lower().startswith("ocpi-")] == []
