"""Every quirk: refused or read by the standard without it, taken with it, and counted."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway import exact_json
from gateway.domain import quirks as q
from gateway.domain.charge_points import ChargePointRecord, SecurityProfile
from gateway.domain.party import Party
from gateway.domain.quirks import QUIRKS, Applies
from gateway.domain.transactions import Transaction
from gateway.ocpp import codec, v16, v21, v201, wire
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.leniency import Leniency
from gateway.ocpp.schemas import Rule, Violation
from gateway.ocpp.v16 import translate as translate16
from gateway.ocpp.v201 import translate as translate201
from gateway.services.stations.station_state import RunningTransaction, StationState
from gateway.store import Fence

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
AT = "2026-07-01T12:00:00Z"
DIALECTS = {"1.6": v16.DIALECT, "2.0.1": v201.DIALECT, "2.1": v21.DIALECT}


class Kinds:
    """Remembers what stations said they are."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str | None]] = []

    def booted(self, state: StationState, vendor: str, model: str, firmware: str | None) -> None:
        self.told.append((vendor, model, firmware))


class Station:
    """One connection's leniency and state."""

    def __init__(self, version: str, *quirks: str, at: datetime = NOW) -> None:
        self.dialect: Dialect = DIALECTS[version]
        record = ChargePointRecord(
            "CP1", Party("NL", "ABC"), SecurityProfile.UNSECURED, quirks=frozenset(quirks)
        )
        self.state = StationState(record, Fence("CP1", 1), self.dialect.subprotocol, at, at)
        self.kinds = Kinds()
        self.leniency = Leniency(self.dialect, self.kinds)

    def take(self, action: str, payload: Any) -> list[Violation]:
        """What a link does with a payload before and after its handler."""
        schema = self.dialect.schemas.request(action)
        assert schema is not None
        state, leniency = self.state, self.leniency
        if state.quirks.change_meaning:
            leniency.rescale(state, action, payload)
        if not schema.valid(payload):
            left = leniency.mend(state, action, schema, payload)
            if left:
                return left
        if state.quirks.change_meaning:
            leniency.reinterpret(state, action, schema, payload)
        leniency.look(state, action, payload)
        return []

    def counted(self, name: str) -> int:
        return int(self.state.deviations.document().get(name, {}).get("count", 0))

    def suggested(self, name: str) -> bool:
        return bool(self.state.deviations.document().get(name, {}).get("would_help", 0))

    def running(self, *connectors: int, meter_start_wh: int = 5_000_000) -> "Station":
        for number, connector in enumerate(connectors, 1):
            transaction = Transaction(
                id=str(number),
                identity="CP1",
                evse_id=connector,
                started_at=NOW,
                session_id="S",
                cdr_id="C",
                meter_start_wh=Decimal(meter_start_wh),
            )
            self.state.open[str(number)] = RunningTransaction(transaction)
        return self


def start(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "idTag": "T", "meterStart": 7, "timestamp": AT} | changes


def stop(**changes: Any) -> dict[str, Any]:
    return {"transactionId": 1, "meterStop": 7, "timestamp": AT} | changes


def status(**changes: Any) -> dict[str, Any]:
    return {"connectorId": 1, "status": "Available", "errorCode": "NoError"} | changes


def values(*sampled: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "connectorId": 1,
        "meterValue": [{"timestamp": AT, "sampledValue": list(sampled)}],
    } | changes


def event(**changes: Any) -> dict[str, Any]:
    return {
        "eventType": "Updated",
        "timestamp": AT,
        "triggerReason": "MeterValuePeriodic",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "t"},
    } | changes


def without(payload: dict[str, Any], name: str) -> dict[str, Any]:
    return {member: value for member, value in payload.items() if member != name}


@dataclass
class Shape:
    """A payload that breaks its schema, and what it becomes by the quirk."""

    quirk: str
    version: str
    action: str
    payload: dict[str, Any]
    rule: Rule
    taken: Callable[[dict[str, Any]], bool]


