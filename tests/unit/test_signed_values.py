"""Signed values in the shapes in which stations deliver them, as OCPI's SignedData."""

import json
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from gateway.domain.metering.meter import Measurand, Reading, ReadingContext, Sample
from gateway.domain.metering.signed_values import MOST_DATA, MOST_IN_ALL, evidence

T0 = datetime(2026, 3, 1, 10, 0, tzinfo=UTC)
BEGIN, PERIODIC, END = ReadingContext.BEGIN, ReadingContext.PERIODIC, ReadingContext.END


def ocmf(code: str, wh: str, serial: str = "BQ27400330016") -> str:
    """A data set as OCMF's own example has it, shortened."""
    reading = f'{{"TM":"2026-03-01T10:00:00,000+0000 S","TX":"{code}","RV":{wh},"RU":"kWh"}}'
    return f'OCMF|{{"FV":"1.0","PG":"T1","MS":"{serial}","RD":[{reading}]}}|{{"SD":"887FABF4"}}'


def reading(text: str, context: ReadingContext = PERIODIC, minutes: int = 0) -> Reading:
    sample = Sample(Measurand.ENERGY_IMPORT_REGISTER, None, context, signed=text)
    return Reading(T0 + timedelta(minutes=minutes), (sample,))


def b64(text: str) -> str:
    return b64encode(text.encode()).decode()


def signed_object(data: str, encoding: str = "OCMF", key: str = "") -> str:
    """SignedMeterValueType as JSON (Open Charge Alliance, Signed Meter Values in OCPP, 3.2.1)."""
    members = {"signedMeterData": data, "signingMethod": "", "encodingMethod": encoding}
    return json.dumps(members | {"publicKey": key})


def test_begin_and_end_become_start_and_end():
    start, end = ocmf("B", "2935.6"), ocmf("E", "2965.1")

    found = evidence([reading(start, BEGIN), reading(end, END, 60)])

    assert found.signed_data == {
        "encoding_method": "OCMF",
        "signed_values": [
            {"nature": "Start", "plain_data": start, "signed_data": b64(start)},
            {"nature": "End", "plain_data": end, "signed_data": b64(end)},
        ],
    }


def test_nothing_signed_is_no_signed_data():
    plain = Reading(T0, (Sample(Measurand.ENERGY_IMPORT_REGISTER, None),))

    assert evidence([plain]).signed_data is None


@pytest.mark.parametrize(
    "shape",
    [
        lambda text: text,
        b64,
        lambda text: b64(text).rstrip("="),
        lambda text: text.encode().hex(),
        lambda text: text.encode().hex().upper(),
        lambda text: signed_object(b64(text)),
        lambda text: signed_object(text),
        lambda text: signed_object(text.encode().hex()),
        lambda text: json.dumps({"signedMeterValue": b64(text), "encodingMethod": "OCMF"}),
    ],
    ids=[
        "text",
        "base64",
        "unpadded",
        "hex",
        "HEX",
        "JSON",
        "JSON of text",
        "JSON of hex",
        "other name",
    ],
)
def test_a_data_set_is_the_same_in_every_shape(shape):
    text = ocmf("E", "12.5")

    signed_data = evidence([reading(shape(text), END)]).signed_data

    assert signed_data is not None
    assert signed_data["encoding_method"] == "OCMF"
    assert signed_data["signed_values"] == [
        {"nature": "End", "plain_data": text, "signed_data": b64(text)}
    ]


def test_a_value_that_came_twice_is_there_once():
    """At the start in a MeterValues, and again in the StopTransaction (the paper, 3.1.2)."""
    start = ocmf("B", "1")

    found = evidence([reading(start, BEGIN), reading(b64(start), BEGIN, 60)])

    assert found.signed_data is not None
    assert len(found.signed_data["signed_values"]) == 1
    assert found.left_out == 0


@pytest.mark.parametrize(
    ("code", "nature"),
    [
        ("B", "Start"),
        ("C", "Intermediate"),
        ("T", "Intermediate"),
        *((code, "End") for code in "ELRAP"),
    ],
)
def test_without_a_context_the_data_set_says_where_it_belongs(code, nature):
    signed_data = evidence([reading(ocmf(code, "1"))]).signed_data

    assert signed_data is not None
    assert signed_data["signed_values"][0]["nature"] == nature


def test_values_are_in_the_order_of_time():
    texts = [ocmf("B", "1"), ocmf("C", "2"), ocmf("E", "3")]
    readings = [reading(text, PERIODIC, minute) for minute, text in enumerate(texts)]

    signed_data = evidence(reversed(readings)).signed_data

    assert signed_data is not None
    natures = [one["nature"] for one in signed_data["signed_values"]]
    assert natures == ["Start", "Intermediate", "End"]


