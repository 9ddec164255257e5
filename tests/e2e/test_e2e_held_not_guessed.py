"""Words of a station that make no sure bill, over its socket: answered, kept, held with a reason.

security-and-faults R18 to R21. The connector is one of 11 kW.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

TOKEN = {"idToken": "TAG1", "type": "ISO14443"}


def text(moment):
    return moment.isoformat().replace("+00:00", "Z")


def hour():
    """The last hour."""
    now = datetime.now(UTC)
    return now - timedelta(hours=1), now


async def charge_16(wire, start, stop, *, times=None):
    """StartTransaction and StopTransaction with these registers; each is answered."""
    began, ended = times or map(text, hour())
    said = {"connectorId": 1, "idTag": "TAG1", "meterStart": start, "timestamp": began}
    kind, _, answer = await wire.call("StartTransaction", said)
    assert kind == 3
    said = {"transactionId": answer["transactionId"], "meterStop": stop, "timestamp": ended}
    assert (await wire.call("StopTransaction", said))[0] == 3


def event(phase, seq, at, wh=None, transaction="tx", **more):
    """A TransactionEvent of 2.0.1."""
    said = {
        "eventType": phase,
        "timestamp": text(at),
        "triggerReason": "CablePluggedIn",
        "seqNo": seq,
        "transactionInfo": {"transactionId": transaction},
        **more,
    }
    if wh is not None:
        value = {"value": wh, "measurand": "Energy.Active.Import.Register"}
        said["meterValue"] = [{"timestamp": text(at), "sampledValue": [value]}]
    return said


def begin(at, wh=None, **more):
    return event("Started", 0, at, wh, evse={"id": 1}, idToken=TOKEN, **more)


async def tell(wire, *events):
    for said in events:
        assert (await wire.call("TransactionEvent", said))[0] == 3


async def over(scene, identity="CP1", count=1):
    """The charge point's transactions, once they have ended and nothing is waited for."""

    async def ended():
        shown = await scene.get(f"charge-points/{identity}/transactions")
        return len(shown) == count and all(
            one["state"] == "ENDED" and not one.get("waits_until") for one in shown
        )

    await scene.until(ended, timeout=20)
    return await scene.get(f"charge-points/{identity}/transactions")


async def held(scene, flag):
    """The one transaction, held with a flag, and its Session at the operator's API."""
    [shown] = await over(scene)
    assert flag in shown["flags"]
    assert await scene.get("cdrs") == []
    return shown


# --- R21 --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "stop", "flag"),
    [
        (5000, 4000, "meter register went back"),
        (2_147_483_000, 200, "meter register went back"),  # rolls over
        (5000, 5_003_000, "more energy than the connector can deliver"),  # kWh, then Wh
        (0, 5_003_000, "more energy than the connector can deliver"),  # no start value
    ],
)
async def test_registers_that_cannot_be_are_held(scene, start, stop, flag):
    """R21."""
    await scene.register_charger("CP1")
    await scene.add_partner()
    async with scene.wire("CP1", "1.6") as wire:
        await charge_16(wire, start, stop)
    await held(scene, flag)
    [session] = await scene.get("sessions")
    assert 0 <= Decimal(session["kwh"]) <= Decimal("11.05")


@pytest.mark.parametrize(
    ("first", "last", "flag"),
    [
        (None, None, "no meter value"),
        (None, 3000, "energy counted from the first reading, after the start"),
        (1000, None, "no meter value at its end"),
    ],
)
async def test_values_that_are_missing_are_held(scene, first, last, flag):
    """R21: has no start value, or no stop value."""
    await scene.register_charger("CP1")
    await scene.add_partner()
    began, ended = hour()
    async with scene.wire("CP1", "2.0.1") as wire:
        await tell(wire, begin(began, first), event("Ended", 1, ended, last))
    await held(scene, flag)