SHAPES = [
    Shape(q.LOOSE_TYPES, "1.6", "StartTransaction", start(connectorId="1", meterStart="7"),
          Rule.TYPE, lambda p: (p["connectorId"], p["meterStart"]) == (1, 7)),
    Shape(q.LOOSE_TYPES, "1.6", "StartTransaction", start(idTag=4711),
          Rule.TYPE, lambda p: p["idTag"] == "4711"),
    Shape(q.LOOSE_TYPES, "2.0.1", "TransactionEvent", event(offline="true"),
          Rule.TYPE, lambda p: p["offline"] is True),
    Shape(q.LOOSE_TYPES, "2.1", "TransactionEvent",
          event(meterValue=[{"timestamp": AT, "sampledValue": [{"value": "12,5"}]}]),
          Rule.TYPE, lambda p: p["meterValue"][0]["sampledValue"][0]["value"] == Decimal("12.5")),
    Shape(q.LONG_TEXTS, "1.6", "StartTransaction", start(idTag="T" * 30),
          Rule.PROPERTY, lambda p: p["idTag"] == "T" * 20),
    Shape(q.LONG_TEXTS, "2.0.1", "TransactionEvent",
          event(transactionInfo={"transactionId": "t" * 40}),
          Rule.PROPERTY, lambda p: p["transactionInfo"]["transactionId"] == "t" * 36),
    Shape(q.UNKNOWN_WORDS, "1.6", "StopTransaction", stop(reason="Boredom"),
          Rule.PROPERTY, lambda p: "reason" not in p),
    Shape(q.UNKNOWN_WORDS, "1.6", "MeterValues",
          values({"value": "1"}, {"value": "2", "unit": "furlong"}),
          Rule.PROPERTY, lambda p: p["meterValue"][0]["sampledValue"] == [{"value": "1"}]),
    Shape(q.WRONG_CASE, "1.6", "StatusNotification",
          status(status="AVAILABLE", errorCode="noError"),
          Rule.PROPERTY, lambda p: (p["status"], p["errorCode"]) == ("Available", "NoError")),
    Shape(q.WRONG_CASE, "1.6", "StartTransaction", without(start(ConnectorID=2), "connectorId"),
          Rule.OCCURRENCE, lambda p: p["connectorId"] == 2 and "ConnectorID" not in p),
    Shape(q.WRONG_CASE, "2.0.1", "TransactionEvent", event(triggerReason="METER_VALUE_PERIODIC"),
          Rule.PROPERTY, lambda p: p["triggerReason"] == "MeterValuePeriodic"),
    Shape(q.MISSING_MEMBERS, "1.6", "StatusNotification", without(status(), "errorCode"),
          Rule.OCCURRENCE, lambda p: p["errorCode"] == "NoError"),
    Shape(q.MISSING_MEMBERS, "1.6", "StartTransaction", without(start(), "timestamp"),
          Rule.OCCURRENCE, lambda p: p["timestamp"] == "2026-07-01T12:00:00.000Z"),
    Shape(q.MISSING_MEMBERS, "2.0.1", "BootNotification",
          {"chargingStation": {"model": "m", "vendorName": "v"}},
          Rule.OCCURRENCE, lambda p: p["reason"] == "Unknown"),
]  # fmt: skip


def copy(payload: Any) -> Any:
    return exact_json.loads(exact_json.dumps(payload))


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: f"{case.quirk}-{case.action}")
def test_a_broken_payload_is_refused_and_the_quirk_suggested(case: Shape) -> None:
    """ocpp-rules 6: standard clause first"""
    station = Station(case.version)
    assert station.take(case.action, copy(case.payload))[0].rule is case.rule
    assert station.counted(q.REFUSED_CALLS) == 1
    assert station.counted(case.quirk) == 0
    assert station.suggested(case.quirk)


