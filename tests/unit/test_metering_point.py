"""Which meter, and which key, a station says that an EVSE has."""

from gateway.domain.device_model import ReportedAttribute, ReportedVariable
from gateway.domain.metering.point import (
    FiscalMeter,
    MeteringPoint,
    configured_keys,
    fiscal_meters,
    meter_id,
    of_evse,
    stated,
)


def variable(name: str, value: str | None, *, instance: str | None = None, evse: int | None = None):
    attributes = (ReportedAttribute("Target", "no"), ReportedAttribute("Actual", value))
    return ReportedVariable(
        "FiscalMetering", name, variable_instance=instance, evse=evse, attributes=attributes
    )


def test_the_operator_says_it_in_the_binding():
    binding = {"identity": "CP1", "evse_id": 1, "meter_id": "M-1"}

    assert stated(binding) == MeteringPoint("M-1", home_charging_compensation=False)
    assert stated({"home_charging_compensation": True}) == MeteringPoint(None, True)
    assert stated({}) == MeteringPoint()


def test_a_meter_has_a_serial_number_and_a_key_per_evse():
    """2.0.1 appendix 3.2.32: SerialNumber[Meter], beside that of its current transformer."""
    reported = [
        variable("SerialNumber", "CT-1", instance="CT", evse=1),
        variable("SerialNumber", "M-1", instance="Meter", evse=1),
        variable("PublicKey", "KEY-1", evse=1),
        variable("SerialNumber", "M-2", evse=2),
        ReportedVariable("Controller", "SerialNumber", attributes=(ReportedAttribute(value="C"),)),
    ]

    meters = fiscal_meters(reported)

    assert meters == {1: FiscalMeter("M-1", "KEY-1"), 2: FiscalMeter("M-2")}


def test_an_evse_without_its_own_has_the_stations():
    meters = fiscal_meters([variable("PublicKey", "MAIN"), variable("SerialNumber", "M-2", evse=2)])

    assert of_evse(meters, 2) == FiscalMeter("M-2", "MAIN")
    assert of_evse(meters, 1) == FiscalMeter(None, "MAIN")
    assert of_evse({}, 1) == FiscalMeter()


def test_an_id_is_what_can_be_shown_of_a_serial_number():
    assert meter_id(" EMH\n4711 \ud800") == "EMH4711"
    assert meter_id("9" * 300) == "9" * 255
    assert meter_id(" ") is meter_id("") is meter_id(None) is None


def test_what_was_not_told_is_not_known():
    assert fiscal_meters([variable("PublicKey", None, evse=1), variable("PublicKey", "")]) == {}


def test_keys_of_1_6_are_numbered_by_connector():
    """The paper's text writes MeterPublicKey[ConnectorID], its examples MeterPublicKey1."""
    keys = [
        {"key": "MeterPublicKey1", "value": "ONE"},
        {"key": "meterPublicKey[2]", "value": "TWO"},
        {"key": "MeterPublicKey", "value": "MAIN"},
        {"key": "MeterPublicKey3", "value": ""},
        {"key": "MeterPublicKeyOfOld", "value": "NO"},
        {"key": "PublicKeyWithSignedMeterValue", "value": "Never"},
    ]

    meters = configured_keys(keys)

    found = {evse_id: of_evse(meters, evse_id).public_key for evse_id in (1, 2, 3)}
    assert found == {1: "ONE", 2: "TWO", 3: "MAIN"}
