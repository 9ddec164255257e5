"""Deliveries to partners that fail in every way, told as outages."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from random import Random

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from gateway.delivery import DeliveryPolicy
from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.domain.partners import PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.store import Store
from gateway.store.keys import lease
from tests.integration.deliveries.world import (
    LOC1,
    PARTY,
    S1,
    START,
    T1,
    Seen,
    World,
    cdr,
    cdr_token,
    envelope,
    failing,
    location,
    session,
    tariff,
    until,
)

# --- what is sent, when all is well -----------------------------------------------------------


async def test_a_new_location_is_put_whole(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1", "E2")
    await until(lambda: emsp.methods() == [f"PUT {LOC1}"])
    assert [evse["uid"] for evse in emsp.held[LOC1]["evses"]] == ["E1", "E2"]


async def test_a_status_change_is_patched_with_last_updated(world: World) -> None:
    """ocpi-rules 9: a PATCH carries last_updated."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    world.clock.advance(1)
    await world.set_status("E1", "CHARGING")
    await until(lambda: len(emsp.requests) == 2)
    patch = emsp.requests[1]
    assert (patch.method, patch.path) == ("PATCH", f"{LOC1}/E1")
    assert patch.body == {"status": "CHARGING", "last_updated": "2026-11-22T08:00:01.000Z"}


async def test_a_location_put_after_a_status_change_carries_its_lifted_time(world: World) -> None:
    """ocpi-rules 8: last_updated is lifted from EVSE to Location."""
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    world.clock.advance(5)
    await world.set_status("E1", "CHARGING")
    emsp.interfere = None
    await world.pass_time(20)
    held = emsp.held[LOC1]
    assert held["last_updated"] == held["evses"][0]["last_updated"] == "2026-11-22T08:00:05.000Z"


async def test_an_evse_of_a_location_that_the_partner_never_got_brings_the_location(
    world: World,
) -> None:
    await world.put_location("E1")
    emsp = await world.emsp()
    await world.set_status("E1", "CHARGING")
    await until(lambda: emsp.methods() == [f"PUT {LOC1}"])
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"