@pytest.mark.parametrize("case", SHAPES, ids=lambda case: f"{case.quirk}-{case.action}")
def test_a_named_quirk_takes_what_was_meant_and_is_counted(case: Shape) -> None:
    """ocpp-rules 6: named quirk second"""
    station, payload = Station(case.version, case.quirk), copy(case.payload)
    assert station.take(case.action, payload) == []
    assert case.taken(payload)
    assert station.counted(case.quirk) >= 1
    assert station.counted(q.REFUSED_CALLS) == 0
    assert not station.suggested(case.quirk)


ALWAYS = [
    (q.EXTRA_MEMBERS, "1.6", "StartTransaction", start(vendorStuff={"a": 1})),
    (q.NULL_MEMBERS, "1.6", "StartTransaction", start(reservationId=None)),
    (q.NULL_MEMBERS, "2.0.1", "TransactionEvent", event(evse=None)),
    (q.EMPTY_LISTS, "2.0.1", "TransactionEvent", event(meterValue=[])),
    (q.EMPTY_TEXTS, "1.6", "StopTransaction", stop(reason="")),
    (q.EMPTY_TEXTS, "1.6", "StatusNotification", status(timestamp="")),
    (q.BROKEN_ELEMENTS, "1.6", "StopTransaction", stop(transactionData=[{"timestamp": AT}])),
    (q.NO_ZONE, "1.6", "StartTransaction", start(timestamp="2026-07-01T12:00:00")),
    (q.NO_ZONE, "2.1", "TransactionEvent", event(timestamp="2026-07-01T12:00:00.123456789")),
    (q.ODD_TIMES, "1.6", "StartTransaction", start(timestamp="2026-07-01 12:00:00z")),
    (q.ODD_TIMES, "1.6", "StartTransaction", start(timestamp="20260701T120000+0200")),
    (q.SPACED_NUMBERS, "1.6", "MeterValues", values({"value": " 1 234.5 "})),
    (q.DECIMAL_COMMA, "1.6", "MeterValues", values({"value": "1.234,5"})),
    (q.EXPONENTS, "1.6", "MeterValues", values({"value": "1.2e3"})),
    (q.NO_NUMBERS, "1.6", "MeterValues", values({"value": "string"})),
]


@pytest.mark.parametrize(("quirk", "version", "action", "payload"), ALWAYS)
def test_what_loses_nothing_is_always_taken_and_counted(
    quirk: str, version: str, action: str, payload: dict[str, Any]
) -> None:
    station = Station(version)
    assert station.take(action, copy(payload)) == []
    assert station.state.deviations.names() == {quirk}


CLEAN = [
    ("1.6", "StartTransaction", start(timestamp="2026-07-01T14:00:00.123+02:00")),
    ("1.6", "MeterValues", values({"value": "1234.5"}, {"value": "a1", "format": "SignedData"})),
    ("2.0.1", "TransactionEvent", event(offline=True, customData={"vendorId": "v", "value": "x"})),
    ("1.6", "StatusNotification", status(timestamp=AT)),
]


@pytest.mark.parametrize(("version", "action", "payload"), CLEAN)
def test_a_good_message_is_no_deviation(version: str, action: str, payload: Any) -> None:
    station = Station(version)
    assert station.take(action, copy(payload)) == []
    assert station.state.deviations.document() == {}


@pytest.mark.parametrize(
    "read", ["2026-07-01T12:00:00", "2026-07-01T12:00:00z", "2026-07-01 12:00Z"]
)
def test_reading_an_unusual_time_asks_for_a_second_look(read: str) -> None:
    before = wire.tally.noticed
    wire.time({"timestamp": "2026-07-01T12:00:00.000Z"})
    wire.number("12.5")
    assert wire.tally.noticed == before
    wire.time({"timestamp": read})
    assert wire.tally.noticed > before


# --- frames ---------------------------------------------------------------------------------------

