"""Every line of docs/ocpp-messages.md, seen on a socket: a whole gateway, one station a version.

What a station may send is sent with the least and with the most that its schema allows, and is
answered as its schema wants; what the line says of it is looked up through the operator's API.
What we may send is sent through the operator's API, and the station gets exactly that.
"""

import asyncio
import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from gateway import exact_json
from gateway.app import Gateway
from gateway.ocpp.dialect import Dialect
from gateway.ocpp.message_table import TABLE, Row
from gateway.ocpp.schemas import MessageSchema
from gateway.ocpp.server import DIALECTS
from gateway.settings import Settings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct-horse-battery"
OPERATOR_TOKEN = "message-table-operator"
TIME = "2026-03-02T10:00:00Z"
CALL, CALLRESULT, CALLERROR, SEND = 2, 3, 4, 6
FILE = "gateway/ocpp/message_table.py"

DIALECT: Mapping[str, Dialect] = {dialect.subprotocol: dialect for dialect in DIALECTS}


# --- payloads out of schemas ---


def payload(schema: MessageSchema, most: bool) -> Any:
    """The least or the most that a schema allows."""
    return _value(schema.document, schema.document, most)


def _value(schema: Mapping[str, Any], document: Mapping[str, Any], most: bool) -> Any:
    while "$ref" in schema:
        schema = document["definitions"][schema["$ref"].rpartition("/")[2]]
    if "enum" in schema:
        return schema["enum"][-1 if most else 0]
    match schema.get("type", "string"):
        case "object":
            names = schema.get("properties", {}) if most else schema.get("required", ())
            return {name: _value(schema["properties"][name], document, most) for name in names}
        case "array":
            count = min(schema.get("maxItems", 2), 2) if most else schema.get("minItems", 0)
            return [_value(schema["items"], document, most) for _ in range(count)]
        case "integer" | "number":
            return schema.get("maximum", 2) if most else schema.get("minimum", 1)
        case "boolean":
            return most
        case _:
            return _text(schema, most)


def _text(schema: Mapping[str, Any], most: bool) -> str:
    match schema.get("format"):
        case "date-time":
            return TIME
        case "uri":
            return "https://example.com/" if most else "h:"
    return "7" * schema.get("maxLength", 50) if most else "7"


# --- the scene ---


@dataclass
class Station:
    """One charge point's socket; it answers what it is asked with the least that is valid."""

    identity: str
    dialect: Dialect
    socket: ClientConnection
    asked: list[tuple[str, Any]] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)
    _awaited: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def read(self) -> None:
        async for frame in self.socket:
            parts = json.loads(frame, parse_float=Decimal)
            if parts[0] == CALL:
                _, message_id, action, body = parts
                self.asked.append((action, body))
                schema = self.dialect.schemas.response(action)
                assert schema is not None
                answer = self.answers.get(action, payload(schema, most=False))
                await self.socket.send(json.dumps([CALLRESULT, message_id, answer], default=float))
            elif parts[1] in self._awaited:
                self._awaited.pop(parts[1]).set_result(parts)

    async def call(self, action: str, body: Any) -> list[Any]:
        message_id = f"m{next(self._ids)}"
        answer = self._awaited[message_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([CALL, message_id, action, body], default=float))
        async with asyncio.timeout(10):
            return await answer

    async def send(self, action: str, body: Any) -> None:
        frame = [SEND, f"m{next(self._ids)}", action, body]
        await self.socket.send(json.dumps(frame, default=float))


