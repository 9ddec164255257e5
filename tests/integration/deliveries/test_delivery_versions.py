"""What is pushed, in every version: the same as a GET shows, and no more."""

from dataclasses import replace
from typing import Any

import pytest

from gateway import exact_json
from gateway.domain.delivery import ObjectKind, ObjectRef, VerdictKind
from gateway.domain.partners import Partner
from gateway.domain.party import Party
from gateway.domain.timestamps import from_text
from gateway.ocpi.incoming.calls import Call
from gateway.ocpi.incoming.message_routing import MessageRouting
from gateway.ocpi.modules.cdrs import CdrsSender
from gateway.ocpi.modules.locations import LocationsSender
from gateway.ocpi.modules.sessions import SessionsSender
from gateway.ocpi.modules.tariffs import TariffsSender
from gateway.ocpi.platform import Platform
from gateway.ocpi.pushes.audience import Audience
from gateway.ocpi.pushes.rendered import RenderedObjects
from gateway.ocpi.pushes.rendering import Renderer
from gateway.ocpi.versions import BY_NUMBER
from gateway.services.billing.tariffs import TariffBook
from gateway.services.roaming.hub_clients import HubClients
from gateway.services.roaming.parties import PartyBook, PartyInfo
from tests.integration.deliveries.world import (
    LOC1,
    PARTY,
    S1,
    Emsp,
    World,
    cdr,
    location,
    session,
    tariff,
)

VERSIONS = ("2.1.1", "2.2.1", "2.3.0")
OTHER = Party("BE", "OTH")


async def speaking(world: World, version: str) -> tuple[Emsp, Partner]:
    """A partner that has agreed on this version."""
    emsp = await world.emsp()
    partner = replace(emsp.record(), version=version)
    if not BY_NUMBER[version].has_roles:
        endpoints = tuple(replace(one, role="") for one in partner.endpoints)
        partner = replace(partner, endpoints=endpoints)
    await world.directory.save(partner)
    return emsp, partner


async def listed(world: World, partner: Partner, module: str, **dates: str) -> list[dict[str, Any]]:
    """What this partner gets in answer to a GET of the module."""
    version = BY_NUMBER[partner.version or ""]
    platform = Platform(PartyBook(PartyInfo(PARTY, "Ours")), "https://x.example")
    handler = {
        "locations": LocationsSender(version, platform, world.locations, RenderedObjects()).list,
        "sessions": SessionsSender(version, platform, world.store, Renderer(world.locations)).list,
        "cdrs": CdrsSender(version, platform, world.store).list,
        "tariffs": TariffsSender(
            version, platform, TariffBook(world.store, world.directory, world.clock.now)
        ).list,
    }[module]
    query = {"date_from": "2020-01-01T00:00:00Z"} | dates
    answer = await handler(Call(partner, "", "https://x.example/x", {}, query, MessageRouting()))
    items: list[dict[str, Any]] = exact_json.loads(exact_json.dumps(answer.data))
    return items


async def keep(world: World, kind: ObjectKind, document: dict[str, Any]) -> None:
    """Store it, listed for the partner and owed to it."""
    await world.put(kind, document)
    books = world.store.party(PARTY)
    change = books.change()
    documents = {ObjectKind.SESSION: books.sessions, ObjectKind.CDR: books.cdrs}.get(kind)
    if documents is not None:
        documents.list_for(change, document["id"], "emsp")
        await world.store.commit(change)


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_is_pushed_is_what_a_get_shows(world: World, version: str) -> None:
    """ocpi-rules 8, 24: one conversion for both, so that who mixes them is never confused."""
    emsp, partner = await speaking(world, version)
    await world.put_location("E1", "E2")
    await world.set_status("E1", "CHARGING")
    at = world.clock.now()
    await keep(world, ObjectKind.TARIFF, tariff("0.35"))
    await keep(world, ObjectKind.SESSION, session("1", "2", status="ACTIVE", id_="S1", at=at))
    await keep(world, ObjectKind.CDR, cdr())
    await world.pass_time(20)
    await world.delivered(emsp)

    for module in ("locations", "tariffs", "sessions", "cdrs"):
        pushed = [body for path, body in emsp.held.items() if path.startswith(f"/{module}/")]
        assert pushed == await listed(world, partner, module), module


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_ended_session_stays_as_it_was_sent_whatever_its_evse_does(
    world: World, version: str
) -> None:
    """ocpi-rules 24: 2.1.1 embeds the Location; a change needs a new last_updated."""
    emsp, partner = await speaking(world, version)
    await world.put_location("E1")
    await world.set_status("E1", "CHARGING")
    at = world.clock.now()
    await keep(world, ObjectKind.SESSION, session("1", "2", status="COMPLETED", id_="S1", at=at))
    await world.delivered(emsp)
    await world.pass_time(20)
    await world.set_status("E1", "OUTOFORDER")

    assert await listed(world, partner, "sessions") == [emsp.held[S1]]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_session_of_which_nothing_is_new_is_not_sent_once_more(
    world: World, version: str
) -> None:
    """As when a car begins to charge: the period that runs is told when it is over."""
    emsp, _ = await speaking(world, version)
    await world.put_location("E1")
    for _ in range(3):
        at = world.clock.now()
        await keep(world, ObjectKind.SESSION, session("1", status="ACTIVE", id_="S1", at=at))
        await world.delivered(emsp)
        await world.pass_time(20)

    assert [one for one in emsp.methods() if one.endswith(S1)] == [f"PUT {S1}"]