HEARTBEAT = b'[2,"i","Heartbeat",{}]'
FRAMES = [
    (q.TRAILING_NULS, HEARTBEAT + b"\0\0", True, "i"),
    (q.TRAILING_NULS, b"\xef\xbb\xbf" + HEARTBEAT, True, "i"),
    (q.TRAILING_GARBAGE, HEARTBEAT + b"}", True, "i"),
    (q.TRAILING_GARBAGE, HEARTBEAT + HEARTBEAT, True, "i"),
    (q.NUMERIC_IDS, b'[2,17,"Heartbeat",{}]', True, 17),
    (q.LONG_IDS, b'[2,"' + b"i" * 50 + b'","Heartbeat",{}]', True, "i" * 50),
    (q.STRAY_COMMAS, b'[2,"i","Heartbeat",{"a":[,{"b":",,"},,1,],},]', True, "i"),
    (q.UNCLOSED_FRAMES, b'[2,"i","Heartbeat",{"a":[{"b":"]"}', True, "i"),
    (q.BINARY_FRAMES, HEARTBEAT, False, "i"),
    (q.LATIN_1, b'[2,"i","Heartbeat",{"a":"\xe9"}]', True, "i"),
]


@pytest.mark.parametrize(("quirk", "data", "is_text", "message_id"), FRAMES)
@pytest.mark.parametrize("version", DIALECTS)
def test_an_unreadable_frame_is_read_by_quirk_only(
    version: str, quirk: str, data: bytes, is_text: bool, message_id: str | int
) -> None:
    plain, quirky = Station(version), Station(version, quirk)
    if QUIRKS[quirk].applies is Applies.NAMED:
        assert plain.leniency.read_again(plain.state, data, is_text) is None
        assert plain.counted(q.UNREADABLE_FRAMES) == 1
        assert plain.suggested(quirk)
    message = quirky.leniency.read_again(quirky.state, data, is_text)
    assert isinstance(message, codec.Call)
    assert (message.message_id, message.action) == (message_id, "Heartbeat")
    assert quirky.state.deviations.names() == {quirk}
    assert json.loads(codec.write_answer(message.message_id, {})) == [3, message_id, {}]


@pytest.mark.parametrize("data", [b"", b"\0", b"[2", b'[2,"i"]', b"[" * 100_000, b'[2,{},"A",{}]'])
def test_what_no_quirk_explains_stays_unreadable(data: bytes) -> None:
    station = Station(
        "1.6", *(name for name, one in QUIRKS.items() if one.applies is Applies.NAMED)
    )
    message = station.leniency.read_again(station.state, data, True)
    assert message is None or isinstance(message, codec.Malformed)
    assert station.state.deviations.names() == {q.UNREADABLE_FRAMES}


def test_an_id_used_twice_in_a_row_is_counted() -> None:
    """Seen on the wire: message ids repeat; they never are a key"""
    station = Station("1.6")
    for message_id in ("1", "2", "1", "1"):
        station.leniency.numbered(station.state, message_id)
    assert station.counted(q.REUSED_IDS) == 1


# --- meaning --------------------------------------------------------------------------------------


def local(text: str, zone: str, now: datetime = NOW) -> datetime:
    station = Station("1.6", f"local-time:{zone}", at=now)
    payload = start(timestamp=text)
    assert station.take("StartTransaction", payload) == []
    return translate16.started(payload).at


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type,misc]  # year, month, day, ...


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2026-07-01T14:00:00", "Europe/Amsterdam", utc(2026, 7, 1, 12)),
        ("2026-07-01T14:00:00Z", "Europe/Amsterdam", utc(2026, 7, 1, 12)),
        ("2026-01-01T14:00:00.5Z", "Europe/Amsterdam", utc(2026, 1, 1, 13, 0, 0, 500_000)),
        ("2026-07-01T14:00:00+05:00", "Europe/Amsterdam", utc(2026, 7, 1, 9)),
        ("2026-07-01T14:00:00", "Asia/Kolkata", utc(2026, 7, 1, 8, 30)),
        ("2026-07-01T14:00:00", "America/New_York", utc(2026, 7, 1, 18)),
    ],
)
def test_local_time_is_of_the_named_zone_unless_it_names_another(
    text: str, zone: str, moment: datetime
) -> None:
    assert local(text, zone, utc(2026, 7, 2)) == moment


