"""What a CDR carries beside its prices: signed values, the meter, the remark.

Stations say it in OCPP's own messages; what partners get of it is judged by the standard's tables.
"""

import json
from base64 import b64decode, b64encode
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain import flags
from gateway.domain.bills.cdrs import KEPT_LOCATION
from gateway.domain.bills.decisions import Correction
from gateway.domain.timestamps import from_text, to_text
from gateway.ocpi.conformance.standard import errors
from gateway.ocpi.versions import VERSIONS
from gateway.ocpp.v16 import translate as v16
from gateway.ocpp.v201 import reports as v201_reports
from gateway.ocpp.v201 import translate as v201
from gateway.services.stations.initiative import Initiative
from gateway.services.stations.provisioning import BootIntervals, Provisioning
from gateway.services.stations.reports import Reports

START, END = "2026-03-01T09:00:00Z", "2026-03-01T09:30:00Z"
ENERGY = "Energy.Active.Import.Register"
KEY = b64encode(bytes(range(91))).decode()


def ocmf(code: str, kwh: str) -> str:
    reading = f'{{"TM":"2026-03-01T10:00:00,000+0000 S","TX":"{code}","RV":{kwh},"RU":"kWh"}}'
    return f'OCMF|{{"FV":"1.0","MS":"BQ27400330016","RD":[{reading}]}}|{{"SD":"887F"}}'


BEGIN_SIGNED, END_SIGNED = ocmf("B", "1.000"), ocmf("E", "3.000")


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def signed_value(text: str, context: str | None = None) -> dict[str, Any]:
    """A 1.6 SampledValue of format SignedData."""
    value = {"value": text, "format": "SignedData", "measurand": ENERGY}
    return value | ({"context": context} if context else {})


def meter_value(at: str, *values: dict[str, Any]) -> dict[str, Any]:
    return {"timestamp": at, "sampledValue": list(values)}


async def start_16(house: Any, state: Any) -> str:
    start = {"connectorId": 1, "idTag": "DEADBEEF", "timestamp": START, "meterStart": 1000}
    return str((await house.transactions.started(state, v16.started(start))).transaction_id)


async def say_16(house: Any, state: Any, transaction_id: str, *values: dict[str, Any]) -> None:
    metered = {"connectorId": 1, "transactionId": int(transaction_id), "meterValue": list(values)}
    await house.transactions.metered(state, v16.metered(metered))


async def stop_16(house: Any, state: Any, transaction_id: str, *values: dict[str, Any]) -> Any:
    stop = {
        "transactionId": int(transaction_id),
        "timestamp": END,
        "meterStop": 3000,
        "reason": "EVDisconnected",
        "transactionData": list(values),
    }
    await house.transactions.stopped(state, v16.stopped(stop))
    return await billed(house, state, transaction_id)


async def billed(house: Any, state: Any, transaction_id: str) -> Any:
    """The CDR, once nothing more is waited for."""
    if await house.cdr(state.identity, transaction_id) is None:
        await house.wait_is_over()
    cdr = await house.cdr(state.identity, transaction_id)
    assert cdr is not None, (await house.record(state.identity, transaction_id))["flags"]
    return cdr


def event(number: int, phase: str, at: str, wh: int | str, signed: Any = None) -> Any:
    """A 2.x TransactionEvent with its reading."""
    value: dict[str, Any] = {"value": Decimal(wh), "measurand": ENERGY}
    value["context"] = {"Started": "Transaction.Begin", "Ended": "Transaction.End"}[phase]
    if signed is not None:
        value["signedMeterValue"] = signed
    return v201.transaction(
        {
            "eventType": phase,
            "timestamp": at,
            "triggerReason": "Authorized",
            "seqNo": number,
            "transactionInfo": {"transactionId": "tx"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "DEADBEEF", "type": "ISO14443"},
            "meterValue": [meter_value(at, value)],
        }
    )


