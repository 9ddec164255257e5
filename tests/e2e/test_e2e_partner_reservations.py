"""RESERVE_NOW, CANCEL_RESERVATION and UNLOCK_CONNECTOR, from a partner to a charger and back."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from simulators.partner import CallFailed

PAIRS = (("1.6", "2.1.1"), ("2.0.1", "2.2.1"), ("2.1", "2.3.0"))
# one test goes through all of them by default; what the versions' words are is looked at elsewhere
LONG = [pytest.param(*pair, marks=pytest.mark.long) for pair in (PAIRS[2], PAIRS[0])]
ONE_PAIR = [PAIRS[1], *LONG]
NUMBERS = {"2.1.1": (7, 8), "2.2.1": ("R-7", "R-8"), "2.3.0": ("R-7", "R-8")}


def soon(**span):
    return datetime.now(UTC) + timedelta(**(span or {"minutes": 10}))


@pytest.fixture(params=["2.0.1", pytest.param("1.6", marks=pytest.mark.long)])
def version(request):
    return request.param


async def evse_status(scene, identity="CP1"):
    location = await scene.get(f"locations/LOC-{identity}")
    return location["evses"][0]["status"]


async def until_status(scene, status):
    async def there():
        return await evse_status(scene) == status

    await scene.until(there)


async def reservations(scene, identity="CP1"):
    return await scene.get(f"charge-points/{identity}/reservations")


@pytest.mark.long
@pytest.mark.parametrize(("version", "ocpi"), PAIRS)
async def test_a_partner_reserves_and_the_evse_is_reserved(scene, version, ocpi):
    """ocpi-rules 16 (2.2.1 mod_commands 13.3.5; 2.1.1 mod_commands 3.2)."""
    await scene.add_charger("CP1", version)
    partner = await scene.add_partner(ocpi=ocpi)
    own = NUMBERS[ocpi][0]

    command = await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", own, soon())

    assert command.response["result"] == "ACCEPTED"
    assert ("timeout" in command.response) is (ocpi != "2.1.1")
    assert [result["result"] for result in command.results] == ["ACCEPTED"]
    await until_status(scene, "RESERVED")
    [known] = await reservations(scene)
    assert known["status"] == "ACTIVE"
    assert known["partner"] == {"id": partner.id_here, "reservation_id": str(own)}
    assert str(known["id"]) != str(own)  # "SHALL NOT be sent directly to a Charge Point"


@pytest.mark.parametrize(("version", "ocpi"), PAIRS)
async def test_a_reservation_is_a_session_until_charging_begins(scene, version, ocpi, fast):
    """2.2.1 mod_sessions 9.1.4: RESERVATION, then the same Session is ACTIVE.

    ocpi-rules: session words. Then its start is the moment at which it became ACTIVE.
    """
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner(ocpi=ocpi)
    fields = {} if ocpi == "2.1.1" else {"authorization_reference": "ref-1"}
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", NUMBERS[ocpi][0], soon(), **fields)
    await partner.until(lambda: len(partner.sessions) == 1)
    reserved = dict(partner.sessions[0])
    assert reserved["status"] == ("PENDING" if ocpi == "2.1.1" else "RESERVATION")

    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await partner.until(lambda: partner.sessions[0]["status"] == "ACTIVE")
    transaction = await charger.until_transaction(1)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert [one["id"] for one in partner.sessions] == [reserved["id"]]
    cdr = partner.cdrs[0]
    assert cdr["auth_method"] == ("AUTH_REQUEST" if ocpi == "2.1.1" else "COMMAND")
    assert cdr.get("authorization_reference") == fields.get("authorization_reference")
    [known] = await reservations(scene)
    assert known["status"] == "USED"
    began = "start_datetime" if ocpi == "2.1.1" else "start_date_time"
    assert reserved[began] != partner.sessions[0][began] == cdr["start_date_time"]


async def test_a_start_by_command_uses_the_reservation(scene, version, fast):
    """mod_sessions 9.3.1: the reservation's reference is the last given value."""
    charger = await scene.add_charger("CP1", version, clock=fast)
    partner = await scene.add_partner()
    await partner.reserve_now(
        "LOC-CP1", "CP1-1", "TAG1", "R-7", soon(), authorization_reference="ref-r"
    )
    await partner.until(lambda: len(partner.sessions) == 1)
    reserved = partner.sessions[0]

    await partner.start_session("LOC-CP1", "CP1-1", "TAG1")
    await charger.until_transaction(1)
    await partner.until(lambda: partner.sessions[0]["status"] == "ACTIVE")

    assert [one["id"] for one in partner.sessions] == [reserved["id"]]
    assert partner.sessions[0]["authorization_reference"] == "ref-r"


