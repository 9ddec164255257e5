"""Charging profiles and preferences, from a partner to a charger and back."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from simulators.partner import CallFailed

SIXTEEN = {"charging_rate_unit": "A", "charging_profile_period": [{"start_period": 0, "limit": 16}]}
EIGHT = {
    "charging_rate_unit": "A",
    "min_charging_rate": 6,
    "duration": 3600,
    "charging_profile_period": [{"start_period": 0, "limit": 8}],
}

LONG = pytest.mark.long
PAIRS = [
    ("2.0.1", "2.2.1"),
    pytest.param("1.6", "2.2.1", marks=LONG),
    pytest.param("2.1", "2.3.0", marks=LONG),
]


@pytest.fixture(params=["2.0.1", pytest.param("1.6", marks=LONG)])
def version(request):
    return request.param


async def charging(scene, version="2.0.1", ocpi="2.2.1", *, green=False):
    """A charger, a partner, and the id of its running session; `green`: with a tariff for it."""
    charger = await scene.add_charger("CP1", version)
    if green:
        await green_tariff(scene)
    partner = await scene.add_partner(ocpi=ocpi)
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await partner.until(lambda: len(partner.sessions) == 1)
    return charger, partner, partner.sessions[0]["id"]


async def known_profiles(scene):
    return await scene.get("charge-points/CP1/charging-profiles")


async def operators_profile(scene, transaction_id, **fields):
    body = {
        "evse_id": 1,
        "id": 1,
        "purpose": "tx",
        "kind": "Relative",
        "transaction_id": transaction_id,
        "stack_level": 1,
        "unit": "A",
        "periods": [{"start": 0, "limit": 7}],
    }
    status, answer = await scene.ask(
        "POST", "charge-points/CP1/charging-profiles", {**body, **fields}
    )
    assert status == 200, answer
    return answer


async def transaction_id(scene):
    [running] = await scene.get("charge-points/CP1/transactions")
    return running["id"]


@pytest.mark.parametrize(("version", "ocpi"), PAIRS)
async def test_a_profile_limits_the_session_until_it_is_cleared(scene, version, ocpi):
    """2.2.1 mod_charging_profiles 14.5.1: PUT, GET and DELETE, each with its result."""
    _, partner, session_id = await charging(scene, version, ocpi)

    put = await partner.set_profile(session_id, EIGHT)
    got = await partner.get_profile(session_id, 900)
    [known] = await known_profiles(scene)
    deleted = await partner.clear_profile(session_id)
    again = await partner.clear_profile(session_id)

    assert put.response["result"] == "ACCEPTED"
    assert put.result == {"result": "ACCEPTED"}
    assert got.result["result"] == "ACCEPTED"
    active = got.result["profile"]["charging_profile"]
    assert active["charging_rate_unit"] == "A"
    assert active["charging_profile_period"][0] == {"start_period": 0, "limit": 8}
    assert (known["purpose"], known["stack_level"]) == ("tx", 0)
    assert deleted.result == {"result": "ACCEPTED"}
    assert again.result == {"result": "UNKNOWN"}
    assert await known_profiles(scene) == []


async def test_a_new_profile_takes_the_place_of_the_one_before(scene, version):
    """14.5.1.2: "or replaces an existing ChargingProfile on the EVSE"."""
    _, partner, session_id = await charging(scene, version)

    await partner.set_profile(session_id, EIGHT)
    await partner.set_profile(session_id, SIXTEEN)

    [known] = await known_profiles(scene)
    assert known["periods"][0]["limit"] == 16


@LONG
async def test_an_absolute_profile_keeps_its_start(scene, version):
    """14.6.4: start_date_time is "Starting point of an absolute profile"."""
    _, partner, session_id = await charging(scene, version)
    start = datetime.now(UTC).replace(microsecond=0)

    await partner.set_profile(
        session_id, SIXTEEN | {"start_date_time": start.isoformat().replace("+00:00", "Z")}
    )

    [known] = await known_profiles(scene)
    assert known["kind"] == "Absolute"
    assert datetime.fromisoformat(known["starts_at"]) == start


async def test_the_session_of_another_is_unknown(scene):
    """S8: whoever it is."""
    _, _, session_id = await charging(scene)
    stranger = await scene.add_partner("OTH", tokens=())

    requests = [
        await stranger.set_profile(session_id, EIGHT),
        await stranger.get_profile(session_id, 900),
        await stranger.clear_profile(session_id),
        await stranger.clear_profile("no-such-session"),
    ]

    assert [one.response["result"] for one in requests] == ["UNKNOWN_SESSION"] * 4
    assert await known_profiles(scene) == []


@LONG
async def test_an_evse_without_the_capability_is_not_supported(scene):
    """mod_locations 8.4.3, CHARGING_PROFILE_CAPABLE."""
    _, partner, session_id = await charging(scene)
    location = await scene.get("locations/LOC-CP1")
    location["evses"][0]["capabilities"] = ["RFID_READER"]
    await scene.put("locations/LOC-CP1", location)

    request = await partner.set_profile(session_id, EIGHT)

    assert request.response["result"] == "NOT_SUPPORTED"


@LONG
async def test_too_many_requests_are_too_often(scene):
    """14.3: "To do this the CPO can reject a request ... with: TOO_OFTEN"."""
    _, partner, session_id = await charging(scene)

    asked = await asyncio.gather(*(partner.clear_profile(session_id) for _ in range(21)))

    answers = sorted(one.response["result"] for one in asked)
    assert answers == ["ACCEPTED"] * 20 + ["TOO_OFTEN"]


async def test_the_operators_profile_has_the_last_word_and_is_told(scene, version):
    """14.3: the partner is told "every time it knows changes have been made"."""
    _, partner, session_id = await charging(scene, version)
    await partner.set_profile(session_id, SIXTEEN)

    await operators_profile(scene, await transaction_id(scene))

    await partner.until(lambda: len(partner.active_profiles.get(session_id.lower(), ())) == 1)
    [told] = partner.active_profiles[session_id.lower()]
    assert told["charging_profile"]["charging_profile_period"][0]["limit"] == 7
    assert 300 <= told["charging_profile"]["duration"] <= 3600


@LONG
async def test_the_lowest_level_may_be_the_operators(scene):
    """A partner does not replace what the operator has set."""
    _, partner, session_id = await charging(scene)
    await operators_profile(scene, await transaction_id(scene), stack_level=0)

    request = await partner.set_profile(session_id, EIGHT)

    assert request.response["result"] == "REJECTED"
    [known] = await known_profiles(scene)
    assert known["id"] == 1


@LONG
async def test_a_partner_that_has_set_none_is_told_nothing(scene):
    """14.5.2.2: "SHALL NOT call this interface for any session where the Sender has never"."""
    _, partner, session_id = await charging(scene)
    await partner.get_profile(session_id, 900)

    await operators_profile(scene, await transaction_id(scene))
    await partner.get_profile(session_id, 900)

    assert partner.active_profiles == {}


async def test_a_limit_from_outside_is_told(scene):
    """14.5.2: "When a local input influence the ActiveChargingProfile"; OCPP 2.0.1 K12."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", "2.0.1") as wire:
        station = Scripted(wire)
        await wire.call("TransactionEvent", STARTED | {"timestamp": later()})
        await partner.until(lambda: len(partner.sessions) == 1)
        session_id = partner.sessions[0]["id"]
        put, asked = await asyncio.gather(
            partner.set_profile(session_id, SIXTEEN), station.answers({"status": "Accepted"})
        )
        assert (asked[2], put.result) == ("SetChargingProfile", {"result": "ACCEPTED"})

        limit = {"chargingLimit": {"chargingLimitSource": "EMS"}}
        await wire.send(json.dumps([2, "n1", "NotifyChargingLimit", limit]))
        assert (await wire.receive())[:2] == [3, "n1"]
        schedule = {
            "evseId": 1,
            "duration": 1800,
            "scheduleStart": later(),
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 4100.0}],
        }
        asked = await station.answers({"status": "Accepted", "schedule": schedule})
        assert asked[2] == "GetCompositeSchedule"
        await partner.until(lambda: session_id.lower() in partner.active_profiles)

    [told] = partner.active_profiles[session_id.lower()]
    assert told["charging_profile"]["charging_rate_unit"] == "W"
    assert told["charging_profile"]["charging_profile_period"][0]["limit"] == 4100


