"""A partner is away for an hour, or for three days, while everything changes again and again."""

import asyncio
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from gateway.domain.delivery import ObjectKind, ObjectRef
from gateway.store import Change, PartyStore
from tests.integration.deliveries.world import (
    PARTY,
    Emsp,
    World,
    location,
    session,
    tariff,
    until,
)

EVSES, SESSIONS, TARIFFS = 60, 30, 10  # of a fleet of size 1
PER_LOCATION = 30
STATUSES = ("AVAILABLE", "CHARGING", "BLOCKED", "OUTOFORDER")


_AT_ONCE = 50  # changes in one commit


class Fleet:
    """100 objects times `size`, and changes of them in a random order that visits each of them."""

    def __init__(self, world: World, chance: Random, size: int) -> None:
        self.world = world
        self._chance = chance
        self.locations = EVSES * size // PER_LOCATION
        self.others = (SESSIONS + TARIFFS) * size
        self._objects = [
            *(("evse", number) for number in range(EVSES * size)),
            *(("session", number) for number in range(SESSIONS * size)),
            *(("tariff", number) for number in range(TARIFFS * size)),
        ]
        self.objects = len(self._objects)
        self._order = self._endlessly()
        self._count = 0

    def _endlessly(self) -> Iterator[tuple[str, int]]:
        while True:
            yield from self._chance.sample(self._objects, len(self._objects))

    async def furnish(self) -> None:
        """The locations; sessions and tariffs come with their first change."""
        uids = [f"E{number}" for number in range(PER_LOCATION)]
        for number in range(self.locations):
            await self.world.put_location(*uids, id_=f"LOC{number}")

    async def change(self, times: int) -> None:
        """So many changes, several in each commit."""
        books = self.world.store.party(PARTY)
        while times > 0:
            change = books.change()
            for _ in range(min(times, _AT_ONCE)):
                self._one(books, change, *next(self._order))
            await self.world.store.commit(change)
            times -= _AT_ONCE

    def _one(self, books: PartyStore, change: Change, kind: str, number: int) -> None:
        self._count += 1
        now = self.world.clock.now()
        if kind == "evse":
            status = STATUSES[self._count % len(STATUSES)]
            location, uid = f"LOC{number // PER_LOCATION}", f"E{number % PER_LOCATION}"
            books.evses.put(change, location, uid, status, now)
            books.locations.touch(change, location, now)
            ref = ObjectRef(ObjectKind.EVSE, location, uid)
        elif kind == "session":
            document = session(str(self._count), status="ACTIVE", id_=f"S{number}", at=now)
            books.sessions.put(change, document["id"], document, updated=now)
            ref = ObjectRef(ObjectKind.SESSION, document["id"])
        else:
            document = tariff(str(self._count)) | {"id": f"T{number}"}
            books.tariffs.put(change, document["id"], document, updated=now)
            ref = ObjectRef(ObjectKind.TARIFF, document["id"])
        books.owed.mark(change, [emsp.id for emsp in self.world.emsps], ref)

    async def differences(self, emsp: Emsp) -> list[str]:
        """Where the partner does not hold what the store says."""
        books = self.world.store.party(PARTY)
        wrong = []
        for path, held in emsp.held.items():
            kind, id_ = path.split("/")[1], path.rpartition("/")[2]
            truth: Any
            if kind == "locations":
                truth = await self.world.locations.get(PARTY, id_)
                same = statuses(truth) == statuses(held)
            elif kind == "sessions":
                truth = await books.sessions.get(id_)
                same = truth["kwh"] == held["kwh"]
            else:
                truth = await books.tariffs.get(id_)
                price = truth["elements"][0]["price_components"][0]["price"]
                same = held["elements"][0]["price_components"][0]["price"] == price
            if not same:
                wrong.append(path)
        return wrong


def statuses(location: Any) -> dict[str, str]:
    return {evse["uid"]: evse["status"] for evse in location["evses"]}