def signed_2x(text: str, key: str = "") -> dict[str, str]:
    return {
        "signedMeterData": b64(text),
        "signingMethod": "",
        "encodingMethod": "OCMF",
        "publicKey": key,
    }


async def charge_2x(house: Any, state: Any, begin: Any = None, end: Any = None) -> Any:
    await house.transactions.reported(state, event(0, "Started", START, 1000, begin))
    await house.transactions.reported(state, event(1, "Ended", END, 3000, end))
    return await billed(house, state, "tx")


def right_in_every_version(cdr: Any) -> dict[str, Any]:
    """The CDR as each version has it, after a look into the standard's tables."""
    shown = {version.number: version.wire.cdr(cdr) for version in VERSIONS}
    for number, body in shown.items():
        assert errors(number, "CDR", body) == []
    return shown


SIGNED_DATA = {
    "encoding_method": "OCMF",
    "signed_values": [
        {"nature": "Start", "plain_data": BEGIN_SIGNED, "signed_data": b64(BEGIN_SIGNED)},
        {"nature": "End", "plain_data": END_SIGNED, "signed_data": b64(END_SIGNED)},
    ],
}


async def test_signed_values_of_1_6_are_in_the_cdr(house: Any) -> None:
    """ocpp-rules 11: one in a MeterValues at the start, one in the StopTransaction."""
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)
    begin = signed_value(BEGIN_SIGNED, "Transaction.Begin")
    await say_16(house, state, id_, meter_value(START, begin))

    end = signed_value(END_SIGNED.encode().hex(), "Transaction.End")
    cdr = await stop_16(house, state, id_, meter_value(END, end))

    assert cdr["signed_data"] == SIGNED_DATA
    assert cdr["total_energy"] == 2
    shown = right_in_every_version(cdr)
    assert shown["2.2.1"]["signed_data"] == shown["2.3.0"]["signed_data"] == SIGNED_DATA
    assert "signed_data" not in shown["2.1.1"]


async def test_signed_values_as_the_paper_has_them_in_1_6(house: Any) -> None:
    """Signed Meter Values in OCPP 3.1.2: both in transactionData, 2.x's object as JSON."""
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)
    begin = signed_value(json.dumps(signed_2x(BEGIN_SIGNED, KEY)), "Transaction.Begin")
    end = signed_value(json.dumps(signed_2x(END_SIGNED)), "Transaction.End")

    cdr = await stop_16(house, state, id_, meter_value(START, begin), meter_value(END, end))

    assert cdr["signed_data"] == SIGNED_DATA | {"public_key": KEY}
    right_in_every_version(cdr)


async def test_signed_values_of_2_x_are_in_the_cdr(house: Any) -> None:
    """ocpp-rules 24: signedMeterValue, with its own key."""
    state = await house.station("ocpp2.0.1")

    cdr = await charge_2x(house, state, signed_2x(BEGIN_SIGNED, KEY), signed_2x(END_SIGNED))

    assert cdr["signed_data"] == SIGNED_DATA | {"public_key": KEY}
    right_in_every_version(cdr)


async def test_signed_values_are_found_again_after_a_restart(house: Any) -> None:
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)
    begin = signed_value(BEGIN_SIGNED, "Transaction.Begin")
    await say_16(house, state, id_, meter_value(START, begin))

    state = await house.connect(state.identity, "ocpp1.6")
    cdr = await stop_16(
        house, state, id_, meter_value(END, signed_value(END_SIGNED, "Transaction.End"))
    )

    assert cdr["signed_data"] == SIGNED_DATA


async def test_a_signed_value_among_many_others_is_found(house: Any) -> None:
    """Ordinary meter values are no business of signatures, however many there are."""
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)
    for number in range(1, 30):
        at = to_text(from_text(START) + timedelta(minutes=number))
        plain = {"value": str(1000 + 50 * number), "measurand": ENERGY}
        signed = [signed_value(ocmf("C", "2.0"))] if number == 15 else []
        await say_16(house, state, id_, meter_value(at, plain, *signed))

    cdr = await stop_16(house, state, id_)

    [value] = cdr["signed_data"]["signed_values"]
    assert (value["nature"], value["plain_data"]) == ("Intermediate", ocmf("C", "2.0"))