@pytest.mark.parametrize(
    ("text", "now", "moment"),
    [
        ("2026-03-29T01:59:59", utc(2026, 3, 29, 1), utc(2026, 3, 29, 0, 59, 59)),
        ("2026-03-29T03:00:00", utc(2026, 3, 29, 1), utc(2026, 3, 29, 1)),
        ("2026-10-25T02:30:00", utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 0, 30)),
        ("2026-10-25T02:30:00", utc(2026, 10, 25, 1, 30), utc(2026, 10, 25, 1, 30)),
        ("2026-10-25T03:00:00", utc(2026, 10, 25, 2), utc(2026, 10, 25, 2)),
    ],
)
def test_local_time_is_safe_when_the_clocks_change(
    text: str, now: datetime, moment: datetime
) -> None:
    assert local(text, "Europe/Amsterdam", now) == moment


def test_local_time_reaches_every_time_of_a_message() -> None:
    station = Station("2.0.1", "local-time:Europe/Amsterdam")
    sampled = [{"timestamp": "2026-07-01T14:00:00", "sampledValue": [{"value": 1}]}]
    payload = event(timestamp="2026-07-01T14:00:00Z", meterValue=sampled)
    assert station.take("TransactionEvent", payload) == []
    told = translate201.transaction(payload)
    assert (told.at, told.readings[0].at) == (NOW, NOW)
    assert station.counted(q.LOCAL_TIME) == 2


UNITS = [
    (q.KWH_AS_WH, {"value": "5"}, 5_000),
    (q.KWH_AS_WH, {"value": "5", "unit": "Wh"}, 5_000),
    (q.KWH_AS_WH, {"value": "5", "unit": "kWh"}, 5_000),
    (q.WH_AS_KWH, {"value": "5000", "unit": "kWh"}, 5_000),
    (q.WH_AS_KWH, {"value": "5000", "unit": "Wh"}, 5_000),
    (q.KW_AS_W, {"value": "11", "measurand": "Power.Active.Import"}, 11_000),
    (q.W_AS_KW, {"value": "11000", "measurand": "Power.Active.Import", "unit": "kW"}, 11_000),
    (q.KW_AS_W, {"value": "5", "unit": "Wh"}, 5),
]


@pytest.mark.parametrize(("quirk", "sampled", "value"), UNITS)
def test_a_wrong_unit_is_put_right_by_quirk(
    quirk: str, sampled: dict[str, Any], value: int
) -> None:
    station, payload = Station("1.6", quirk), values(dict(sampled))
    assert station.take("MeterValues", payload) == []
    assert translate16.metered(payload).readings[0].samples[0].value == value
    assert station.counted(quirk) == (payload["meterValue"][0]["sampledValue"][0] != sampled)


def test_a_wrong_unit_is_put_right_in_two_point_x_too() -> None:
    station = Station("2.0.1", q.KWH_AS_WH)
    sampled = {"value": Decimal("1.5"), "unitOfMeasure": {"unit": "Wh", "multiplier": 0}}
    payload = event(meterValue=[{"timestamp": AT, "sampledValue": [sampled]}])
    assert station.take("TransactionEvent", payload) == []
    assert translate201.transaction(payload).readings[0].samples[0].value == 1_500


def test_registers_a_thousandfold_of_the_meter_start_suggest_a_unit() -> None:
    station = Station("1.6").running(1)
    station.take("MeterValues", values({"value": "5000100", "unit": "kWh"}, transactionId=1))
    assert station.suggested(q.WH_AS_KWH)
    station = Station("1.6").running(1)
    station.take("MeterValues", values({"value": "5000.1"}, transactionId=1))
    assert station.suggested(q.KWH_AS_WH)
    station = Station("1.6").running(1)
    station.take("MeterValues", values({"value": "5000100"}, transactionId=1))
    assert station.state.deviations.document() == {}