@pytest.mark.parametrize(
    ("text", "vendor", "name"),
    [
        (ocmf("E", "1"), "", "OCMF"),
        (signed_object(b64("AP;0;3;ALCV3ABBBISHMA;BIHEI"), "Alfen"), "", "Alfen Eichrecht"),
        ("AP;0;3;ALCV3ABBBISHMA;BIHEI", "", "Alfen Eichrecht"),
        (signed_object("3q2+7w==", "EDL40 E-Mobility Extension"), "", "EDL40 E-Mobility Extension"),
        (signed_object("3q2+7w==", "EDL"), "MENNEKES GmbH", "EDL40 Mennekes"),
        (signed_object("3q2+7w==", "EDL"), "eBee", "EDL40 E-Mobility Extension"),
        (signed_object("3q2+7w==", "EDL"), "Somebody", "EDL"),
        ('<Billing xmlns="http://www.mennekes.de/Mennekes.EdlVerification.xsd"/>', "",
         "EDL40 Mennekes"),
        (signed_object("3q2+7w==", "DLMS Message"), "", "DLMS Message"),
        (signed_object("3q2+7w==", "ä" * 99), "", "Other"),
        (signed_object("3q2+7w==", "x" * 99), "", "x" * 36),
        ("deadbeef", "", "Other"),
    ],
)  # fmt: skip
def test_encodings_have_the_names_of_the_table(text, vendor, name):
    """mod_cdrs 10.4.6: "the name given to the encoding by a company or group of companies"."""
    signed_data = evidence([reading(text, END)], vendor=vendor).signed_data

    assert signed_data is not None
    assert signed_data["encoding_method"] == name


def test_opaque_bytes_are_shown_as_they_came():
    signed_data = evidence([reading("00FFDEADBEEF", END)]).signed_data

    assert signed_data is not None
    assert signed_data["signed_values"] == [
        {"nature": "End", "plain_data": "00FFDEADBEEF", "signed_data": "AP/erb7v"}
    ]


def test_xml_brings_its_own_encoding_and_key():
    key = bytes(range(48))
    xml = (
        '<signedMeterValue><publicKey encoding="base64">' + b64encode(key).decode() + "</publicKey>"
        "<encodingMethod>EDL</encodingMethod></signedMeterValue>"
    )

    signed_data = evidence([reading(xml, END)]).signed_data

    assert signed_data is not None
    assert signed_data["encoding_method"] == "EDL"
    assert b64decode(signed_data["public_key"]) == key


def test_what_cannot_be_shown_is_a_space_and_the_signed_bytes_stay():
    """Types 1.5: "Carriage returns, Tabs, Line breaks, etc are not allowed"."""
    text = ocmf("E", "1").replace(",", ",\n\t")

    signed_data = evidence([reading(text, END)]).signed_data

    assert signed_data is not None
    [value] = signed_data["signed_values"]
    assert value["plain_data"] == text.replace("\n", " ").replace("\t", " ")
    assert b64decode(value["signed_data"]).decode() == text


def test_a_value_that_does_not_fit_is_left_out_whole():
    """mod_cdrs 10.4.7: string(5000); base64 of 3,751 bytes has 5,004 characters."""
    longest, longer = "OCMF|" + "x" * 3745, "OCMF|" + "x" * 3746

    found = evidence([reading(longest, BEGIN), reading(longer, END, 60)])

    assert found.left_out == 1
    assert found.signed_data is not None
    [value] = found.signed_data["signed_values"]
    assert (value["nature"], len(value["signed_data"])) == ("Start", MOST_DATA)


def test_start_and_end_go_before_what_is_between_them():
    """A night of signed quarters does not fit into one CDR; its start and end do."""
    filler = "x" * 3000
    between = [
        reading(ocmf("C", "1", f"{filler}{number}"), PERIODIC, number) for number in range(1, 96)
    ]
    readings = [reading(ocmf("B", "1"), BEGIN), *between, reading(ocmf("E", "9"), END, 99)]

    found = evidence(readings)

    assert found.signed_data is not None
    values = found.signed_data["signed_values"]
    assert [values[0]["nature"], values[-1]["nature"]] == ["Start", "End"]
    assert sum(len(one["plain_data"]) + len(one["signed_data"]) for one in values) <= MOST_IN_ALL
    assert found.left_out == 97 - len(values) > 0


def test_a_signed_data_has_one_encoding_that_of_the_end():
    found = evidence([reading("AP;0;3;ABC", BEGIN), reading(ocmf("E", "1"), END, 60)])

    assert found.signed_data is not None
    assert found.signed_data["encoding_method"] == "OCMF"
    assert len(found.signed_data["signed_values"]) == 1
    assert found.left_out == 1


def test_the_key_may_come_with_any_of_the_values():
    """PublicKeyWithSignedMeterValue OncePerTransaction (the paper, 3.3.2)."""
    key = bytes(range(91))
    with_key = signed_object(b64(ocmf("B", "1")), key=b64encode(key).decode())

    found = evidence(
        [reading(with_key, BEGIN), reading(signed_object(b64(ocmf("E", "2"))), END, 60)]
    )

    assert found.signed_data is not None
    assert b64decode(found.signed_data["public_key"]) == key
    assert not found.needs_key