async def test_signed_values_that_say_another_energy_are_flagged(house: Any) -> None:
    """2,000 Wh by the ordinary readings, 2,150 by the signed ones: a cable may lose so much."""
    state = await house.station("ocpp2.0.1")

    await charge_2x(house, state, signed_2x(BEGIN_SIGNED), signed_2x(ocmf("E", "3.150")))

    assert (await house.record(state.identity, "tx"))["flags"] == [flags.SIGNED_DIFFERS]


async def test_one_that_its_signed_values_exclude_is_held(house: Any) -> None:
    """As a public 2.1 client does: the register as 0 kWh at the start and without a unit, so in
    Wh, at the end; the signed data set has it right. 0.18 Wh are not what was charged.
    """
    state = await house.station("ocpp2.0.1")
    both = 'OCMF|{"RD":[{"TX":"B","RV":"0","RU":"kWh"},{"TX":"E","RV":"0.18031"}]}|{"SD":"00"}'

    await house.transactions.reported(state, event(0, "Started", START, 0))
    await house.transactions.reported(state, event(1, "Ended", END, "0.18031", signed_2x(both)))

    assert await house.cdr(state.identity, "tx") is None
    record = await house.record(state.identity, "tx")
    assert record["flags"] == [flags.SIGNED_CONTRADICTS]


async def test_what_an_operator_corrects_is_not_held_against_the_signed_values(house: Any) -> None:
    """2,000 Wh by both, 500 by the operator: nothing had held it, so nothing was released."""
    state = await house.station("ocpp2.0.1")
    cdr = await charge_2x(house, state, signed_2x(BEGIN_SIGNED), signed_2x(END_SIGNED))

    correction = Correction(energy_wh=Decimal(500))
    await house.transactions.decisions.correct(state, "tx", correction, "faulty", cdr["id"])

    again = await house.cdr(state.identity, "tx")
    assert (again["total_energy"], again["remark"]) == (Decimal("0.5"), "CORRECTED; faulty")
    assert again["signed_data"] == cdr["signed_data"]


async def test_what_its_meter_says_is_not_to_be_billed_is_held(house: Any) -> None:
    """OCMF EF: energy "no longer usable for billing due to an error"."""
    state = await house.station("ocpp2.0.1")
    faulty = END_SIGNED.replace('"RU"', '"EF":"E","RU"')

    await house.transactions.reported(state, event(0, "Started", START, 1000))
    await house.transactions.reported(state, event(1, "Ended", END, 3000, signed_2x(faulty)))

    assert await house.cdr(state.identity, "tx") is None
    assert (await house.record(state.identity, "tx"))["flags"] == [flags.METER_ERROR]


async def test_a_released_cdr_has_its_signed_values_and_says_that_it_was_released(
    house: Any,
) -> None:
    state = await house.station("ocpp2.0.1")
    faulty = END_SIGNED.replace('"RU"', '"EF":"E","RU"')
    await house.transactions.reported(state, event(0, "Started", START, 1000))
    await house.transactions.reported(state, event(1, "Ended", END, 3000, signed_2x(faulty)))

    state = await house.connect(state.identity, "ocpp2.0.1")
    await house.transactions.decisions.release(state, "tx", "checked on site")

    cdr = await house.cdr(state.identity, "tx")
    assert cdr["remark"] == "RELEASED meter-error; checked on site"
    [value] = cdr["signed_data"]["signed_values"]
    assert value["plain_data"] == faulty
    right_in_every_version(cdr)