async def test_a_start_without_an_evse_goes_to_the_reserved_one(scene, fast):
    """mod_commands 13.3.6: evse_uid is optional; the driver stands where the reservation is."""
    charger = await scene.add_charger("CP1", "2.0.1", connectors=2, clock=fast)
    partner = await scene.add_partner()
    await partner.reserve_now("LOC-CP1", "CP1-2", "TAG1", "R-7", soon())
    await partner.until(lambda: len(partner.sessions) == 1)

    async def reserved():
        location = await scene.get("locations/LOC-CP1")
        return location["evses"][1]["status"] == "RESERVED"

    await scene.until(reserved)
    token = partner.sessions[0]["cdr_token"]["uid"]
    await partner.command("START_SESSION", {"location_id": "LOC-CP1", "token": token})
    await partner.until(lambda: partner.sessions[0]["status"] == "ACTIVE")

    assert partner.sessions[0]["evse_uid"] == "CP1-2"
    assert len(charger.ledger.running()) == 1


async def test_a_reservation_goes_with_its_charge_point(scene):
    """mod_commands 13.1: "for example: Charge Point has become defect"."""
    await scene.add_charger("CP1")
    partner = await scene.add_partner()
    command = await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())
    await partner.until(lambda: len(partner.sessions) == 1)

    await scene.ask("DELETE", "charge-points/CP1")

    await partner.until(lambda: partner.sessions[0]["status"] == "COMPLETED")
    await partner.until(lambda: len(command.results) == 2)
    assert command.results[1]["result"] == "CANCELED_RESERVATION"


@pytest.mark.parametrize(("version", "ocpi"), ONE_PAIR[:2])
async def test_a_cancelled_reservation_is_a_completed_session(scene, version, ocpi):
    """2.2.1 mod_sessions 9.1.4, mod_commands 13.3.1."""
    await scene.add_charger("CP1", version)
    partner = await scene.add_partner(ocpi=ocpi)
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())
    await partner.until(lambda: len(partner.sessions) == 1)

    command = await partner.cancel_reservation("r-7")  # a CiString

    assert [result["result"] for result in command.results] == ["ACCEPTED"]
    await partner.until(lambda: partner.sessions[0]["status"] == "COMPLETED")
    await until_status(scene, "AVAILABLE")
    assert partner.cdrs == []


@pytest.mark.long
async def test_there_is_no_cancellation_in_2_1_1(scene):
    """ocpi-rules 16 (2.1.1 mod_commands 4.2): "one of four"."""
    await scene.add_charger("CP1")
    partner = await scene.add_partner(ocpi="2.1.1")

    with pytest.raises((CallFailed, ValueError)):
        await partner.cancel_reservation("7")


@pytest.mark.long
async def test_a_reservation_of_the_same_id_is_replaced(scene):
    """mod_commands 13.3.5: "with the same Location (Charge Point) and the same reservation_id"."""
    await scene.add_charger("CP1")
    partner = await scene.add_partner()
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon(minutes=5))
    [before] = await reservations(scene)

    command = await partner.reserve_now("LOC-CP1", None, "TAG1", "R-7", soon(minutes=30))

    assert [result["result"] for result in command.results] == ["ACCEPTED"]
    [after] = await reservations(scene)
    assert after["id"] == before["id"]
    assert after["expires_at"] > before["expires_at"]
    assert len(partner.sessions) == 1


@pytest.mark.long
async def test_two_partners_may_have_the_same_reservation_id(scene):
    """mod_commands 13.3.5: no Sender replaces or cancels a reservation of another one."""
    await scene.add_charger("CP1", connectors=2)
    one = await scene.add_partner()
    other = await scene.add_partner("OTH", tokens=("TAG2",))
    await one.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())

    taken = await other.reserve_now("LOC-CP1", "CP1-1", "TAG2", "R-7", soon())
    unknown = await other.cancel_reservation("R-8")
    second = await other.reserve_now("LOC-CP1", "CP1-2", "TAG2", "R-7", soon())
    await other.cancel_reservation("R-7")

    assert taken.result["result"] == "EVSE_OCCUPIED"
    assert unknown.response["result"] == "REJECTED"
    assert second.result["result"] == "ACCEPTED"
    active = [item for item in await reservations(scene) if item["status"] == "ACTIVE"]
    assert [item["partner"]["id"] for item in active] == [one.id_here]


async def test_a_reservation_that_the_operator_cancels_is_told(scene):
    """mod_commands 13.1: CANCELED_RESERVATION to the URL of the RESERVE_NOW."""
    await scene.add_charger("CP1")
    partner = await scene.add_partner()
    command = await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())
    [known] = await reservations(scene)

    await scene.ask("DELETE", f"charge-points/CP1/reservations/{known['id']}")

    await partner.until(lambda: len(command.results) == 2)
    assert command.results[1]["result"] == "CANCELED_RESERVATION"
    await partner.until(lambda: partner.sessions[0]["status"] == "COMPLETED")


