"""Signed meter values, from the meter that signs them to the partner that checks them."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_der_public_key

from simulators.charge_point.settings import StationSettings
from simulators.charge_point.signed_meter import ALWAYS, NEVER, ONCE
from simulators.charge_point.vehicle import Vehicle


def signing(key: str) -> StationSettings:
    return StationSettings(sample_interval=0, sign_readings=True, key_with_signed_values=key)


@pytest.fixture
def just_now(clock):
    """A station's clock within the last minute: what it says then is not taken for a backlog."""
    return type(clock)(datetime.now(UTC) - timedelta(seconds=50))


async def charge(charger, clock):
    """Forty seconds at 11 kW."""
    await charger.plug_in(1, Vehicle.of(200_000, 10, ac_w=11_040, dc_w=50_000))
    clock.move(seconds=1)
    assert await charger.present_token("TAG1", 1) == "Accepted"
    transaction = await charger.until_transaction(1)
    clock.move(seconds=40)
    charger.stop_transaction(1)
    await charger.until_acknowledged(transaction)
    return transaction


def check(signed_data):
    """As whoever was billed would do it, of nothing but what the CDR says; the readings in kWh."""
    assert signed_data["encoding_method"] == "OCMF"
    key = load_der_public_key(b64decode(signed_data["public_key"]))
    assert isinstance(key, ec.EllipticCurvePublicKey)
    readings = {}
    for value in signed_data["signed_values"]:
        data_set = b64decode(value["signed_data"]).decode()
        assert data_set == value["plain_data"]
        _, payload, signature = data_set.split("|")
        signed = bytes.fromhex(json.loads(signature)["SD"])
        key.verify(signed, payload.encode(), ec.ECDSA(hashes.SHA256()))  # raises if it is not its
        readings[value["nature"]] = json.loads(payload)["RD"][0]["RV"]
    return readings


async def test_the_driver_can_check_the_meter_by_the_cdr(scene, version, just_now):
    charger = await scene.add_charger("CP1", version, clock=just_now, settings=signing(ONCE))
    partner = await scene.add_partner()

    transaction = await charge(charger, just_now)
    await partner.until(lambda: len(partner.cdrs) == 1)

    [cdr] = partner.cdrs
    readings = check(cdr["signed_data"])
    assert readings == {
        "Start": f"{transaction.meter_start_wh / 1000:.3f}",
        "End": f"{transaction.meter_stop_wh / 1000:.3f}",
    }
    assert cdr["meter_id"] == charger.connectors[1].meter.serial


async def test_a_key_that_never_comes_along_is_the_stations(scene, version, just_now):
    """PublicKeyWithSignedMeterValue Never: "CSMS [...] requests it from configuration"."""
    await scene.register_charger("CP1", provision=True)
    charger = await scene.add_charger(
        "CP1", version, register=False, clock=just_now, settings=signing(NEVER)
    )
    partner = await scene.add_partner()
    key = charger.connectors[1].meter.public_key

    async def told():
        status, answer = await scene.ask("GET", "charge-points/CP1/device-model")
        complete = version == "1.6" or (status == 200 and answer["report"]["complete"])
        return status == 200 and complete and key in json.dumps(answer, default=str)

    await scene.until(told)

    await charge(charger, just_now)
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert set(check(partner.cdrs[0]["signed_data"])) == {"Start", "End"}


async def test_a_charger_that_is_told_to_sign_does(scene, just_now):
    charger = await scene.add_charger("CP1", "1.6", clock=just_now)
    partner = await scene.add_partner()
    for key, value in (
        ("SampledDataSignReadings", "true"),
        ("PublicKeyWithSignedMeterValue", ALWAYS),
    ):
        call = {"action": "ChangeConfiguration", "payload": {"key": key, "value": value}}
        status, answer = await scene.ask("POST", "charge-points/CP1/calls", call)
        assert (status, answer["payload"]) == (200, {"status": "Accepted"})

    await charge(charger, just_now)
    await partner.until(lambda: len(partner.cdrs) == 1)

    assert set(check(partner.cdrs[0]["signed_data"])) == {"Start", "End"}