# --- R18 --------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", ["", "events-missing"])
async def test_a_gap_is_held_unless_the_operator_has_released_gaps(start_scene, release):
    """R18; GATEWAY_CDR_RELEASE."""
    scene = await start_scene(completion_wait=0, cdr_release=release)
    await scene.register_charger("CP1")
    await scene.add_partner()
    began, ended = hour()
    async with scene.wire("CP1", "2.0.1") as wire:
        await tell(wire, begin(began, 1000), event("Ended", 2, ended, 3000))
    [shown] = await over(scene)
    assert shown["flags"] == ["events missing"]
    assert [Decimal(cdr["total_energy"]) for cdr in await scene.get("cdrs")] == (
        [Decimal(2)] if release else []
    )


# --- R19 --------------------------------------------------------------------------------------


async def test_an_id_used_again_is_another_transaction_with_a_bill_of_its_own(scene):
    """R19: by the same charger after Ended, and by another charger."""
    await scene.add_partner()
    began, ended = hour()
    middle = began + timedelta(minutes=30)
    for identity in ("CP1", "CP2"):
        await scene.register_charger(identity)
        async with scene.wire(identity, "2.0.1") as wire:
            await tell(
                wire,
                begin(began, 1000),
                event("Ended", 1, middle - timedelta(minutes=1), 2000),
                begin(middle, 5000),
                event("Ended", 1, ended, 5500),
            )
    cdrs = await scene.until_cdrs(4)
    assert sorted(Decimal(cdr["total_energy"]) for cdr in cdrs) == [
        Decimal("0.5"),
        Decimal("0.5"),
        1,
        1,
    ]
    assert len({cdr["session_id"] for cdr in cdrs}) == 4
    for identity in ("CP1", "CP2"):
        for one in await over(scene, identity, count=2):
            assert one["flags"] == ["transaction id used again"]


# --- R20 --------------------------------------------------------------------------------------


def years_ahead():
    now = datetime.now(UTC) + timedelta(days=3650)
    return text(now - timedelta(hours=1)), text(now)


def backwards():
    began, ended = hour()
    return text(ended), text(began)


def without_zone():
    return tuple(one.removesuffix("Z") for one in backwards())


def set_ahead():
    """Right at the start, an hour ahead when it tells of the end a moment later."""
    now = datetime.now(UTC)
    return text(now), text(now + timedelta(minutes=59))


WRONG, JUMPED = "start or end cannot be right", "clock jumped during the transaction"


@pytest.mark.parametrize(
    ("times", "flag"),
    [
        (lambda: ("1970-01-01T00:00:10Z", "1970-01-01T01:00:00Z"), WRONG),
        (lambda: ("1970-01-01T00:00:10Z", text(hour()[1])), WRONG),
        (lambda: ("0001-01-01T00:00:00Z", "0001-01-01T00:00:20Z"), WRONG),
        (lambda: ("9999-12-31T23:59:50Z", "9999-12-31T23:59:59Z"), WRONG),
        (years_ahead, WRONG),
        (backwards, WRONG),
        (without_zone, WRONG),
        (set_ahead, JUMPED),
    ],
    ids=[
        "in 1970",
        "since 1970",
        "first",
        "last",
        "years ahead",
        "backwards",
        "without zone",
        "set ahead",
    ],
)
async def test_times_that_cannot_be_are_answered_and_held(scene, times, flag):
    """R20: no crash; last_updated is our time; end never before start."""
    await scene.register_charger("CP1")
    await scene.add_partner()
    before = text(datetime.now(UTC))
    async with scene.wire("CP1", "1.6") as wire:
        await charge_16(wire, 1000, 3000, times=times())
        assert (await wire.call("Heartbeat", {}))[0] == 3
    shown = await held(scene, flag)
    assert shown["stopped_at"] >= shown["started_at"]
    for session in await scene.get("sessions"):
        assert before[:19] <= session["last_updated"][:19] <= text(datetime.now(UTC))[:19]


async def test_a_clock_set_back_within_a_transaction_is_held(scene):
    """R20: its numbers say what came first, its times something else."""
    await scene.register_charger("CP1")
    await scene.add_partner()
    began, ended = hour()
    async with scene.wire("CP1", "2.0.1") as wire:
        await tell(
            wire,
            begin(began, 1000),
            event("Updated", 1, began + timedelta(minutes=50), 2000),
            event("Updated", 2, began + timedelta(minutes=2), 2100),
            event("Ended", 3, ended, 3000),
        )
    await held(scene, "clock jumped during the transaction")