def test_a_key_may_come_with_the_repetition_of_a_value():
    key = bytes(range(91))
    begin = signed_object(b64(ocmf("B", "1")))
    again = signed_object(b64(ocmf("B", "1")), key=b64encode(key).decode())

    found = evidence([reading(begin, BEGIN), reading(again, BEGIN, 60)])

    assert found.signed_data is not None
    assert b64decode(found.signed_data["public_key"]) == key
    assert len(found.signed_data["signed_values"]) == 1


def test_the_value_of_the_start_comes_first_whenever_it_was_told():
    """In a StopTransaction the begin may bear the time of the stop."""
    readings = [
        reading(ocmf("C", "2"), PERIODIC, 30),
        reading(ocmf("E", "3"), END, 60),
        reading(ocmf("B", "1"), BEGIN, 60),
    ]

    signed_data = evidence(readings).signed_data

    assert signed_data is not None
    natures = [one["nature"] for one in signed_data["signed_values"]]
    assert natures == ["Start", "Intermediate", "End"]


def test_the_meter_is_the_one_that_signed():
    assert evidence([reading(ocmf("E", "1", "EMH-4711"), END)]).meter_serial == "EMH-4711"


@pytest.mark.parametrize(
    "text",
    [
        "OCMF|",
        "OCMF||",
        "OCMF|[1]|{}",
        'OCMF|{"RD":7,"MS":9}|{}',
        'OCMF|{"RD":[7,{"TX":{}}]}|{}',
        "OCMF|" + "[" * 3000 + "|{}",
        "{",
        '{"signedMeterData": 7}',
        '{"signedMeterData": "\\ud800", "encodingMethod": "\\ud800", "publicKey": "\\ud800"}',
        'OCMF|{"MS":"\\ud800"}|{}',
        "{" * 3000,
        "<a",
        "0x",
        "===",
        "\x00\ufffe",
        "9" * 5000,
        " ",
        "",
    ],
)
def test_nothing_that_a_station_may_send_is_too_odd(text):
    signed_data = evidence([reading(text, END)]).signed_data

    if text.strip() and signed_data is not None:
        for value in signed_data["signed_values"]:
            assert value["plain_data"].isprintable()
            b64decode(value["signed_data"], validate=True)


@pytest.mark.parametrize(
    ("begin", "end", "billed_wh", "contradicts"),
    [
        ("2935.600", "2965.100", 29_500, False),
        ("2935.600", "2965.100", 29_502, False),  # whole Wh: up to one at each end
        ("2935.600", "2965.100", 29_504, True),
        ("2935.6", "2965.1", 29_600, False),  # a data set that shows steps of 100 Wh
        ("2935.6", "2965.1", 29_603, True),
        ('"0.000"', '"0.636"', 636, False),  # numbers as text, as in the paper's example (5.2)
        ("0", "1", 9_000, True),
        ('"0"', '"0.62634"', 626, False),  # as a public 2.1 client signs it: zeros left out
        ('"0"', '"0.62634"', 600, True),  # the steps are those of 0.62634, not of 0
    ],
)
def test_what_was_signed_is_compared_with_what_is_billed(begin, end, billed_wh, contradicts):
    found = evidence([reading(ocmf("B", begin), BEGIN), reading(ocmf("L", end), END, 60)])

    assert found.contradicts(Decimal(billed_wh)) is contradicts


def test_one_data_set_may_hold_begin_and_end_of_several_registers():
    """OCMF, Readings: what is as in the reading before is left out. 636 Wh by the first register,
    600 Wh by the second.
    """
    text = (
        'OCMF|{"MS":"M","RD":['
        '{"TX":"B","RV":108.178,"RI":"01-00:98.08.00.FF","RU":"kWh","EF":""},'
        '{"TX":"E","RV":108.814},'
        '{"TX":"B","RV":0,"RI":"01-00:00.08.06.FF","RU":"Wh"},'
        '{"TX":"E","RV":600}]}|{"SD":"00"}'
    )

    found = evidence([reading(text, END)])

    assert [one.wh for one in found.energies] == [636, 600]
    assert not found.contradicts(Decimal(600))
    assert found.contradicts(Decimal(500))


@pytest.mark.parametrize(("errors", "usable"), [("", True), ("t", True), ("E", False)])
def test_a_meter_may_say_that_its_energy_is_not_to_be_billed(errors, usable):
    """OCMF EF: "which quantities are no longer usable for billing due to an error"."""
    text = ocmf("E", "1").replace('"RU"', f'"EF":"{errors}","RU"')

    assert evidence([reading(text, END)]).usable is usable


@pytest.mark.parametrize(
    "value", ["1E+999999", '"NaN"', '"1e9"', "true", "[]", '"Infinity"', "1e99"]
)
def test_no_reading_is_too_odd_to_be_compared(value):
    found = evidence([reading(ocmf("B", "1"), BEGIN), reading(ocmf("E", value), END, 60)])

    assert found.contradicts(Decimal(5)) in (True, False)