@pytest.mark.parametrize(("told", "wh"), [(12, 12_000), (Decimal("12.345"), 12_345)])
def test_a_meter_start_in_kwh_is_counted_in_wh_by_quirk(told: Any, wh: int) -> None:
    station, payload = Station("1.6", q.METER_IN_KWH), start(meterStart=told)
    assert station.take("StartTransaction", payload) == []
    assert payload["meterStart"] == wh
    assert station.counted(q.METER_IN_KWH) == 1


ATTACHED = [
    (q.CONNECTOR_0_METER_VALUES, 0, (1,), 1),
    (q.CONNECTOR_0_METER_VALUES, 0, (1, 2), None),
    (q.METER_VALUES_WITHOUT_ID, 2, (1, 2), 2),
    (q.METER_VALUES_WITHOUT_ID, 3, (1, 2), None),
]


@pytest.mark.parametrize(("quirk", "connector", "running", "attached"), ATTACHED)
def test_meter_values_without_a_transaction_are_attached_by_quirk_where_one_can_be_meant(
    quirk: str, connector: int, running: tuple[int, ...], attached: int | None
) -> None:
    """ocpp-rules 12: never attached by guess; the quirk is the operator's word"""
    plain, payload = Station("1.6").running(*running), values({"value": "1"}, connectorId=connector)
    plain.take("MeterValues", payload)
    assert "transactionId" not in payload
    assert plain.suggested(quirk) == (attached is not None)
    quirky = Station("1.6", quirk).running(*running)
    quirky.take("MeterValues", payload)
    assert payload.get("transactionId") == attached
    assert quirky.counted(quirk) == (attached is not None)


def test_an_optional_member_in_the_wrong_case_is_left_out_and_the_quirk_suggested() -> None:
    station = Station("1.6")
    payload = values({"value": "1"}, transactionID=7)
    assert station.take("MeterValues", payload) == []
    assert "transactionID" not in payload
    assert station.suggested(q.WRONG_CASE)


@pytest.mark.parametrize(
    ("version", "payload"),
    [
        ("1.6", {"chargePointVendor": "V", "chargePointModel": "M", "firmwareVersion": "1"}),
        (
            "2.0.1",
            {
                "reason": "PowerUp",
                "chargingStation": {"vendorName": "V", "model": "M", "firmwareVersion": "1"},
            },
        ),
    ],
)
def test_a_boot_tells_the_kind_and_in_mid_transaction_is_counted(
    version: str, payload: dict[str, Any]
) -> None:
    station = Station(version)
    station.take("BootNotification", payload)
    assert station.counted(q.BOOT_IN_TRANSACTION) == 0
    station.running(1).take("BootNotification", payload)
    assert station.kinds.told == [("V", "M", "1")] * 2
    assert station.counted(q.BOOT_IN_TRANSACTION) == 1


def test_a_flood_of_broken_calls_is_examined_only_so_often() -> None:
    """Each suggestion costs a copy and a second mending: not for every call of a flood"""
    station = Station("1.6")
    for _ in range(100):
        station.take("StartTransaction", start(connectorId="1"))
    document = station.state.deviations.document()
    assert document[q.REFUSED_CALLS]["count"] == 100
    assert document[q.LOOSE_TYPES]["would_help"] == 20


def test_every_quirk_is_shown_by_some_test_of_this_file() -> None:
    shown = {case.quirk for case in SHAPES} | {line[0] for line in [*ALWAYS, *FRAMES, *UNITS]}
    shown |= {line[0] for line in ATTACHED}
    shown |= {q.LOCAL_TIME, q.METER_IN_KWH, q.REUSED_IDS, q.BOOT_IN_TRANSACTION}
    shown |= {q.REFUSED_CALLS, q.UNREADABLE_FRAMES}
    elsewhere = {q.CLOCK_OFF, q.BROKEN_ANSWERS, q.ANSWERS_TO_NOTHING}
    assert shown | elsewhere == set(QUIRKS)
