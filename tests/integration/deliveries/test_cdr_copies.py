"""The operator reads a CDR back from the partner that has taken it."""

import json
from decimal import Decimal

import pytest

from gateway.domain.delivery import ObjectKind
from gateway.ocpi.pushes.cdr_copies import differences
from gateway.services.ports import CopyUnreadable
from tests.integration.deliveries.world import PARTY, Emsp, Seen, World, cdr, envelope, until

HERE = "/cdrs/C1"


async def delivered(world: World, *, location: str = HERE) -> Emsp:
    """A partner that has taken the CDR and said where it keeps it."""
    emsp = await world.emsp()

    async def take(seen: Seen) -> object:
        if seen.method != "POST":
            return None
        emsp.held[HERE] = seen.body
        return envelope(1000, http=201, Location=location) if location else envelope(1000)

    emsp.interfere = take  # type: ignore[assignment]
    await world.put(ObjectKind.CDR, cdr())
    await until(lambda: HERE in emsp.held)
    await world.delivered(emsp)
    return emsp


async def test_the_partners_copy_is_read_where_it_said_and_is_the_same(world: World) -> None:
    """ocpi-rules 19: the answer to the POST carries Location (mod_cdrs 10.2.2.2)."""
    emsp = await delivered(world)
    copy = await world.copies.read(emsp.record(), PARTY, cdr())
    assert copy.document is not None
    assert copy.document["id"] == "C1"
    assert copy.differences == ()
    assert emsp.methods()[-1] == f"GET {HERE}"
    assert emsp.requests[-1].headers["ocpi-from-party-id"] == "CPO"


async def test_what_the_partner_has_otherwise_is_named(world: World) -> None:
    emsp = await delivered(world)
    emsp.held[HERE] |= {"total_energy": Decimal(9), "remark": "ours"}
    copy = await world.copies.read(emsp.record(), PARTY, cdr())
    assert copy.differences == (
        "total_energy: 10.0001 here, 9 there",
        "remark: nothing here, ours there",
    )


async def test_a_partner_that_has_lost_the_cdr_does_not_have_it(world: World) -> None:
    emsp = await delivered(world)
    del emsp.held[HERE]
    copy = await world.copies.read(emsp.record(), PARTY, cdr())
    assert copy.document is None


@pytest.mark.parametrize(
    "location", ["", "https://elsewhere.example/cdrs/C1", "//evil.example/1", "file:///etc/passwd"]
)
async def test_no_token_goes_to_another_host(world: World, location: str) -> None:
    """S11: a Location header is a URL given by a partner."""
    emsp = await delivered(world, location=location)
    seen = len(emsp.requests)
    with pytest.raises(CopyUnreadable):
        await world.copies.read(emsp.record(), PARTY, cdr())
    assert len(emsp.requests) == seen


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}),
        ({"a": "2026-01-01T00:00:00.000Z"}, {"a": "2026-01-01T00:00:00"}),
        ({"a": []}, {}),
        ({}, {"a": None}),
    ],
)
def test_the_way_of_writing_is_no_difference(ours: dict, theirs: dict) -> None:  # type: ignore[type-arg]
    assert differences(ours, theirs) == []
    assert json.dumps(ours, default=str) != json.dumps(theirs, default=str)
