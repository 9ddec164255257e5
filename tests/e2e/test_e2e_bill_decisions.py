"""Decisions about bills while the gateway is killed, and with partners of every version."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import aiohttp
import pytest

DECISIONS = {
    "release": {"remark": "seen"},
    "correct": {"energy_kwh": 4},
    "void": {"remark": "a test"},
}


def text(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def charge(scene, stop_wh):
    async with scene.wire("CP1", "1.6") as wire:
        await charge_by(wire, stop_wh)


async def charge_by(wire, stop_wh):
    """One hour of a bare 1.6 station that begins at 1000 Wh and shows 3000 in between."""
    now = datetime.now(UTC)
    begun = {"connectorId": 1, "idTag": "TAG1", "meterStart": 1000}
    begun["timestamp"] = text(now - timedelta(minutes=60))
    _, _, answer = await wire.call("StartTransaction", begun)
    number = answer["transactionId"]
    value = {"timestamp": text(now - timedelta(minutes=30))}
    value["sampledValue"] = [{"value": "3000"}]
    told = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
    await wire.call("MeterValues", told)
    ended = {"transactionId": number, "meterStop": stop_wh, "timestamp": text(now)}
    ended["reason"] = "Local"
    await wire.call("StopTransaction", ended)


async def killed_while_asked(scene, path, body, chance):
    """Ask, die at some moment of the answer, live again."""

    async def ask():
        with contextlib.suppress(aiohttp.ClientError):
            return await scene.ask("POST", path, body)
        return None

    asked = asyncio.create_task(ask())
    await asyncio.sleep(chance.uniform(0, 0.02))
    await scene.gateway.kill()
    answer = await asked
    await scene.gateway.start()
    return answer


async def until_quiet(scene, partner, cdrs):
    """The partner has just these CDRs, by id, and our books have the same."""
    await partner.until(lambda: len(partner.cdrs) >= cdrs, 15)
    ours = await scene.get("cdrs")
    assert sorted(one["id"] for one in ours) == sorted(one["id"] for one in partner.cdrs)
    assert len(ours) == cdrs


async def test_a_kill_amid_a_decision_leaves_all_of_it_or_nothing(scene_to_kill):
    """Real processes: what was not carried out is still held, and asked again is done once."""
    await decided_while_killed(scene_to_kill, "release", 0)


@pytest.mark.long
@pytest.mark.parametrize("decision", DECISIONS)
@pytest.mark.parametrize("seed", range(1, 5))
async def test_kills_at_many_moments_of_decisions_leave_all_of_them_or_nothing(
    scene_to_kill, decision, seed
):
    await decided_while_killed(scene_to_kill, decision, seed)


async def decided_while_killed(scene, decision, seed):
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    chance = random.Random(f"{decision}/{seed}")
    await charge(scene, stop_wh=500)
    [held] = await scene.get("held-cdrs")
    path = f"held-cdrs/{held['session_id']}/{decision}"

    answer = await killed_while_asked(scene, path, DECISIONS[decision], chance)
    still_held = len(await scene.get("held-cdrs"))
    status, again = await scene.ask("POST", path, DECISIONS[decision])

    assert status == (200 if still_held else 409), (answer, again)
    assert not (answer is not None and answer[0] == 200 and still_held)
    assert await scene.get("held-cdrs") == []
    [transaction] = await scene.get("transactions")
    assert [one["act"] for one in transaction["decisions"]] == [
        {"release": "released", "correct": "corrected", "void": "voided"}[decision]
    ]
    await until_quiet(scene, partner, 0 if decision == "void" else 1)
    expected = "INVALID" if decision == "void" else "COMPLETED"
    await partner.until(lambda: [one["status"] for one in partner.sessions] == [expected], 15)


async def test_a_kill_amid_a_correction_leaves_no_credit_without_what_follows(scene_to_kill):
    """The Credit CDR and the corrected one are there together or not at all."""
    scene = scene_to_kill
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    chance = random.Random(5)
    await charge(scene, stop_wh=5000)
    [cdr] = await scene.until_cdrs()
    path, body = f"cdrs/{cdr['id']}/correct", {"energy_kwh": 3}

    await killed_while_asked(scene, path, body, chance)
    assert len(await scene.get("cdrs")) in (1, 3)
    status, _ = await scene.ask("POST", path, body)

    assert status in (201, 409)
    await until_quiet(scene, partner, 3)
    total = sum(Decimal(one["total_energy"]) for one in partner.cdrs)
    assert total == 4 + 4 + 3
    assert [bool(one.get("credit")) for one in partner.cdrs] == [False, True, False]


@pytest.mark.parametrize("ocpi", ["2.2.1", "2.3.0", "2.1.1"])
async def test_a_partner_of_every_version_takes_what_it_is_told_of_a_correction(scene, ocpi):
    """mod_cdrs, Credit CDRs, sentence by sentence, at a partner that refuses what breaks them."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner(ocpi=ocpi)
    await charge(scene, stop_wh=5000)
    [cdr] = await scene.until_cdrs()

    body = {"energy_kwh": 3, "remark": "meter\nexchanged"}
    status, answer = await scene.ask("POST", f"cdrs/{cdr['id']}/correct", body)

    has_credits = ocpi != "2.1.1"
    assert (status, answer["sent"]) == (201, has_credits)
    await partner.until(lambda: len(partner.cdrs) == (3 if has_credits else 1))
    assert len(await scene.get("cdrs")) == 3
    if not has_credits:
        return
    original, credit, corrected = partner.cdrs
    # "a different CDR.id"; "credit has to be set to true"; "the id of the original CDR"
    assert credit["id"] != original["id"]
    assert (credit["credit"], credit["credit_reference_id"]) == (True, original["id"])
    # "all the data of the original CDR. Only the values in the total_cost [...] negative"
    own = {"id", "credit", "credit_reference_id", "total_cost", "last_updated", "remark"}
    assert {name for name in {*original, *credit} if original.get(name) != credit.get(name)} == own
    assert credit["remark"] == f"{original['remark']}; meter exchanged"
    assert all(
        credit["total_cost"][name] == -amount
        for name, amount in original["total_cost"].items()
        if name != "taxes"
    )
    # "a new CDR with a new unique ID and the fields: credit and credit_reference_id omitted"
    assert corrected["id"] not in (original["id"], credit["id"])
    assert not {"credit", "credit_reference_id"} & corrected.keys()