async def test_a_corrected_cdr_says_so(house: Any) -> None:
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)
    cdr = await stop_16(house, state, id_)

    correction = Correction(energy_wh=Decimal(1500))
    await house.transactions.decisions.correct(state, id_, correction, "faulty", cdr["id"])

    again = await house.cdr(state.identity, id_)
    assert again["total_energy"] == Decimal("1.5")
    assert again["remark"] == "STOP EVDisconnected; CORRECTED; faulty"


async def test_without_signed_values_there_is_no_signed_data(house: Any) -> None:
    state = await house.station("ocpp2.0.1")

    cdr = await charge_2x(house, state)

    assert {"signed_data", "meter_id", "home_charging_compensation"}.isdisjoint(cdr)


async def test_a_value_that_no_cdr_can_carry_is_not_kept(house: Any) -> None:
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)

    huge = signed_value("OCMF|" + "x" * 60_000, "Transaction.End")
    cdr = await stop_16(house, state, id_, meter_value(END, huge))

    assert "signed_data" not in cdr


async def test_the_key_of_a_1_6_meter_is_among_its_configuration(house: Any) -> None:
    """Signed Meter Values in OCPP 3.3.1: MeterPublicKey[ConnectorID]."""
    state = await house.station("ocpp1.6")
    stations = house.store.party(state.party).stations
    change = house.store.party(state.party).change(state.fence)
    keys = [
        {"key": "MeterPublicKey1", "value": f"oca:base16:asn1:{b64decode(KEY).hex()}"},
        {"key": "MeterPublicKey2", "value": "00" * 91},
    ]
    stations.keep(change, state.identity, "configuration", {"at": START, "keys": keys}, cap=1)
    await house.store.commit(change)
    id_ = await start_16(house, state)

    cdr = await stop_16(
        house, state, id_, meter_value(END, signed_value(END_SIGNED, "Transaction.End"))
    )

    assert cdr["signed_data"]["public_key"] == KEY


def fiscal_metering(name: str, value: str, instance: str | None = None) -> dict[str, Any]:
    """An entry of a NotifyReport."""
    return {
        "component": {"name": "FiscalMetering", "evse": {"id": 1}},
        "variable": {"name": name} | ({"instance": instance} if instance else {}),
        "variableAttribute": [{"type": "Actual", "value": value, "mutability": "ReadOnly"}],
    }


async def test_a_2_x_station_reports_its_meter_and_its_key(house: Any) -> None:
    """2.0.1 appendix 3.2.32, SerialNumber[Meter]; the paper 4.3.2, PublicKey."""
    state = await house.station("ocpp2.0.1")
    await report(
        house,
        state,
        fiscal_metering("SerialNumber", "EMH-4711", "Meter"),
        fiscal_metering("PublicKey", b64(f"oca:base16:asn1:{b64decode(KEY).hex()}")),
    )

    cdr = await charge_2x(house, state, end=signed_2x(END_SIGNED))

    assert cdr["meter_id"] == "EMH-4711"  # and not the one in the data set
    assert cdr["signed_data"]["public_key"] == KEY
    session = await house.session(state.identity, "tx")
    assert session["meter_id"] == "EMH-4711"


async def report(house: Any, state: Any, *entries: dict[str, Any]) -> None:
    reports = Reports(house.store, house.clock)
    await reports.expect(state, "NotifyReport", 7, inventory_of="1.0")
    told = {"requestId": 7, "generatedAt": START, "seqNo": 0, "reportData": list(entries)}
    await reports.received(state, v201_reports.notify_report(told))


async def boot_16(house: Any, state: Any, **more: str) -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M", **more}
    intervals = BootIntervals(300, 60)
    initiative = Initiative(house.router)
    provisioning = Provisioning(house.store, initiative, house.router, intervals, house.clock)
    await provisioning.booted(state, v16.booted(boot))
    await initiative.close()
    await provisioning.close()


