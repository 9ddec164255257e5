"""The register of charge points, the partners, the tokens."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.domain.boot import BootPolicy
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.partners import Endpoint, Partner, PartnerRole, PartnerState
from gateway.domain.party import Party
from gateway.store import Store, StoreError

NOW = datetime(2026, 7, 1, 12, 0, 0, 123456, tzinfo=UTC)
NL_ABC = Party("NL", "ABC")


def record(identity: str, **changes: Any) -> ChargePointRecord:
    return ChargePointRecord(identity, NL_ABC, SecurityProfile.BASIC_AUTH, **changes)


async def test_a_charge_point_comes_back_as_it_was_put(store: Store) -> None:
    full = record(
        "CP1",
        password_hash="scrypt$x",
        enabled=False,
        quirks=frozenset({"b", "a"}),
        provision=False,
        created_at=NOW,
        boot=BootPolicy.PENDING,
        heartbeat_interval=77,
    )
    await store.charge_points.put(full)

    assert await store.charge_points.get("CP1") == full
    assert await store.charge_points.get("cp1") is None


@pytest.mark.parametrize("identity", ["*", "{x}", "a\nb", "gw:schema", "a:b", " ", "é"])
async def test_hostile_identities_are_just_identities(store: Store, identity: str) -> None:
    """security-and-faults S22."""
    await store.charge_points.put(record("CP1"))
    await store.charge_points.put(record(identity))

    assert await store.charge_points.get(identity) == record(identity)
    assert await store.charge_points.all() == sorted(
        [record("CP1"), record(identity)], key=lambda one: one.identity
    )
    assert await store.charge_points.delete(identity)
    assert not await store.charge_points.delete(identity)
    assert await store.charge_points.all() == [record("CP1")]
    assert await store.redis.get("gw:schema") == b"1"


def partner(token: str | None = "canary-token") -> Partner:
    return Partner(
        id="p1",
        name="EMSP",
        state=PartnerState.REGISTERED,
        created_at=NOW,
        inbound_token_hash="ab" * 32,
        outbound_token=token,
        versions_url="https://emsp.example/versions",
        version="2.2.1",
        roles=(PartnerRole("EMSP", Party("NL", "EMS"), "E-Mob"),),
        endpoints=(Endpoint("sessions", "RECEIVER", "https://emsp.example/sessions"),),
        quirks=frozenset({"q"}),
        last_error="none",
    )


async def test_a_partner_comes_back_as_it_was_put(store: Store) -> None:
    await store.partners.put(partner())

    assert await store.partners.get("p1") == partner()
    assert await store.partners.all() == [partner()]
    assert await store.partners.delete("p1")
    assert not await store.partners.delete("p1")
    assert await store.partners.get("p1") is None


async def test_a_partners_token_is_nowhere_in_the_server_in_clear(store: Store) -> None:
    """security-and-faults S9."""
    await store.partners.put(partner())

    assert b"canary" not in b"".join(await store.redis.hvals("gw:partners"))


async def test_another_secret_key_does_not_read_the_token(store: Store, redis_url: str) -> None:
    await store.partners.put(partner())
    other = await Store.open(redis_url, secret_key=b"another key, 32 bytes long......", node_id="2")
    try:
        with pytest.raises(StoreError, match="another key"):
            await other.partners.get("p1")
    finally:
        await other.close()


async def test_every_change_of_a_partner_is_announced(store: Store) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    store.bus.subscribe("partners", heard.put_nowait)
    await store.partners.put(partner())
    await store.partners.delete("p1")

    async with asyncio.timeout(5):
        assert [await heard.get(), await heard.get()] == [{"id": "p1"}, {"id": "p1"}]


def token(uid: str, *, type_: str = "RFID", party_id: str = "EMS", **more: Any) -> dict[str, Any]:
    return {"country_code": "NL", "party_id": party_id, "uid": uid, "type": type_, **more}


async def test_a_token_is_found_by_uid_in_any_case_with_its_owner(store: Store) -> None:
    assert await store.tokens.put("p1", token("AbC"))
    assert not await store.tokens.put("p1", token("ABC", valid=True))
    await store.tokens.put("p2", token("abc", party_id="OTH"))
    await store.tokens.put_own("RFID", "aBC", {"status": "Accepted"})

    found = await store.tokens.find("abc")

    assert {one.partner_id for one in found} == {"p1", "p2", None}
    first = await store.tokens.get("NL", "EMS", "abc", "RFID")
    assert first is not None
    assert first.document == token("ABC", valid=True)
    assert await store.tokens.get("NL", "EMS", "abc", "APP_USER") is None
    assert await store.tokens.count() == 3


async def test_the_operators_tokens_are_listed_and_removed(store: Store) -> None:
    await store.tokens.put_own("RFID", "B", {"status": "Blocked"})
    await store.tokens.put_own("APP_USER", "a", {"status": "Accepted"})
    await store.tokens.put("p1", token("a"))

    assert [one["uid"] for one in await store.tokens.all_own()] == ["B", "a"]
    assert await store.tokens.get_own("RFID", "b") == {
        "status": "Blocked",
        "uid": "B",
        "type": "RFID",
    }
    assert await store.tokens.delete_own("RFID", "b")
    assert not await store.tokens.delete_own("RFID", "b")
    assert await store.tokens.get_own("RFID", "B") is None


async def test_a_dropped_partner_takes_its_tokens_along_but_not_those_taken_over(
    store: Store,
) -> None:
    await store.tokens.put("p1", token("a"))
    await store.tokens.put("p1", token("b"))
    await store.tokens.put("p2", token("b"))

    assert await store.tokens.drop_partner("p1") == 1
    assert await store.tokens.find("a") == []
    assert [one.partner_id for one in await store.tokens.find("b")] == ["p2"]
    assert await store.tokens.count() == 1