STARTED = {
    "eventType": "Started",
    "triggerReason": "Authorized",
    "seqNo": 0,
    "transactionInfo": {"transactionId": "tx-1"},
    "evse": {"id": 1, "connectorId": 1},
    "idToken": {"idToken": "TAG1", "type": "ISO14443"},
}


class Scripted:
    """Answers the next call of the gateway."""

    def __init__(self, wire):
        self.wire = wire

    async def answers(self, payload):
        asked = await self.wire.receive()
        await self.wire.send(json.dumps([3, asked[1], payload]))
        return asked


# --- charging preferences ---------------------------------------------------------------------


async def green_tariff(scene):
    tariff = await scene.get("tariffs/T1")
    green = {key: value for key, value in tariff.items() if key not in ("last_updated",)}
    await scene.put("tariffs/GREEN", green | {"id": "GREEN", "type": "PROFILE_GREEN"})
    location = await scene.get("locations/LOC-CP1")
    location["evses"][0]["connectors"][0]["tariff_ids"] = ["T1", "GREEN"]
    await scene.put("locations/LOC-CP1", location)


def later(**span):
    return (datetime.now(UTC) + timedelta(**span)).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("ocpi", ["2.2.1", pytest.param("2.3.0", marks=LONG)])
async def test_preferences_are_judged_and_kept(scene, ocpi):
    """2.2.1 mod_sessions 9.4.1, ChargingPreferencesResponse."""
    _, partner, session_id = await charging(scene, "2.0.1", ocpi, green=True)
    whole = {"profile_type": "GREEN", "departure_time": later(hours=8), "energy_need": 30}

    async def answer(**changes):
        wanted = {key: value for key, value in (whole | changes).items() if value is not None}
        return await partner.set_preferences(session_id, wanted)

    assert await answer(departure_time=None) == "DEPARTURE_REQUIRED"
    assert await answer(energy_need=None) == "ENERGY_NEED_REQUIRED"
    assert await answer(profile_type="CHEAP") == "PROFILE_TYPE_NOT_SUPPORTED"
    assert await answer(energy_need=500) == "NOT_POSSIBLE"
    assert await answer(departure_time=later(hours=-1)) == "NOT_POSSIBLE"
    assert (await scene.get(f"sessions/{session_id}"))["charging_preferences"] is None

    assert await answer(discharge_allowed=True) == "ACCEPTED"

    [session] = await scene.get("sessions")
    kept = session["charging_preferences"]
    assert (kept["profile_type"], kept["energy_need"]) == ("GREEN", 30)
    assert kept["discharge_allowed"] is True


async def test_an_incapable_evse_is_404_with_2001(scene):
    """ocpi-rules: charging preferences (2.2.1 mod_sessions 9.4.1). ocpi-rules: session words."""
    _, partner, session_id = await charging(scene)
    location = await scene.get("locations/LOC-CP1")
    location["evses"][0]["capabilities"] = ["RFID_READER"]
    await scene.put("locations/LOC-CP1", location)

    with pytest.raises(CallFailed) as refused:
        await partner.set_preferences(session_id, {"profile_type": "REGULAR"})

    assert (refused.value.http_status, refused.value.status_code) == (404, 2001)


async def test_nobody_sets_preferences_for_the_session_of_another(scene):
    """S8."""
    _, _, session_id = await charging(scene)
    stranger = await scene.add_partner("OTH", tokens=())

    with pytest.raises(CallFailed) as refused:
        await stranger.set_preferences(session_id, {"profile_type": "REGULAR"})

    assert refused.value.http_status == 404