async def test_the_meter_of_a_1_6_station_is_told_at_its_boot(house: Any) -> None:
    """1.6 6.1: meterSerialNumber, "the serial number of the main electrical meter"."""
    state = await house.station("ocpp1.6")
    await boot_16(house, state, meterSerialNumber="M-99")
    id_ = await start_16(house, state)

    cdr = await stop_16(house, state, id_)

    session = await house.session(state.identity, id_)
    assert (cdr["meter_id"], session["meter_id"]) == ("M-99", "M-99")
    assert [one["meter_id"] for one in right_in_every_version(cdr).values()] == ["M-99"] * 3
    for version in VERSIONS:
        body = version.wire.session(session, cdr[KEPT_LOCATION])
        assert errors(version.number, "Session", body) == []
        assert body["meter_id"] == "M-99"


async def test_where_nobody_names_the_meter_its_signature_does(house: Any) -> None:
    state = await house.station("ocpp2.0.1")

    cdr = await charge_2x(house, state, end=signed_2x(END_SIGNED))

    assert cdr["meter_id"] == "BQ27400330016"


async def bind(house: Any, state: Any, **more: Any) -> None:
    """What the operator says of the EVSE behind `charge_point`."""
    number = state.identity.removeprefix("CP-")
    location = await house.catalogue.operator_view(state.party, f"LOC-{number}")
    for evse in location["evses"]:
        evse["charge_point"] |= more
    await house.catalogue.put(state.party, location)


async def test_the_operators_word_on_the_meter_counts_first(house: Any) -> None:
    state = await house.station("ocpp1.6")
    await boot_16(house, state, meterSerialNumber="M-99")
    await bind(house, state, meter_id="OURS-1")
    id_ = await start_16(house, state)

    cdr = await stop_16(house, state, id_)

    assert cdr["meter_id"] == "OURS-1"


@pytest.mark.parametrize("reconnected", [False, True])
async def test_a_home_charger_is_compensated(house: Any, reconnected: bool) -> None:
    """mod_cdrs 10.3.1: "the energy cost needs to be financial compensated to the EV Driver"."""
    state = await house.station("ocpp1.6")
    await bind(house, state, home_charging_compensation=True)
    id_ = await start_16(house, state)
    await bind(house, state, home_charging_compensation=False)  # as it was at the start
    if reconnected:
        state = await house.connect(state.identity, "ocpp1.6")

    cdr = await stop_16(house, state, id_)

    shown = right_in_every_version(cdr)
    assert shown["2.2.1"]["home_charging_compensation"] is True
    assert shown["2.3.0"]["home_charging_compensation"] is True
    assert "home_charging_compensation" not in shown["2.1.1"]


async def test_no_partner_sees_what_the_operator_said_of_the_meter(house: Any) -> None:
    """S7: what is in `charge_point` is the operator's alone."""
    state = await house.station("ocpp1.6")
    await bind(house, state, home_charging_compensation=True, meter_id="OURS-1")
    number = state.identity.removeprefix("CP-")
    location = await house.catalogue.operator_view(state.party, f"LOC-{number}")

    for version in VERSIONS:
        shown = json.dumps(version.wire.location(location), default=str)
        assert "OURS-1" not in shown
        assert "home_charging" not in shown


async def test_the_remark_says_why_it_stopped(house: Any) -> None:
    state = await house.station("ocpp1.6")
    id_ = await start_16(house, state)

    cdr = await stop_16(house, state, id_)

    assert [one["remark"] for one in right_in_every_version(cdr).values()] == [
        "STOP EVDisconnected"
    ] * 3


async def test_a_cdr_and_its_session_have_ids_of_36_characters(house: Any) -> None:
    """mod_cdrs: "Normal (non-credit) CDRs SHALL only have an ID with a maximum length of 36"."""
    cdr = await charge_2x(house, await house.station("ocpp2.0.1"))

    assert len(cdr["id"]) <= 36
    assert len(cdr["session_id"]) <= 36