@pytest.mark.long
@pytest.mark.long
async def test_an_unused_reservation_ends_by_itself(scene):
    """2.2.1 mod_sessions 9.1.4: without charging the Session is COMPLETED."""
    await scene.add_charger("CP1")
    partner = await scene.add_partner()
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon(seconds=1.5))
    await partner.until(lambda: len(partner.sessions) == 1)

    await partner.until(lambda: partner.sessions[0]["status"] == "COMPLETED", timeout=15)

    [known] = await reservations(scene)
    assert known["status"] == "EXPIRED"


async def test_an_evse_that_the_operator_does_not_offer_is_not_reserved(scene):
    """mod_locations 8.4.3, RESERVABLE."""
    await scene.add_charger("CP1")
    location = await scene.get("locations/LOC-CP1")
    location["evses"][0]["capabilities"] = ["RFID_READER"]
    await scene.put("locations/LOC-CP1", location)
    partner = await scene.add_partner()

    command = await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())

    assert command.response["result"] == "NOT_SUPPORTED"
    assert await reservations(scene) == []


async def test_a_reservation_in_the_past_or_elsewhere_is_rejected(scene):
    """mod_commands 13.3.5: reservation_id is "unique for this reservation"."""
    await scene.add_charger("CP1")
    await scene.add_charger("CP2")
    partner = await scene.add_partner()

    past = await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-6", soon(minutes=-1))
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())
    elsewhere = await partner.reserve_now("LOC-CP2", "CP2-1", "TAG1", "R-7", soon())

    assert past.response["result"] == "REJECTED"
    assert elsewhere.response["result"] == "REJECTED"


async def test_a_charger_that_dies_while_it_reserves_is_one_result(scene, version):
    """R28: exactly one CommandResult; nothing stays reserved."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner()
    async with scene.wire("CP1", version) as wire:
        sent = partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())

        async def die():
            assert (await wire.receive())[2] == "ReserveNow"
            wire.socket.transport.abort()

        command, _ = await asyncio.gather(sent, die())

    assert command.response["result"] == "ACCEPTED"
    assert len(command.results) == 1
    assert command.results[0]["result"] != "ACCEPTED"
    assert partner.sessions == []


@pytest.mark.parametrize(("version", "ocpi"), ONE_PAIR)
async def test_a_connector_is_unlocked(scene, version, ocpi):
    """mod_commands 13.3.8 (2.1.1: 3.5)."""
    await scene.add_charger("CP1", version)
    partner = await scene.add_partner(ocpi=ocpi)

    command = await partner.unlock_connector("LOC-CP1", "CP1-1", "1")

    assert command.response["result"] == "ACCEPTED"
    assert [result["result"] for result in command.results] == ["ACCEPTED"]


async def test_nobody_unlocks_the_session_of_another(scene):
    """mod_commands 13.4.4; a 1.6 station "SHALL finish the transaction first" (5.18)."""
    charger = await scene.add_charger("CP1")
    owner = await scene.add_partner()
    stranger = await scene.add_partner("OTH", tokens=())
    await charger.plug_in(1)
    await charger.present_token("TAG1", 1)
    await owner.until(lambda: len(owner.sessions) == 1)

    command = await stranger.unlock_connector("LOC-CP1", "CP1-1", "1")

    assert command.response["result"] == "REJECTED"
    assert len(charger.ledger.running()) == 1


async def test_a_reservation_outlives_a_restart(scene_with_store):
    """mod_commands 13.3.1: the partner's id still means the same reservation."""
    scene = scene_with_store
    await scene.add_charger("CP1")
    partner = await scene.add_partner()
    await partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", "R-7", soon())
    await partner.until(lambda: len(partner.sessions) == 1)

    await scene.gateway.close()
    await scene.gateway.start()
    await scene.until(lambda: connected(scene))
    command = await partner.cancel_reservation("R-7")

    assert [result["result"] for result in command.results] == ["ACCEPTED"]
    await partner.until(lambda: partner.sessions[0]["status"] == "COMPLETED")


async def connected(scene):
    return (await scene.get("charge-points/CP1"))["connected"]


@pytest.mark.parametrize(
    ("ocpi", "word", "told"),
    [
        ("2.2.1", "Occupied", "EVSE_OCCUPIED"),
        pytest.param("2.3.0", "Faulted", "EVSE_INOPERATIVE", marks=pytest.mark.long),
        ("2.1.1", "Occupied", "REJECTED"),
    ],
)
async def test_a_refusal_is_told_in_the_words_of_the_version(scene, ocpi, word, told):
    """ocpi-rules 16: CommandResultType; in 2.1.1 another CommandResponseType."""
    await scene.register_charger("CP1")
    partner = await scene.add_partner(ocpi=ocpi)
    async with scene.wire("CP1", "1.6") as wire:

        async def refuse():
            call = await wire.receive()
            await wire.send(json.dumps([3, call[1], {"status": word}]))

        command, _ = await asyncio.gather(
            partner.reserve_now("LOC-CP1", "CP1-1", "TAG1", NUMBERS[ocpi][0], soon()), refuse()
        )

    assert [result["result"] for result in command.results] == [told]
    assert partner.sessions == []