async def test_a_partner_that_forgot_a_location_gets_it_whole_again(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    emsp.held.clear()
    await world.set_status("E1", "CHARGING")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PATCH {LOC1}/E1", f"PUT {LOC1}"]
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"


async def test_a_removed_evse_is_told_as_a_status_and_never_deleted(world: World) -> None:
    """ocpi-rules 13: never delete an EVSE; no DELETE on locations."""
    emsp = await world.emsp()
    await world.put_location("E1", "E2")
    await world.delivered(emsp)
    await world.put_location("E1")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PUT {LOC1}"]
    statuses = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    assert statuses["E2"] == "REMOVED"


async def test_a_withdrawn_location_is_told_to_who_has_it(world: World) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    assert emsp.held[LOC1]["publish"] is False


async def test_nothing_that_happens_at_a_withdrawn_location_is_told_any_more(world: World) -> None:
    """ocpi-rules: publish=false ("SHALL NOT be published via OCPI", 2.3.0 mod_locations 8)."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    told = list(emsp.requests)
    await world.set_status("E1", "CHARGING")
    await world.locations.put(PARTY, location("LOC1", "E1", "E2") | {"publish": False})
    await world.delivered(emsp)
    assert emsp.requests == told


async def test_an_evse_of_a_location_whose_withdrawal_was_refused_is_no_patch(world: World) -> None:
    """ocpi-rules: publish=false: whoever has it is told of the withdrawal, and of nothing else."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    emsp.answers(lambda: envelope(2000))
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    emsp.interfere = None
    await world.set_status("E1", "CHARGING")
    await world.delivered(emsp)
    assert emsp.methods()[-1] == f"PUT {LOC1}"
    assert emsp.held[LOC1]["publish"] is False


async def test_a_location_that_is_not_published_is_not_told_to_who_has_it_not(
    world: World,
) -> None:
    emsp = await world.emsp()
    await world.locations.put(PARTY, location("LOC1", "E1") | {"publish": False})
    await world.delivered(emsp)
    assert emsp.requests == []


async def test_a_tariff_is_put_and_when_it_is_gone_deleted(world: World) -> None:
    """ocpi-rules 13: Tariff has DELETE, and no PATCH after 2.1.1."""
    emsp = await world.emsp()
    await world.put(ObjectKind.TARIFF, tariff("0.25"))
    await world.delivered(emsp)
    await world.put(ObjectKind.TARIFF, tariff("0.30"))
    await world.delivered(emsp)
    store = world.store.party(PARTY)
    change = store.change()
    store.tariffs.remove(change, "T1")
    store.owed.mark(change, ["emsp"], ObjectRef(ObjectKind.TARIFF, "T1"))
    await world.store.commit(change)
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {T1}", f"PUT {T1}", f"DELETE {T1}"]


async def test_deleting_a_tariff_that_the_partner_does_not_hold_is_done(world: World) -> None:
    emsp = await world.emsp()
    store = world.store.party(PARTY)
    change = store.change()
    store.owed.mark(change, ["emsp"], ObjectRef(ObjectKind.TARIFF, "T1"))
    await world.store.commit(change)
    await world.delivered(emsp)
    assert (await world.status(emsp))["refused"] == 0


async def test_pushes_are_routed_from_our_party_to_the_partners(world: World) -> None:
    """ocpi-rules 25."""
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    headers = emsp.requests[0].headers
    assert (headers["ocpi-from-country-code"], headers["ocpi-from-party-id"]) == ("NL", "CPO")
    assert (headers["ocpi-to-country-code"], headers["ocpi-to-party-id"]) == ("DE", "MSP")


async def test_a_hub_gets_locations_as_a_broadcast_and_sessions_for_the_tokens_owner(
    world: World,
) -> None:
    """ocpi-rules 25: to=hub is Broadcast Push, not for sessions and CDRs."""
    hub = await world.emsp()
    roles = (PartnerRole("HUB", Party("BE", "HUB"), "hub"),)
    await world.directory.save(replace(hub.record(), roles=roles))
    await world.put_location("E1")
    await world.delivered(hub)
    await world.put_session("1")
    await world.delivered(hub)
    receivers = [seen.headers["ocpi-to-party-id"] for seen in hub.requests]
    assert receivers == ["HUB", "MSP"]


async def test_a_partner_without_the_module_is_not_told(world: World) -> None:
    emsp = await world.emsp()
    endpoints = tuple(one for one in emsp.record().endpoints if one.identifier != "cdrs")
    await world.directory.save(replace(emsp.record(), endpoints=endpoints))
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert emsp.requests == []


# --- sessions ---------------------------------------------------------------------------------


async def test_a_session_is_put_once_and_then_patched(world: World) -> None:
    """ocpi-rules 10: the periods of a PATCH are appended."""
    emsp = await world.emsp()
    for kwh in (["1"], ["2", "1"], ["2", "3"], ["2", "4", "1"]):
        await world.put_session(*kwh)
        await world.delivered(emsp)
        await world.pass_time(20)
    await world.put_session("2", "4", "5", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", *[f"PATCH {S1}"] * 4]
    truth = await world.truth()
    assert emsp.held[S1]["charging_periods"] == truth["charging_periods"]
    assert emsp.held[S1]["kwh"] == truth["kwh"]
    assert emsp.held[S1]["status"] == "COMPLETED"


async def test_a_session_that_the_partner_holds_as_it_is_is_not_told_again(world: World) -> None:
    """Found with foreign platforms: a PATCH of nothing but the last_updated that they had."""
    emsp = await world.emsp()
    document = session("1", status="ACTIVE", id_="S1", at=world.clock.now())
    for _ in range(2):
        await world.put(ObjectKind.SESSION, document)
        await world.delivered(emsp)
        await world.pass_time(20)
    assert emsp.methods() == [f"PUT {S1}"]


async def test_after_a_lost_answer_the_session_is_put_and_no_period_comes_twice(
    world: World,
) -> None:
    """ocpi-rules 10: the partner took the PATCH, the answer was lost."""
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    await world.pass_time(20)
    emsp.lose_next_answers = 1
    await world.put_session("2", "1")
    await until(lambda: len(emsp.requests) == 2)
    await world.pass_time(20)
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PATCH {S1}", f"PUT {S1}"]
    await world.put_session("2", "3", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


async def test_a_period_that_is_corrected_after_it_was_sent_brings_a_put(world: World) -> None:
    """ocpi-rules 10: a PUT replaces the periods."""
    emsp = await world.emsp()
    await world.put_session("2", "1")
    await world.delivered(emsp)
    await world.pass_time(20)
    await world.put_session("2.5", "1", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PUT {S1}"]
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


async def test_a_partner_that_refuses_patches_gets_the_session_whole(world: World) -> None:
    emsp = await world.emsp()

    async def no_patch(seen: Seen) -> web.StreamResponse | None:
        return envelope(2000, http=405) if seen.method == "PATCH" else None

    emsp.interfere = no_patch
    await world.put_session("1")
    await world.delivered(emsp)
    await world.put_session("2", "1", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {S1}", f"PATCH {S1}", f"PUT {S1}"]
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]


@pytest.mark.parametrize("answer", [failing(500), lambda: envelope(3000)])
async def test_a_partner_that_chokes_on_a_patch_is_sent_the_whole_next_time(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    emsp = await world.emsp()

    async def choke(seen: Seen) -> web.StreamResponse | None:
        return answer() if seen.method == "PATCH" else None

    emsp.interfere = choke
    await world.put_location("E1")
    await world.put_session("1")
    await world.delivered(emsp)
    await world.set_status("E1", "CHARGING")
    await world.put_session("2", status="COMPLETED")
    await world.pass_time(60)
    await world.delivered(emsp)
    assert emsp.held[LOC1]["evses"][0]["status"] == "CHARGING"
    assert emsp.held[S1]["status"] == "COMPLETED"


async def test_updates_of_a_running_session_are_pushed_at_most_every_ten_seconds(
    world: World,
) -> None:
    emsp = await world.emsp()
    for tenth in range(100):
        await world.put_session(f"{tenth}")
        await world.pass_time(1, step=1)
    await world.pass_time(10)
    assert 10 <= len(emsp.requests) <= 12
    assert emsp.held[S1]["kwh"] == 99


async def test_the_end_of_a_session_does_not_wait(world: World) -> None:
    emsp = await world.emsp()
    await world.put_session("1")
    await world.delivered(emsp)
    await world.put_session("2")
    await world.rest()
    assert len(emsp.requests) == 1
    await world.put_session("3", status="COMPLETED")
    await until(lambda: len(emsp.requests) == 2)
    assert emsp.requests[1].body["status"] == "COMPLETED"


async def test_many_waiting_sessions_do_not_hold_up_other_objects(world: World) -> None:
    emsp = await world.emsp()
    for number in range(60):
        await world.put_session("1", id_=f"S{number}")
    await world.delivered(emsp)
    for number in range(60):
        await world.put_session("2", id_=f"S{number}")
    await world.put_location("E1")
    await until(lambda: LOC1 in emsp.held)


async def test_the_session_reaches_the_partner_before_its_cdr(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_session("1", status="COMPLETED", id_="X1")
    await world.put(ObjectKind.CDR, cdr("X1"))
    emsp.interfere = None
    await world.pass_time(30)
    done = [entry for entry in emsp.methods() if "X1" in entry or "POST" in entry]
    assert done[-2:] == ["PUT /sessions/NL/CPO/X1", "POST /cdrs"]


async def test_a_session_that_changes_after_its_cdr_was_made_still_goes_first(world: World) -> None:
    """Marked anew, it stands behind its CDR in what is owed."""
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put(ObjectKind.CDR, cdr("X1"))
    await world.put_session("1", status="COMPLETED", id_="X1")
    emsp.interfere = None
    await world.pass_time(30)
    done = [entry for entry in emsp.methods() if "X1" in entry or "POST" in entry]
    # the first try may have been the CDR, while its session was not owed yet
    assert done[-2:] == ["PUT /sessions/NL/CPO/X1", "POST /cdrs"]


# --- CDRs -------------------------------------------------------------------------------------


async def test_a_cdr_is_posted_once_and_its_location_is_kept(world: World) -> None:
    """ocpi-rules 19: the answer to POST carries Location; a CDR is immutable."""
    emsp = await world.emsp()
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert emsp.methods() == ["POST /cdrs"]
    assert b"10.0001" in emsp.requests[0].raw
    known = await world.store.party(PARTY).owed.known("emsp", ObjectRef(ObjectKind.CDR, "C1"))
    assert known == "https://emsp.example/cdrs/C1"


async def test_a_cdr_whose_answer_was_lost_is_posted_again_with_the_same_body(
    world: World,
) -> None:
    """Fault R14; ocpi-rules 19: same id and body, and 409 counts as delivered."""
    emsp = await world.emsp()
    emsp.lose_next_answers = 1
    await world.put(ObjectKind.CDR, cdr())
    await until(lambda: len(emsp.requests) == 1)
    await world.pass_time(20)
    await world.delivered(emsp)
    first, second = emsp.requests
    assert first.raw == second.raw
    assert (await world.status(emsp))["refused"] == 0
    assert list(emsp.held) == ["/cdrs/C1"]


async def test_a_2xxx_that_says_already_there_counts_as_delivered(world: World) -> None:
    """Fault R14."""
    emsp = await world.emsp()
    body = {"status_code": 2000, "status_message": "CDR already exists"}
    emsp.answers(lambda: web.json_response(body))
    await world.put(ObjectKind.CDR, cdr())
    await world.delivered(emsp)
    assert (await world.status(emsp))["delivered"] == 1


async def test_a_partner_may_be_spared_a_second_post(world: World) -> None:
    """ocpi-rules 15: no blind replay, for a partner that asks for it."""
    emsp = await world.emsp()
    await world.directory.save(replace(emsp.record(), quirks=frozenset({"no_cdr_repost"})))
    emsp.lose_next_answers = 1
    await world.put(ObjectKind.CDR, cdr())
    await until(lambda: len(emsp.requests) == 1)
    await world.pass_time(20)
    await world.delivered(emsp)
    assert len(emsp.requests) == 1
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["cdr/C1"]


@pytest.mark.parametrize("kind", [ObjectKind.CDR, ObjectKind.SESSION])
async def test_what_belongs_to_another_partys_token_is_never_sent(
    world: World, kind: ObjectKind
) -> None:
    """ocpi-rules 19 and 25: only to the party concerned, no broadcast."""
    emsp = await world.emsp()
    document = (
        cdr() if kind is ObjectKind.CDR else session("1", status="ACTIVE", id_="S1", at=START)
    )
    await world.put(kind, document | {"cdr_token": cdr_token(Party("FR", "XXX"))})
    await world.delivered(emsp)
    assert emsp.requests == []


async def test_energy_goes_out_in_kwh(world: World) -> None:
    """ocpi-rules 24: kWh, digit for digit."""
    emsp = await world.emsp()
    await world.put_session("0.0001", "10", status="COMPLETED")
    await world.delivered(emsp)
    assert emsp.held[S1]["kwh"] == Decimal("10.0001")


# --- outages ----------------------------------------------------------------------------------


async def test_a_partner_that_was_away_for_an_hour_gets_each_dirty_object_once_as_it_is_now(
    world: World,
) -> None:
    """Fault R11; ocpi-rules 15: messages are not queued."""
    emsp = await world.emsp()
    await world.put_location("E1", "E2", "E3")
    await world.delivered(emsp)
    await emsp.stop()
    for minute in range(60):
        await world.set_status("E1", ("CHARGING", "AVAILABLE")[minute % 2])
        await world.put_session(f"{minute}")
        await world.pass_time(60, step=60)
    await world.set_status("E2", "OUTOFORDER")
    await world.put_session("60", status="COMPLETED")
    before = len(emsp.requests)
    await emsp.start()
    await world.pass_time(300)
    await world.delivered(emsp)
    after = emsp.methods()[before:]
    assert sorted(after) == [f"PATCH {LOC1}/E1", f"PATCH {LOC1}/E2", f"PUT {S1}"]
    statuses = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    assert (statuses["E1"], statuses["E2"]) == ("AVAILABLE", "OUTOFORDER")
    assert (emsp.held[S1]["kwh"], emsp.held[S1]["status"]) == (60, "COMPLETED")


async def test_a_partner_that_is_down_is_tried_ever_less_often(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await world.pass_time(3600, step=30)
    assert 10 <= len(emsp.requests) <= 35


async def test_a_partner_that_calls_us_is_tried_at_once(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await world.pass_time(600)
    emsp.interfere = None
    world.clock.advance(2)
    await world.rest()
    assert LOC1 not in emsp.held
    world.deliveries.wake(emsp.id)
    await until(lambda: LOC1 in emsp.held)


async def test_a_slow_partner_does_not_delay_a_healthy_one(world: World) -> None:
    """Fault R13."""
    slow, healthy = await world.emsp("slow"), await world.emsp("healthy")
    release = asyncio.Event()

    async def hold(seen: Seen) -> None:
        await release.wait()

    slow.interfere = hold
    for number in range(20):
        await world.put_location("E1", id_=f"LOC{number}")
    await until(lambda: len(healthy.held) == 20)
    assert slow.held == {}
    release.set()
    await until(lambda: len(slow.held) == 20)


async def test_only_so_many_requests_are_in_flight_to_one_partner(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()
    inside = most = 0

    async def count(seen: Seen) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        await release.wait()
        inside -= 1

    emsp.interfere = count
    for number in range(20):
        await world.put_location("E1", id_=f"LOC{number}")
    await until(lambda: inside == 4)
    release.set()
    await until(lambda: len(emsp.held) == 20)
    assert most == 4


async def test_a_change_during_a_push_is_pushed_after_it_and_never_before(world: World) -> None:
    """No stale after new: one request in flight per location with its EVSEs."""
    emsp = await world.emsp()
    release = asyncio.Event()

    async def hold_the_put(seen: Seen) -> None:
        if seen.method == "PUT":
            await release.wait()

    emsp.interfere = hold_the_put
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    for status in ("CHARGING", "AVAILABLE", "BLOCKED"):
        await world.set_status("E1", status)
    await asyncio.sleep(0.05)
    assert len(emsp.requests) == 1
    release.set()
    await world.delivered(emsp)
    assert emsp.methods() == [f"PUT {LOC1}", f"PATCH {LOC1}/E1"]
    assert emsp.held[LOC1]["evses"][0]["status"] == "BLOCKED"


async def test_random_outages_end_with_the_partner_holding_the_truth(world: World) -> None:
    """Fault R11: no stale after new, whatever is lost on the way."""
    emsp = await world.emsp()
    chance = Random(11)

    async def misbehave(seen: Seen) -> web.StreamResponse | None:
        if chance.random() < 0.3:
            return chance.choice([failing(500), failing(503, Retry_After="2")])()
        emsp.lose_next_answers = int(chance.random() < 0.3)
        return None

    await world.put_location("E1", "E2")
    emsp.interfere = misbehave
    kwh = ["1"]
    for step in range(20):
        await world.set_status(chance.choice(["E1", "E2"]), chance.choice(["CHARGING", "BLOCKED"]))
        kwh[-1] = str(step)
        if chance.random() < 0.3:
            kwh.append("0")
        await world.put_session(*kwh, status="COMPLETED" if step == 19 else "ACTIVE")
        await world.pass_time(5, step=5)
    emsp.interfere, emsp.lose_next_answers = None, 0
    await world.pass_time(600)
    await world.delivered(emsp)
    assert emsp.held[S1]["charging_periods"] == (await world.truth())["charging_periods"]
    held = {evse["uid"]: evse["status"] for evse in emsp.held[LOC1]["evses"]}
    shown = await world.locations.get(PARTY, "LOC1")
    assert shown is not None
    assert held == {evse["uid"]: evse["status"] for evse in shown["evses"]}


# --- refusals and poison ----------------------------------------------------------------------


async def test_a_refused_object_does_not_block_the_others(world: World) -> None:
    emsp = await world.emsp()

    async def refuse_one(seen: Seen) -> web.StreamResponse | None:
        return envelope(2001) if "LOC0" in seen.path else None

    emsp.interfere = refuse_one
    for number in range(5):
        await world.put_location("E1", id_=f"LOC{number}")
    await world.delivered(emsp)
    assert len(emsp.held) == 4
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["location/LOC0"]
    assert "2001" in refused[0]["reason"]


async def test_an_object_that_the_partner_chokes_on_does_not_block_the_others_for_ever(
    world: World,
) -> None:
    emsp = await world.emsp()

    async def choke(seen: Seen) -> web.StreamResponse | None:
        return web.Response(status=500) if "LOC0" in seen.path else None

    emsp.interfere = choke
    await world.put_location("E1", id_="LOC0")
    for number in range(1, 12):
        await world.put_location("E1", id_=f"LOC{number}")
        await world.pass_time(60)
        assert f"/locations/NL/CPO/LOC{number}" in emsp.held
    await world.pass_time(600)
    await world.delivered(emsp)
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["location/LOC0"]


async def test_429_is_waited_for_as_long_as_it_says(world: World) -> None:
    """Fault R12: Retry-After, also when the partner calls us meanwhile."""
    emsp = await world.emsp()
    emsp.answers(failing(429, Retry_After="120"))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    emsp.interfere = None
    await world.pass_time(110)
    world.deliveries.wake(emsp.id)
    await world.rest()
    assert len(emsp.requests) == 1
    await world.pass_time(20)
    assert LOC1 in emsp.held


@pytest.mark.parametrize(
    "answer",
    [
        failing(302, Location="http://127.0.0.1:1/"),
        failing(403),
        failing(500),
        failing(503),
        lambda: envelope(3000),
        lambda: envelope(4003),
        lambda: web.Response(text="<html>maintenance</html>"),
        lambda: web.Response(body=b'{"status_code": 10'),
    ],
)
async def test_an_answer_that_is_no_verdict_keeps_the_object_owed(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    """Fault R12; ocpi-rules 12 for the hub's codes."""
    emsp = await world.emsp()
    emsp.answers(answer)
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    status = await world.status(emsp)
    assert (status["owed"], status["refused"], status["failures"]) == (1, 0, 1)
    emsp.interfere = None
    await world.pass_time(20)
    assert LOC1 in emsp.held


@pytest.mark.parametrize(
    "answer",
    [
        failing(400),
        failing(404),
        failing(405),
        lambda: envelope(2000),
        lambda: envelope(2003),
        lambda: envelope(4001),
    ],
)
async def test_an_answer_that_is_a_verdict_ends_the_objects_turn(
    world: World, answer: Callable[[], web.StreamResponse]
) -> None:
    """Fault R12; ocpi-rules 12: 4001, unknown receiver."""
    emsp = await world.emsp()
    emsp.answers(answer)
    await world.put_location("E1")
    await world.delivered(emsp)
    status = await world.status(emsp)
    assert (status["refused"], status["failures"], len(emsp.requests)) == (1, 0, 1)


async def test_a_document_that_cannot_be_rendered_does_not_block_the_others(
    world: World,
) -> None:
    emsp = await world.emsp()
    broken = cdr("C0")
    del broken["total_cost"]["before_taxes"]
    await world.put(ObjectKind.CDR, broken)
    await world.put(ObjectKind.CDR, cdr("C1"))
    await world.delivered(emsp)
    assert list(emsp.held) == ["/cdrs/C1"]
    refused = await world.store.party(PARTY).owed.refused("emsp")
    assert [entry["object"] for entry in refused] == ["cdr/C0"]


# --- suspension -------------------------------------------------------------------------------


async def test_401_suspends_the_partner_with_one_alert(world: World) -> None:
    """Fault R12."""
    emsp = await world.emsp()
    emsp.answers(failing(401))
    with capture_logs() as logs:
        for number in range(8):
            await world.put_location("E1", id_=f"LOC{number}")
        await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
        await world.pass_time(600)
    assert len(emsp.requests) <= 4
    assert len([entry for entry in logs if entry["log_level"] == "error"]) == 1
    assert (await world.status(emsp))["owed"] == 8


async def test_a_suspended_partner_that_calls_us_is_tried_again(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(401))
    await world.put_location("E1")
    await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
    emsp.interfere = None
    await world.pass_time(60)
    world.deliveries.wake("emsp")
    await until(lambda: LOC1 in emsp.held)
    partner = world.directory.get("emsp")
    assert partner is not None
    assert partner.state is PartnerState.REGISTERED


async def test_a_partner_that_still_says_401_is_not_tried_with_every_call(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(401))
    await world.put_location("E1")
    await until(lambda: world.directory.get("emsp").state is PartnerState.SUSPENDED)  # type: ignore[union-attr]
    for _ in range(100):
        partner = world.directory.get("emsp")
        assert partner is not None
        await world.directory.resume(partner)
        world.deliveries.wake("emsp")
        await world.pass_time(1, step=1)
    assert len(emsp.requests) <= 3


async def test_a_401_to_a_token_that_was_just_replaced_does_not_suspend(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()

    async def old_token(seen: Seen) -> web.StreamResponse | None:
        if len(emsp.requests) > 1:
            return None
        await release.wait()
        return web.Response(status=401)

    emsp.interfere = old_token
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.directory.save(replace(emsp.record(), outbound_token="token-d"))
    release.set()
    await until(lambda: LOC1 in emsp.held)
    partner = world.directory.get("emsp")
    assert partner is not None
    assert partner.state is PartnerState.REGISTERED


async def test_a_401_does_not_undo_a_token_that_came_on_another_node(world: World) -> None:
    """S9: what is suspended is the registration that was used, not one that came after it."""
    emsp = await world.emsp()
    await world.directory.close()  # this node does not hear of it

    async def renewed(seen: Seen) -> web.StreamResponse:
        await world.store.partners.put(replace(emsp.record(), outbound_token="token-d"))
        emsp.interfere = None
        return web.Response(status=401)

    emsp.interfere = renewed
    await world.put_location("E1")
    await until(lambda: LOC1 in emsp.held)
    partner = await world.store.partners.get("emsp")
    assert partner is not None
    assert (partner.outbound_token, partner.state) == ("token-d", PartnerState.REGISTERED)


async def test_a_removed_partner_is_no_longer_told_and_owed_nothing(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(500))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.directory.remove("emsp")
    owed = world.store.party(PARTY).owed
    async with asyncio.timeout(5):
        while await owed.count("emsp"):  # noqa: ASYNC110 - kept by the store
            await asyncio.sleep(0.01)
    assert await world.deliveries.status("emsp") is None


async def test_every_party_of_ours_is_looked_after_without_a_poll(world: World) -> None:
    """Whose objects are owed is told with the wake-up; no other party has to be asked."""
    others = [Party("NL", f"P{number:02d}") for number in range(20)]
    world.parties += others
    emsp = await world.emsp()
    for count, party in enumerate((others[3], PARTY, others[-1], others[3]), 1):
        await world.locations.put(party, location("LOC1", "E1") | {"name": f"{count}"})
        await until(lambda due=count: len(emsp.requests) == due)
        await world.delivered(emsp)
    assert sorted(emsp.held) == [LOC1, *(f"/locations/NL/{one}/LOC1" for one in ("P03", "P19"))]


# --- several nodes ----------------------------------------------------------------------------


async def test_exactly_one_of_two_nodes_delivers_and_the_other_takes_over(
    world: World, redis_url: str
) -> None:
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    other_store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    other = world.node(other_store)
    await other.start()
    for number in range(2, 12):
        await world.put_location("E1", id_=f"LOC{number}")
    await world.delivered(emsp)
    assert len(emsp.requests) == 11
    await world.deliveries.close()
    await world.put_location("E1", id_="LOC99")
    async with asyncio.timeout(10):
        while "/locations/NL/CPO/LOC99" not in emsp.held:
            world.clock.advance(10)
            await asyncio.sleep(0.02)
    assert len(emsp.requests) == 12
    await other.close()
    await other_store.close()


@pytest.mark.parametrize("answered", [True, False], ids=["answered", "in flight"])
async def test_a_push_that_outlived_its_lease_is_made_good(
    world: World, redis_url: str, answered: bool
) -> None:
    """R25, ocpi-rules 10: a node that was held up appends after the other one has replaced."""
    emsp = await world.emsp()
    await world.put_session("1", "2")
    await world.delivered(emsp)
    release = asyncio.Event()

    async def late(seen: Seen) -> None:
        if seen.method == "PATCH":
            await release.wait()

    emsp.interfere = late
    world.clock.advance(10)
    await world.put_session("1", "2", "3")
    await until(lambda: emsp.requests[-1].method == "PATCH")
    await world.store.redis.delete(lease("delivery:emsp"))
    other_store = await Store.open(redis_url, secret_key=bytes(range(32)), node_id="node-2")
    other = world.node(other_store)
    await other.start()
    await until(lambda: [seen.method for seen in emsp.requests].count("PUT") == 2)
    release.set()
    if answered:
        world.clock.jump(31)
    else:
        world.clock.advance(31)
    await until(lambda: [seen.method for seen in emsp.requests].count("PUT") == 3)
    assert [one["dimensions"][0]["volume"] for one in emsp.held[S1]["charging_periods"]] == [1, 2]
    await other.close()
    await other_store.close()


async def test_close_lets_a_push_in_flight_end(world: World) -> None:
    emsp = await world.emsp()
    release = asyncio.Event()

    async def hold(seen: Seen) -> None:
        await release.wait()

    emsp.interfere = hold
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    closing = asyncio.create_task(world.deliveries.close())
    await asyncio.sleep(0)
    release.set()
    await closing
    assert LOC1 in emsp.held
    assert await world.store.party(PARTY).owed.count("emsp") == 0


async def test_a_401_right_after_the_registration_does_not_suspend(world: World) -> None:
    """R12: our pushes may be there before our answer, which makes the partner take the token."""
    world.policy = DeliveryPolicy(settling=10)
    await world.restart()
    emsp = await world.emsp()
    emsp.answers(failing(401))
    await world.put_location("E1")
    await until(lambda: len(emsp.requests) == 1)
    await world.rest()
    partner = world.directory.get("emsp")
    assert partner is not None
    assert partner.state is PartnerState.REGISTERED
    emsp.interfere = None
    await world.pass_time(10, step=1)
    assert LOC1 in emsp.held


async def test_a_party_that_a_dead_node_left_out_is_introduced(world: World) -> None:
    """A node that dies between the registration and owing everything loses nothing."""
    emsp = await world.emsp()
    await world.directory.save(replace(emsp.record(), state=PartnerState.INVITED))
    await world.put_location("E1")
    left = replace(emsp.record(), to_introduce=frozenset({PARTY}))
    await world.directory.save(left)
    await until(lambda: LOC1 in emsp.held)
    await until(lambda: not world.directory.get("emsp").to_introduce)  # type: ignore[union-attr]