RESERVING = {
    "id": "RESERVING",
    "currency": "EUR",
    "tax_included": "NO",
    "elements": [
        {
            "price_components": [{"type": "TIME", "price": 2, "vat": 20, "step_size": 600}],
            "restrictions": {"reservation": "RESERVATION"},
        },
        {"price_components": [{"type": "ENERGY", "price": Decimal("0.25"), "step_size": 1}]},
    ],
}


async def test_the_cdr_of_a_reservation_without_charging_is_credited_and_not_corrected(scene):
    """There is no transaction whose energy or times could be other ones; the answer says so."""
    await scene.add_charger("CP1", "1.6", tariff=RESERVING)
    partner = await scene.add_partner()
    expiry = datetime.now(UTC) + timedelta(hours=1)
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", expiry)
    await partner.until(lambda: len(partner.sessions) == 1)
    await partner.cancel_reservation("R-7")
    [cdr] = await scene.until_cdrs()

    status, answer = await scene.ask("POST", f"cdrs/{cdr['id']}/correct", {"energy_kwh": 1})
    assert status == 409
    assert "can only be credited" in str(answer)

    status, answer = await scene.ask("POST", f"cdrs/{cdr['id']}/credit", {"remark": "kindness"})
    assert (status, answer["sent"]) == (201, True)
    await partner.until(lambda: len(partner.cdrs) == 2)
    assert partner.cdrs[1]["credit_reference_id"] == partner.cdrs[0]["id"]
    assert sum(one["total_cost"]["excl_vat"] for one in partner.cdrs) == 0
    [row] = await scene.get("reports/revenue")
    assert (row["cdrs"], row["credits"], row["total"]) == (1, 1, 0)


async def told_to_both(scenes, path, bodies):
    """Two operators, each at another node."""
    asked = (
        one.ask("POST", f"{path}/{act}", body)
        for one, (act, body) in zip(scenes, bodies, strict=True)
    )
    return [status for status, _ in await asyncio.gather(*asked)]


async def two_nodes(start_scene, redis_url):
    """One that lives on, and one in a process of its own; a partner, and CP1."""
    settings = {"redis_url": redis_url, "offline_after": 0.3}
    living = await start_scene(node_id="living", **settings)
    dying = await start_scene(process=True, node_id="dying", **settings)
    await dying.register_charger("CP1")
    return living, dying, await living.add_partner()


async def test_of_two_operators_at_two_nodes_one_decides(start_scene, redis_url):
    """The node that holds the socket does it, whichever is asked."""
    living, dying, partner = await two_nodes(start_scene, redis_url)
    async with dying.wire("CP1", "1.6") as wire:
        await charge_by(wire, stop_wh=500)
        [held] = await living.get("held-cdrs")
        path = f"held-cdrs/{held['session_id']}"
        bodies = [("release", {}), ("void", {"remark": "a test"})]
        assert sorted(await told_to_both([living, dying], path, bodies)) == [200, 409]
    await assert_decided_once(living, partner)


@pytest.mark.long
async def test_a_decision_that_a_killed_node_did_not_answer_is_carried_out_once(
    start_scene, redis_url
):
    """Asked again, another node does it, or says that it was done."""
    living, dying, partner = await two_nodes(start_scene, redis_url)
    async with dying.wire("CP1", "1.6") as wire:
        await charge_by(wire, stop_wh=500)
        [held] = await living.get("held-cdrs")
        path = f"held-cdrs/{held['session_id']}/release"
        asked = asyncio.create_task(living.ask("POST", path, {}))
        await dying.gateway.kill()
        status, answer = await asked
    assert status in (200, 409, 503, 504), answer

    async def decided():
        return (await living.ask("POST", path, {}))[0] in (200, 409)

    await living.until(decided, 30)
    await assert_decided_once(living, partner)


async def assert_decided_once(scene, partner):
    [transaction] = await scene.get("charge-points/CP1/transactions")
    [decision] = transaction["decisions"]
    billed = 1 if decision["act"] == "released" else 0
    await partner.until(lambda: len(partner.cdrs) == billed, 15)
    assert len(await scene.get("cdrs")) == billed
    assert await scene.get("held-cdrs") == []