@pytest.mark.parametrize(
    ("size", "hours", "changes"),
    [
        pytest.param(1, 1, 2_000, id="an hour"),
        pytest.param(
            5, 1, 10_000, id="a busy hour", marks=[pytest.mark.long, pytest.mark.timeout(180)]
        ),
        pytest.param(
            5, 72, 20_000, id="72 hours", marks=[pytest.mark.long, pytest.mark.timeout(300)]
        ),
    ],
)
async def test_a_partner_that_returns_is_told_each_changed_object_once_as_it_is_now(
    world: World, size: int, hours: int, changes: int
) -> None:
    """R11: 10,000 changes of 500 objects are 500 requests; ocpi-rules 15: none is replayed."""
    emsp = await world.emsp()
    fleet, rounds = Fleet(world, Random(4), size), 40
    await fleet.furnish()
    await world.delivered(emsp)
    await emsp.stop()
    for _ in range(rounds):
        await fleet.change(changes // rounds)
        await world.pass_time(hours * 3600 / rounds, step=hours * 3600 / rounds)
    assert (await world.status(emsp))["owed"] == fleet.objects
    before = len(emsp.requests)

    await emsp.start()
    await world.pass_time(310, step=310)
    await world.delivered(emsp)

    told = emsp.methods()[before:]
    assert len(told) <= fleet.objects
    assert len(set(told)) == len(told), "each once"
    assert await fleet.differences(emsp) == []
    assert len(emsp.held) == fleet.locations + fleet.others


async def test_a_location_and_its_evses_that_changed_are_one_request(world: World) -> None:
    """R11: a PUT of the location says all that PATCHes of its EVSEs would say."""
    emsp = await world.emsp()
    await world.put_location("E1", "E2", "E3")
    await world.delivered(emsp)
    await emsp.stop()
    for uid in ("E1", "E2", "E3"):
        await world.set_status(uid, "CHARGING")
    await world.locations.put(PARTY, location("LOC1", "E1", "E2", "E3") | {"name": "New"})
    await world.rest()
    await emsp.start()
    await world.pass_time(20)
    await world.delivered(emsp)

    assert emsp.methods()[1:] == ["PUT /locations/NL/CPO/LOC1"]
    assert set(statuses(emsp.held["/locations/NL/CPO/LOC1"]).values()) == {"CHARGING"}


async def test_an_evse_that_changes_while_its_location_is_put_is_told_after_it(
    world: World,
) -> None:
    """R11: no stale after new."""
    emsp = await world.emsp()
    await world.put_location("E1")
    await world.delivered(emsp)
    await emsp.stop()
    await world.set_status("E1", "AVAILABLE")
    await world.locations.put(PARTY, location("LOC1", "E1") | {"name": "New"})
    await world.rest()
    release = asyncio.Event()

    async def hold(seen: object) -> None:
        await release.wait()

    emsp.interfere = hold
    await emsp.start()
    world.clock.advance(60)
    await until(lambda: len(emsp.requests) == 2)
    await world.set_status("E1", "CHARGING")
    release.set()
    await world.delivered(emsp)

    assert [one.split()[0] for one in emsp.methods()[1:]] == ["PUT", "PATCH"]
    assert statuses(emsp.held["/locations/NL/CPO/LOC1"]) == {"E1": "CHARGING"}


async def test_no_healthy_partner_waits_for_a_dead_one(world: World) -> None:
    """R11, R13: while the dead one's request hangs, every change arrives at the others."""
    dead, *healthy = [await world.emsp(f"emsp{number}") for number in range(5)]
    hanging = asyncio.Event()

    async def hang(seen: object) -> None:
        await hanging.wait()

    def status_at(emsp: Emsp) -> str | None:
        held = emsp.held.get("/locations/NL/CPO/LOC1")
        return statuses(held)["E1"] if held else None

    dead.interfere = hang
    await world.put_location("E1")
    for status in STATUSES * 5:
        await world.set_status("E1", status)
        await until(lambda now=status: all(status_at(emsp) == now for emsp in healthy))

    assert dead.held == {}
    assert len(dead.requests) == 1, "what must not overtake goes one at a time"
    hanging.set()
    await world.delivered(dead)
    assert status_at(dead) == STATUSES[-1]
    assert len(dead.requests) <= 2 + 1


async def test_a_partner_that_answers_byte_by_byte_delays_nobody_else(world: World) -> None:
    """R13: one byte now and then, and never the end; others' pushes take less than 2 s."""
    slow, healthy = await world.emsp("slow"), await world.emsp("healthy")
    await slow.stop()
    writers: list[asyncio.StreamWriter] = []
    tasks: list[asyncio.Task[None]] = []

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.append(asyncio.current_task())  # type: ignore[arg-type]
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await asyncio.sleep(0.05)

    server = await asyncio.start_server(trickle, "127.0.0.1", slow.port)
    loop, took = asyncio.get_running_loop(), []
    for number in range(30):
        began = loop.time()
        await world.put_location("E1", id_=f"LOC{number}")
        await until(lambda due=number: len(healthy.held) > due)
        took.append(loop.time() - began)
    await until(lambda: len(writers) == 4)

    assert max(took) < 2.0, "from the change to the partner's copy"
    assert slow.held == {}
    assert (await world.status(slow))["owed"] == 30
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()
