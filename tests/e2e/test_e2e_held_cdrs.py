"""Bills that an operator has to decide about, and what the partner sees of it.

The simulated partner holds us to the standard's tables and to what it was told before: its record
of broken rules must be empty at the end of every test.
"""

import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from gateway import exact_json


async def charge(scene, *registers, identity="CP1"):
    """One hour of a bare 1.6 station: start, stop, and what the meter showed in between."""
    now = datetime.now(UTC)
    first, *middle, last = registers
    moments = [now - timedelta(minutes=60 - 10 * n) for n in range(len(middle) + 1)]
    async with scene.wire(identity, "1.6") as wire:
        start = {
            "connectorId": 1,
            "idTag": "TAG1",
            "meterStart": first,
            "timestamp": text(moments[0]),
        }
        _, _, answer = await wire.call("StartTransaction", start)
        number = answer["transactionId"]
        for at, register in zip(moments[1:], middle, strict=True):
            value = {"timestamp": text(at), "sampledValue": [{"value": str(register)}]}
            body = {"connectorId": 1, "transactionId": number, "meterValue": [value]}
            await wire.call("MeterValues", body)
        stop = {"transactionId": number, "meterStop": last, "timestamp": text(now)}
        await wire.call("StopTransaction", stop)


def text(moment):
    return moment.isoformat().replace("+00:00", "Z")


async def held(scene, partner):
    """The id of a session whose register went back, once the partner has its Session."""
    await scene.register_charger("CP1")
    await charge(scene, 1000, 3000, 500)

    async def listed():
        return len(await scene.get("held-cdrs")) == 1

    await scene.until(listed)
    [one] = await scene.get("held-cdrs")
    await partner.until(lambda: [s["id"] for s in partner.sessions] == [one["session_id"]])
    return one["session_id"]


async def until_billed(partner, cdrs=1):
    await partner.until(lambda: len(partner.cdrs) == cdrs)
    assert [session["status"] for session in partner.sessions] == ["COMPLETED"]


async def test_a_held_session_stays_active_and_is_completed_when_released(scene):
    """R19: a register that goes back is not billed before an operator has looked at it."""
    partner = await scene.add_partner()
    session_id = await held(scene, partner)
    assert partner.sessions[0]["status"] == "ACTIVE"
    assert partner.cdrs == []

    status, answer = await scene.ask("POST", f"held-cdrs/{session_id}/release", {"remark": "seen"})

    assert (status, answer["sent"]) == (200, True)
    await until_billed(partner)
    assert partner.cdrs[0]["total_cost"] == partner.sessions[0]["total_cost"]
    assert await scene.get("held-cdrs") == []


async def test_a_held_session_is_corrected_and_the_partner_sees_only_that(scene):
    partner = await scene.add_partner()
    session_id = await held(scene, partner)

    body = {"meter_start_wh": 1000, "meter_stop_wh": 11000}
    status, answer = await scene.ask("POST", f"held-cdrs/{session_id}/correct", body)

    assert status == 200, answer
    await until_billed(partner)
    # 0.50 to start and 10 kWh at 0.35
    assert partner.cdrs[0]["total_cost"]["excl_vat"] == 4
    assert Decimal(partner.sessions[0]["kwh"]) == 10
    assert partner.cdrs[0]["total_cost"] == partner.sessions[0]["total_cost"]


async def test_a_held_session_that_is_voided_becomes_invalid(scene):
    partner = await scene.add_partner()
    session_id = await held(scene, partner)

    status, _ = await scene.ask("POST", f"held-cdrs/{session_id}/void", {"remark": "a test"})

    assert status == 200
    await partner.until(lambda: partner.sessions[0]["status"] == "INVALID")
    assert await scene.get("cdrs") == partner.cdrs == []


async def test_a_cdr_is_credited_and_followed_by_a_corrected_one(scene, version, fast):
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await charger.charge(1, "TAG1", energy_wh=5000)
    await until_billed(partner)
    original = partner.cdrs[0]

    status, answer = await scene.ask(
        "POST", f"cdrs/{original['id']}/correct", {"energy_kwh": 4, "remark": "meter exchanged"}
    )

    assert status == 201, answer
    await until_billed(partner, cdrs=3)
    _, credit, corrected = partner.cdrs
    assert (credit["credit"], credit["credit_reference_id"]) == (True, original["id"])
    assert corrected["id"] == answer["cdr_id"]
    assert corrected["session_id"] == original["session_id"]
    assert Decimal(corrected["total_energy"]) == 4
    total = sum(Decimal(one["total_cost"]["excl_vat"]) for one in partner.cdrs)
    assert total == corrected["total_cost"]["excl_vat"]


async def test_after_an_outage_they_come_in_the_order_in_which_they_were_made(scene, fast):
    """The original, then its credit, then what follows; the Session before all of them."""
    charger = await scene.add_charger("CP1", "2.0.1", clock=fast)
    partner = await scene.add_partner()
    await partner.refuse_connections()
    transaction = await charger.charge(1, "TAG1", energy_wh=5000)
    await charger.until_acknowledged(transaction)
    [cdr] = await scene.until_cdrs()
    for kwh in (4, 3):
        status, answer = await scene.ask("POST", f"cdrs/{cdr['id']}/correct", {"energy_kwh": kwh})
        assert status == 201, answer
        cdr = {"id": answer["cdr_id"]}

    await partner.accept_connections()

    await partner.until(lambda: len(partner.cdrs) == 5, 15)
    came = [(one.get("credit_reference_id"), one["total_energy"]) for one in partner.cdrs]
    ids = [one["id"] for one in partner.cdrs]
    assert came == [(None, 5), (ids[0], 5), (None, 4), (ids[2], 4), (None, 3)]


async def test_the_command_line_does_it_too(scene):
    partner = await scene.add_partner()
    session_id = await held(scene, partner)
    credited = exact_json.loads(await run(scene, "cdr", "held", "--json"))
    assert [one["session_id"] for one in credited] == [session_id]
    assert "went-back" in await run(scene, "cdr", "held")
    assert "released, it costs" in await run(scene, "cdr", "held", session_id)
    assert "billed by" in await run(scene, "cdr", "correct", session_id, "--energy", "5")
    await until_billed(partner)
    corrected = await run(scene, "cdr", "correct", session_id, "--energy", "4", "--remark", "late")
    assert "sent to" in corrected
    await until_billed(partner, cdrs=3)
    assert "credited by" in await run(scene, "cdr", "credit", partner.cdrs[2]["id"])
    await until_billed(partner, cdrs=4)
    assert await run(scene, "cdr", "release", session_id, status=1) == ""


async def run(scene, *arguments, status=0):
    """What a command prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        *arguments,
        "--url",
        scene.gateway.addresses.operator.rstrip("/"),
        env=os.environ | {"GATEWAY_OPERATOR_TOKEN": scene.gateway.operator_token, "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(40):
        out, err = await process.communicate()
    assert process.returncode == status, (out, err)
    return out.decode()