@pytest.mark.parametrize("version", VERSIONS)
async def test_whoever_pulls_from_the_last_update_that_it_saw_misses_nothing(
    world: World, version: str
) -> None:
    """ocpi-rules 7: in 2.1.1 a second may have had several changes; date_to ends before it."""
    _, partner = await speaking(world, version)
    await world.put_location("E1")
    updated = {}
    for name in ("S1", "S2"):
        world.clock.jump(0.3)
        at = updated[name] = world.clock.now()
        await keep(world, ObjectKind.SESSION, session("1", status="ACTIVE", id_=name, at=at))

    [first, last] = await listed(world, partner, "sessions")
    seen = first["last_updated"]
    since = await listed(world, partner, "sessions", date_from=seen)
    before = await listed(world, partner, "sessions", date_to=last["last_updated"])
    assert since == [first, last]
    assert [one["id"] for one in before] == ([] if version == "2.1.1" else ["S1"])
    assert all(from_text(one["last_updated"]) <= updated[one["id"]] for one in (first, last))


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_get_of_a_running_session_does_not_forestall_its_next_patch(
    world: World, version: str
) -> None:
    """ocpi-rules 10: charging_periods are appended; who has read one must not be sent it again."""
    emsp, partner = await speaking(world, version)
    await world.put_location("E1")
    await keep(
        world,
        ObjectKind.SESSION,
        session("1", "2", status="ACTIVE", id_="S1", at=world.clock.now()),
    )
    await world.delivered(emsp)
    [emsp.held[S1]] = await listed(world, partner, "sessions")
    await world.pass_time(20)
    await world.put_session("1", "2.5", "3", status="COMPLETED")
    await world.delivered(emsp)

    [truth] = await listed(world, partner, "sessions")
    # 2.1.1 does not say that a PATCH appends: a PUT is right in every reading
    method = "PUT" if version == "2.1.1" else "PATCH"
    assert emsp.methods()[-1] == f"{method} {S1}"
    assert emsp.held[S1]["charging_periods"] == truth["charging_periods"]
    assert len(truth["charging_periods"]) == 3


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_location_for_some_drivers_is_pushed_where_the_version_can_say_so(
    world: World, version: str
) -> None:
    """ocpi-rules: publish=false and publish_allowed_to (2.2.1 mod_locations 8.3.1).

    ocpi-rules: publish_allowed_to.
    """
    emsp, _ = await speaking(world, version)
    token = {"uid": "0123AB", "type": "RFID"}
    restricted = location("LOC1", "E1") | {"publish": False, "publish_allowed_to": [token]}
    await world.locations.put(PARTY, restricted)
    await world.locations.put(PARTY, location("LOC2", "E2") | {"publish": False})
    await world.delivered(emsp)

    assert list(emsp.held) == ([] if version == "2.1.1" else [LOC1])


async def test_a_withdrawn_location_is_out_of_service_where_publish_is_not_known(
    world: World,
) -> None:
    """ocpi-rules 13: OCPI 2.1.1 has neither `publish` nor a DELETE of locations."""
    emsp, _ = await speaking(world, "2.1.1")
    await world.put_location("E1", "E2")
    await world.delivered(emsp)
    await world.locations.put(PARTY, location("LOC1", "E1", "E2") | {"publish": False})
    await world.delivered(emsp)

    assert {evse["status"] for evse in emsp.held[LOC1]["evses"]} == {"REMOVED"}


async def test_a_party_that_a_partner_is_not_to_know_of_is_not_pushed_any_more(
    world: World,
) -> None:
    """S8: visibility holds at the moment of sending, not of marking."""
    emsp, partner = await speaking(world, "2.2.1")
    await world.put_location("E1")
    await world.delivered(emsp)
    parties = PartyBook(PartyInfo(PARTY, "Ours"))
    clients = HubClients(world.store, world.directory, parties, world.clock.now)
    audience = Audience(world.sender, world.store, clients)
    ref = ObjectRef(ObjectKind.LOCATION, "LOC1")

    before = await audience.deliver(partner, PARTY, ref)
    hidden = await audience.deliver(replace(partner, parties=frozenset({OTHER})), PARTY, ref)

    assert (before.kind, hidden.kind) == (VerdictKind.DELIVERED, VerdictKind.NOT_WANTED)
    assert len(emsp.requests) == 2
