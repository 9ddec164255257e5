"""A CDR, its Credit CDR and what follows it reach a partner in this order, whatever fails.

"After having sent the Credit CDR, the CPO can send a new CDR" (mod_cdrs, Credit CDRs).
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from aiohttp import web

from gateway.domain.bills.cdr_series import CdrPlace
from gateway.domain.bills.credit_cdrs import credit_object
from gateway.domain.delivery import ObjectKind
from tests.integration.deliveries.world import START, Emsp, Seen, World, cdr, failing, until

SERIES = [
    CdrPlace("S1"),
    CdrPlace("S1", credit=True),
    CdrPlace("S1", 1),
    CdrPlace("S1", 1, credit=True),
    CdrPlace("S1", 2),
]
IDS = [place.id for place in SERIES]


def bills() -> list[dict[str, Any]]:
    return [
        credit_object(cdr(CdrPlace("S1", place.number).id), place.id, START)
        if place.credit
        else cdr(place.id)
        for place in SERIES
    ]


def came(emsp: Emsp) -> list[str]:
    return [path.rpartition("/")[2] for path in emsp.held if "/cdrs/" in path]


async def test_after_an_outage_they_come_in_their_order(world: World) -> None:
    emsp = await world.emsp()
    emsp.answers(failing(503))
    await world.put_session("1", status="COMPLETED")
    for bill in bills():
        await world.put(ObjectKind.CDR, bill)
    await world.pass_time(30)
    emsp.interfere = None
    await world.pass_time(600)
    await world.delivered(emsp)
    assert came(emsp) == IDS


@pytest.mark.parametrize("seed", range(5))
async def test_in_whatever_order_they_are_owed_and_however_many_tries_fail(
    world: World, seed: int
) -> None:
    chance = Random(seed)
    emsp = await world.emsp()

    async def often_away(seen: Seen) -> web.StreamResponse | None:
        return failing(503)() if chance.random() < 0.5 else None

    async def away(seen: Seen) -> web.StreamResponse | None:
        return failing(503)()

    emsp.interfere = away
    for bill in chance.sample(bills(), len(IDS)):
        await world.put(ObjectKind.CDR, bill)
    await world.pass_time(30)  # what was on its way before the others were owed has failed
    emsp.interfere = often_away
    await world.pass_time(1_200)
    emsp.interfere = None
    await world.pass_time(600)
    await world.delivered(emsp)
    assert came(emsp) == IDS


async def test_one_that_is_refused_does_not_stop_those_after_it(world: World) -> None:
    emsp = await world.emsp()

    async def no_credits(seen: Seen) -> web.StreamResponse | None:
        return failing(400)() if (seen.body or {}).get("credit") else None

    emsp.interfere = no_credits
    for bill in bills()[:3]:
        await world.put(ObjectKind.CDR, bill)
    await until(lambda: IDS[2] in came(emsp))
    assert came(emsp) == [IDS[0], IDS[2]]


async def test_a_partner_of_2_1_1_gets_the_first_one_alone(world: World) -> None:
    """`Version.has_credit_cdrs`."""
    emsp = await world.emsp()
    await world.directory.save(replace(emsp.record(), version="2.1.1"))
    for bill in bills():
        await world.put(ObjectKind.CDR, bill)
    await world.delivered(emsp)
    assert came(emsp) == [IDS[0]]