@dataclass
class Scene:
    api: aiohttp.ClientSession
    stations: dict[str, Station] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        data = None if body is None else exact_json.dumps(body)
        async with self.api.request(method, path, data=data) as answer:
            text = await answer.read()
            return answer.status, exact_json.loads(text) if text else None

    async def get(self, path: str) -> Any:
        status, answer = await self.ask("GET", path)
        assert status == 200, (status, answer)
        return answer

    async def kept(self, station: Station, stream: str) -> int:
        streams = await self.get(f"charge-points/{station.identity}/kept")
        return next((one["count"] for one in streams if one["stream"] == stream), 0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    settings = Settings(
        data_dir=tmp_path_factory.mktemp("message-table"),
        ocpp_port=0,
        ocpi_port=0,
        operator_port=0,
        files_port=0,
        operator_token=OPERATOR_TOKEN,
        log_level="ERROR",
    )
    async with AsyncExitStack() as stack:
        gateway = await Gateway.start(settings)
        stack.push_async_callback(gateway.close)
        session = aiohttp.ClientSession(
            f"{gateway.addresses.operator}api/v1/",
            headers={
                "Authorization": f"Bearer {OPERATOR_TOKEN}",
                "Content-Type": "application/json",
            },
        )
        opened = Scene(await stack.enter_async_context(session))
        for dialect in DIALECTS:
            await _connect(opened, gateway.addresses.ocpp, dialect, stack)
        yield opened


async def _connect(scene: Scene, url: str, dialect: Dialect, stack: AsyncExitStack) -> None:
    identity = f"CP-{dialect.subprotocol}"
    # it is sent nothing but what these tests ask for
    record = {"security_profile": 1, "password": PASSWORD, "provision": False}
    status, answer = await scene.ask("PUT", f"charge-points/{identity}", record)
    assert status == 201, answer
    basic = base64.b64encode(f"{identity}:{PASSWORD}".encode()).decode()
    socket = await stack.enter_async_context(
        connect(
            url + identity,
            subprotocols=[Subprotocol(dialect.subprotocol)],
            additional_headers={"Authorization": f"Basic {basic}"},
            compression=None,
            proxy=None,
        )
    )
    station = scene.stations[dialect.subprotocol] = Station(identity, dialect, socket)
    reading = asyncio.create_task(station.read())
    stack.push_async_callback(asyncio.gather, reading, return_exceptions=True)
    stack.push_async_callback(socket.close)
    boot = dialect.schemas.request("BootNotification")
    assert boot is not None
    answered = await station.call("BootNotification", payload(boot, most=False))
    assert answered[2]["status"] == "Accepted"


# --- what the lines say ---


def lines(predicate: Callable[[Row], bool]) -> list[Any]:
    return [
        pytest.param(subprotocol, row, id=f"{subprotocol}-{row.action}")
        for subprotocol, rows in TABLE.items()
        for row in rows
        if predicate(row)
    ]


def valid_answer(dialect: Dialect, action: str, frame: list[Any]) -> Any:
    assert frame[0] == CALLRESULT, frame
    schema = dialect.schemas.response(action)
    assert schema is not None
    assert [str(fault) for fault in schema.faults(frame[2])] == []
    return frame[2]


@pytest.mark.parametrize("most", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(
    ("subprotocol", "row"), lines(lambda row: row.is_received and row.confirmed)
)
async def test_what_a_station_sends_is_answered_by_the_schema(
    scene: Scene, subprotocol: str, row: Row, most: bool
) -> None:
    """ocpp-rules 32 for 2.1: its own words and fields among them"""
    station = scene.stations[subprotocol]
    schema = station.dialect.schemas.request(row.action)
    assert schema is not None
    body = payload(schema, most)
    assert [str(fault) for fault in schema.faults(body)] == []
    before = await scene.kept(station, row.kept) if row.kept else 0

    answer = valid_answer(station.dialect, row.action, await station.call(row.action, body))

    if row.kept:
        after = await scene.kept(station, row.kept)
        assert after == before + 1, (
            f"{subprotocol} {row.action} is not kept in {row.kept!r}: change its row in {FILE}"
        )
    else:
        effect = EFFECTS.get(row.action)
        assert effect is not None, f"say in EFFECTS how the effect of {row.action} can be seen"
        await effect(scene, station, body, answer)


@pytest.mark.parametrize(("subprotocol", "row"), lines(lambda row: not row.confirmed))
async def test_a_send_is_kept_and_never_answered(scene: Scene, subprotocol: str, row: Row) -> None:
    """ocpp-rules 4"""
    station = scene.stations[subprotocol]
    schema = station.dialect.schemas.unconfirmed(row.action)
    assert schema is not None
    assert row.kept is not None
    before = await scene.kept(station, row.kept)
    for most in (False, True):
        await station.send(row.action, payload(schema, most))
    await station.call("Heartbeat", {})  # behind them in the one inbox
    assert await scene.kept(station, row.kept) == before + 2
    assert (await station.call(row.action, payload(schema, False)))[:3:2] == [
        CALLERROR,
        "NotImplemented",
    ]


@pytest.mark.parametrize("most", [False, True], ids=["least", "most"])
@pytest.mark.parametrize(("subprotocol", "row"), lines(lambda row: row.is_sent))
async def test_what_we_send_reaches_the_station_as_it_is_and_brings_its_answer_back(
    scene: Scene, subprotocol: str, row: Row, most: bool
) -> None:
    station = scene.stations[subprotocol]
    request = station.dialect.schemas.request(row.action)
    response = station.dialect.schemas.response(row.action)
    assert request is not None
    assert response is not None
    body = payload(request, most)
    station.answers[row.action] = payload(response, most)
    station.asked.clear()

    status, answer = await scene.ask(
        "POST",
        f"charge-points/{station.identity}/calls",
        {"action": row.action, "payload": body, "timeout": 10},
    )

    assert status == 200, answer
    assert station.asked == [(row.action, body)]
    assert answer == {"type": "CALLRESULT", "payload": station.answers[row.action]}


async def test_no_version_lets_us_send_what_only_stations_send_unconfirmed(scene: Scene) -> None:
    """No SEND goes from us to a station."""
    station = scene.stations["ocpp2.1"]
    status, _ = await scene.ask(
        "POST",
        f"charge-points/{station.identity}/calls",
        {"action": "NotifyPeriodicEventStream", "payload": {}},
    )
    assert status == 422


async def test_what_was_kept_is_read_as_it_came(scene: Scene) -> None:
    station = scene.stations["ocpp2.1"]
    body = {"transactionId": "T1", "activated": True}
    await station.call("NotifyPriorityCharging", body)
    kept = await scene.get(f"charge-points/{station.identity}/kept/NotifyPriorityCharging?limit=1")
    assert [one["payload"] for one in kept] == [body]


async def test_the_last_ones_of_a_stream_come_first_and_the_header_counts_all(
    scene: Scene,
) -> None:
    station = scene.stations["ocpp2.1"]
    for number in range(3):
        await station.call("ClosePeriodicEventStream", {"id": number})
    path = f"charge-points/{station.identity}/kept/ClosePeriodicEventStream"
    async with scene.api.get(path, params={"limit": "2"}) as answer:
        newest = exact_json.loads(await answer.read())
        assert answer.headers["X-Total-Count"] == str(
            await scene.kept(station, "ClosePeriodicEventStream")
        )
    assert [one["payload"]["id"] for one in newest] == [2, 1]


@pytest.mark.parametrize("path", ["nobody/kept", "nobody/kept/NotifyEvent"])
async def test_of_an_unknown_charge_point_nothing_is_kept(scene: Scene, path: str) -> None:
    assert (await scene.ask("GET", f"charge-points/{path}"))[0] == 404


async def test_a_stream_that_does_not_exist_is_empty(scene: Scene) -> None:
    assert await scene.get("charge-points/CP-ocpp2.1/kept/Nonsense") == []


@pytest.mark.parametrize("limit", ["0", "1001", "-1", "many"])
async def test_a_limit_out_of_bounds_is_refused(scene: Scene, limit: str) -> None:
    path = f"charge-points/CP-ocpp2.1/kept/NotifyEvent?limit={limit}"
    assert (await scene.ask("GET", path))[0] == 400


async def test_kept_messages_are_described(scene: Scene) -> None:
    described = await scene.get("openapi.json")
    base = "/api/v1/charge-points/{identity}/kept"
    assert {base, base + "/{stream}"} <= set(described["paths"])


# --- the effects of what is not only kept ---

Effect = Callable[[Scene, Station, Any, Any], Awaitable[None]]


async def booted(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    boot = (await scene.get(f"charge-points/{station.identity}"))["boot"]
    vendor = body.get("chargePointVendor") or body["chargingStation"]["vendorName"]
    assert answer["status"] == "Accepted"
    assert boot["vendor"] == vendor


async def told_the_time(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    assert datetime.fromisoformat(answer["currentTime"]).tzinfo is not None


async def decided(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """Nobody knows this token; a type that needs nobody's word is not among these."""
    info = answer.get("idTagInfo") or answer["idTokenInfo"]
    is_free = body.get("idToken", {}).get("type") == "NoAuthorization"
    has_bad_certificate = "certificateStatus" in answer  # nobody has signed the vehicle's
    assert info["status"] == ("Accepted" if is_free and not has_bad_certificate else "Invalid")


async def shown_at_the_connector(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    shown = await scene.get(f"charge-points/{station.identity}")
    word = body.get("connectorStatus") or body["status"]
    assert re.search(word, json.dumps(shown["connectors"], default=str), re.IGNORECASE)


async def a_transaction(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    found = await scene.get(f"charge-points/{station.identity}/transactions")
    number = answer.get("transactionId") or body["transactionInfo"]["transactionId"]
    assert str(number) in {one["id"] for one in found}


async def an_orphan(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """The stop of a transaction that nobody has started."""
    newest, *_ = await scene.get(f"charge-points/{station.identity}/kept/orphans?limit=1")
    assert str(body["transactionId"]) in json.dumps(newest, default=str)


async def stray_values(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    assert await scene.kept(station, "meter_values") > 0


async def a_reservation_ended(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """It was never made, so nothing came of it."""
    assert await scene.get(f"charge-points/{station.identity}/reservations") == []


async def signed_by_nobody(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """No certificate authority is set."""
    assert answer["status"] == "Rejected"


async def no_certificate_known(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """No responder answers, and no hook is set."""
    status = answer.get("status") or answer["certificateStatus"][0]["status"]
    assert status == "Failed"


async def a_report(scene: Scene, station: Station, body: Any, answer: Any) -> None:
    """A part of a report that nobody asked for is shown all the same."""
    request_id = body["requestId"]
    found = await scene.get(f"charge-points/{station.identity}/reports")
    assert request_id in {report["request_id"] for report in found}


EFFECTS: Mapping[str, Effect] = {
    "Authorize": decided,
    "BootNotification": booted,
    "Get15118EVCertificate": no_certificate_known,
    "GetCertificateChainStatus": no_certificate_known,
    "GetCertificateStatus": no_certificate_known,
    "Heartbeat": told_the_time,
    "MeterValues": stray_values,
    "NotifyCustomerInformation": a_report,
    "NotifyDisplayMessages": a_report,
    "NotifyMonitoringReport": a_report,
    "NotifyReport": a_report,
    "ReportChargingProfiles": a_report,
    "ReservationStatusUpdate": a_reservation_ended,
    "SignCertificate": signed_by_nobody,
    "StartTransaction": a_transaction,
    "StatusNotification": shown_at_the_connector,
    "StopTransaction": an_orphan,
    "TransactionEvent": a_transaction,
}
